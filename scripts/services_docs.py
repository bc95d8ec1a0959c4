"""Generate docs/services.md from the table of keys of the service file.

Run it after changing a key; a test compares the file with its output.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(CHECKOUT))

from iipserve.geo.service.keys import OPERATION_KEYS, SECTIONS, Key  # noqa: E402 (the checkout comes first)
from iipserve.geo.service.map_layers import ELSEWHERE, RESTRICTING  # noqa: E402
from iipserve.geo.service.map_service import FORBIDDEN, SERVICE_KEYS  # noqa: E402

HEAD = """# Map services

Map services need the extra `geo`: `pip install 'iipserve[geo]'`.

Without configuration every image below `FILESYSTEM_PREFIX` is a layer. It is called by its path without the extension
(`maps/relief` for `maps/relief.tif`; the path with the extension is understood too). Where two images share a name apart
from the extension, both keep theirs. Images without georeference are layers in pixel space. Files named `*.ovr` and
`*.msk` belong to other files and are no layers.

Pixels of an image on the ground are clear on maps, and have no values, where the first band of the mask next to it is 0
(`relief.tif.msk` of `relief.tif`, as GDAL writes it), unless the image has opacity of its own. A mask that is changed or removed
is noticed, a new one on reload. Deep zoom shows all pixels.

Maps of images with a palette show classes that the full size has, in its colors: levels of the file with other ones, as
tools make them that average colors, are not used, unless a map would need more than 16 x 16 pixels of a larger level for each
of its own.

Documents about all layers are made of what a thread in the background has read of the folder. The first request for one
starts it and waits up to 3 seconds; of a large folder the first documents tell only of what is known by then. Every minute
new, changed and removed files are noticed. With `CATALOG_FILE` one worker reads the folder for all, and a restart reads
changed files only. At most 20,000 images are listed; the others are served all the same.

`SERVICES` names a file that says what the services tell of themselves, which layers there are, and in which styles. It is
read at start and on reload (`HUP`). A mistake in it stops the start, with a message that
names line, key and what would do; a reload with a mistake keeps what was in force, and logs the mistake. A file that is empty
is a mistake. One that was written to less than 3 seconds before it was read may be half-saved: a start of the daemon waits that long for the
rest of it, if it has a mistake, and a change within 30 seconds is taken over without a signal; the log says so. Better save it under another
name and rename it.
`iipserve --check` reports what is in force.

## In TOML

```toml
[service]
title = "Maps of the survey"
provider = "National survey"

[wmts]
formats = ["png", "jpeg"]

[[style]]
name = "shaded"
range = [0, 4000]
colormap = "viridis"

[[layer]]
identifier = "relief"
image = "maps/relief"
styles = ["shaded", "default"]
```

A layer with `tile_index` is a coverage of all images of a shapefile, as `gdaltindex` writes one: of each request, those whose
footprints touch the box and whose time is the one that is asked for, later rows over earlier ones. The attribute with times is
`metadata.wcs_timeitem`; `metadata.wcs_timeposition` lists them, else all are listed. All images have the samples, the coordinate
reference system and the size of pixels of the first. Maps show that one only.

The style `default` is the image as IIIF shows it, unless the file defines another one of that name. These tables are generated from
the code by `scripts/services_docs.py`.
"""

MAP_HEAD = """
## As a map file of MapServer

A file whose name ends in `.map` is read as MapServer's. Its raster layers are served under their names, with the
metadata of `METADATA` under the prefixes `wmts_`, `ows_`, `wms_`, `wcs_` and `mapml_`, of which the first counts for all
services. What means nothing to this server is reported by `--check`, a line for each; `INCLUDE` is refused.

| of the map file | becomes |
|---|---|
| `LAYER` with `TYPE RASTER` and `DATA` below `SHAPEPATH`, or below the folder of the map file | a layer, if the file is below `FILESYSTEM_PREFIX`; the start stops otherwise |
| `PROCESSING` `BANDS=`, `SCALE=`, `SCALE_1=` ..., `NODATA=`, `RESAMPLE=`, and `OFFSITE` | `bands`, `range` (`stretch` for `SCALE=AUTO`), `nodata`, `resampling` |
| `TILEINDEX`, a shapefile or a layer whose `DATA` is one, with `TILEITEM`, and `FILTERITEM` with one value as `FILTER` | `tile_index`, `tile_item`, `tile_filter`; `wcs_timeitem` names the attribute with times |
| `EXTENT` of a layer | `extent` |
| `OUTPUTFORMAT`, `getmap_formatlist`, `getfeatureinfo_formatlist` | formats of tiles besides PNG and JPEG, of feature info |
| `MAXSIZE`, `IMAGECOLOR`, `NAME` | `max_width` and `max_height`, `background`, `root_name` of WMS |
| `GROUP` with `group_title` and `group_abstract`, or `layer_group` | groups of layers in documents of WMS, by whose names their layers are asked for |
| `MINSCALEDENOM`, `MAXSCALEDENOM`, `attribution_...`, `authorityurl_...`, `identifier_...`, `metadataurl_...`, `dataurl_...`, `opaque`, `timeextent`, `timedefault`, `dimensionlist` | what documents of WMS, and of dimensions those of WMTS, tell of a layer; the keys of `layer.metadata` have the same names |
| `CLASS` with `NAME` and an `EXPRESSION` of one value: `"1"`, `([pixel] = 1)` | `classes`, the names of classes of a palette in legends; colors stay those of the palette |
| `wms_style_NAME_legendurl_href`, `_width`, `_height`, `_format` | the legend of a style in documents of WMS, WMTS and MapML, instead of this server's |
| `wms_style_NAME_title` | the title of a style of a layer |
| `wms_sld_enabled`, `wms_layerlimit`, `wms_getcapabilities_version` | `sld`, `max_layers`, `version` of `[wms]` |
| `wms_keywordlist_vocabulary`, `wms_keywordlist_NAME_items` | keywords of vocabularies in documents of WMS 1.3.0 |
| `wms_getfeatureinfo_formatlist` of a layer | the only formats of feature info of WMS and in its documents of MapML |
| `mapml_wms_image_format` | `image_format` of `[mapml]`; of a layer, its item `wms_image_format` |
| `enable_request` | operations, and whether a layer is public: `*`, names, and names after `!`; all without it. WCS takes `wcs_enable_request`, then `ows_enable_request`, then that of other services, of a layer before that of the map; a layer that is switched off for maps alone is not in WMS, WMTS and XYZ (`tiles = "false"` in `layer.metadata`) |
| `OUTPUTFORMAT` with a driver of GDAL for rasters, `FORMATOPTION` `COMPRESS`, `PREDICTOR`, `TILED`, `BLOCKXSIZE`, `BLOCKYSIZE`, `INTERLEAVE`, `QUALITY` | `[[format]]`; samples keep their type whatever `IMAGEMODE` says |
| `MAXSIZE` | also `max_size` of `[wcs]` |
| items of METADATA of `WEB` about coverages, with `wcs_` or else `ows_`: `label`, `description`, `name`, `keywordlist`, `fees`, `accessconstraints`, `metadatalink_...` | `metadata` of `[wcs]`, for documents of WCS alone |
| those of a layer: the same, and `srs`, `extent` with `size` or `resolution`, `bandcount`, `formats`, `nativeformat`, `native_format`, `rangeset_...`, items of range axes and bands, `nilvalues`, `nilvalues_reasons`, `timeposition`, `imagemode` | what documents of WCS tell of a layer; in TOML, keys of `layer.metadata` with the prefix `wcs_` |
| `wcs_outputformat_NAME_creationoption_OPTION` of a layer, with the options of `FORMATOPTION` above, and `wcs_outputformat_NAME_mdi_DOMAIN_KEY` or `..._mdi_BAND_1_DOMAIN_KEY`, where `default` is the usual domain | how its files of this format are written, and the metadata of GDAL in GeoTIFF, whose names are in upper case |
| mandatory items of WCS that are missing | comments with `WARNING` in documents, as `warnings` of `[wcs]` switches them on |

Items of range axes are `AXIS_semantic`, `AXIS_refsys`, `AXIS_refsyslabel`, `AXIS_description`, `AXIS_label`, `AXIS_values`,
`AXIS_values_semantic`, `AXIS_values_type` and `AXIS_interval` for each of `rangeset_axes`; the axis `bands` is always there. Items of
bands are `BAND_band_interpretation`, `BAND_band_uom`, `BAND_band_definition`, `BAND_band_description`, `BAND_interval` and
`BAND_significant_figures` for each of `band_names`; without the name of a band they are of all bands.

| keywords of METADATA of `WEB` | key |
|---|---|
"""


def markdown() -> str:
    """The text of docs/services.md."""
    parts = [HEAD]
    for name, section in SECTIONS.items():
        header = f"[[{name}]]" if section.repeated else f"[{name}]"
        parts.append(
            f"\n### `{header}`\n\n{section.text}\n\n{_table(section.keys, in_layer=name == 'layer')}"
        )
    left_out = ", ".join(f"`{key.upper()}`" for key in ELSEWHERE)
    refused = ", ".join([f"`{key.upper()}`" for key in RESTRICTING] + [f"`{key}`" for key in FORBIDDEN])
    return "".join(parts) + MAP_HEAD + _keywords() + (
        f"\nLayers of other types, and those with {left_out}, are left out and reported. These would restrict what is shown "
        f"and are not offered, so that the start stops: {refused}.\n"
    )  # fmt: skip


def _table(keys: Mapping[str, Key], *, in_layer: bool) -> str:
    rows = ["| key | accepts | example | meaning |\n|---|---|---|---|\n"]
    for name, key in keys.items():
        if not (in_layer and name in OPERATION_KEYS):
            rows.append(_row(name, key))
    if in_layer:
        operations = ", ".join(f"`{name}`" for name in OPERATION_KEYS)
        rows.append(
            f"| {operations} | as in `[[style]]` | | The operations of the only style, `default`. |\n"
        )
    return "".join(rows)


def _row(name: str, key: Key) -> str:
    accepts = key.reader.accepts.replace("|", "&#124;")
    text = f"{key.text} Needed." if key.required else f"{key.text}{_default(key)}"
    return f"| `{name}` | {accepts} | {f'`{key.example}`' if key.example else ''} | {text} |\n"


def _default(key: Key) -> str:
    if not key.default:
        return ""
    return f" Default: `{json.dumps(key.default)}`."


def _keywords() -> str:
    by_key: dict[str, list[str]] = {}
    for keyword, key in SERVICE_KEYS.items():
        by_key.setdefault(key, []).append(keyword)
    rows = [f"| {', '.join(f'`{word}`' for word in words)} | `{key}` |\n" for key, words in by_key.items()]
    return "".join(rows)


FILES = {"docs/services.md": markdown}

if __name__ == "__main__":
    for name, text in FILES.items():
        (CHECKOUT / name).write_text(text())
