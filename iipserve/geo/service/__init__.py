"""The service file: what the map services say of themselves, and which layers and styles they have.

It has one of two forms: TOML (`keys` is the table of everything in it), or a map file of MapServer.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import Any

from iipserve.config import Config
from iipserve.errors import ConfigError, NotInstalled
from iipserve.geo import require
from iipserve.geo.coverages import NamedFormat
from iipserve.geo.layer import Contact, Layer, ServiceMetadata, Style
from iipserve.geo.matrixset_files import MAX_LENGTH, parsed_set
from iipserve.geo.service import files, map_form, tile_index, toml_form
from iipserve.geo.service.checking import Mistakes, Table, checked
from iipserve.geo.service.collection_keys import COLLECTIONS, absolute
from iipserve.geo.service.keys import COVERAGE_FORMATS, OPTION_SECTIONS, default_options
from iipserve.geo.service.source import ServiceSource
from iipserve.geo.service.styles import style, styles_of
from iipserve.geometry import Size
from iipserve.image import ImageName, Selector

DEFAULT_METADATA = ServiceMetadata(
    abstract="All images of this server. A service file can describe them (SERVICES).",
    options=MappingProxyType(default_options()),
)
"""Of a server without a service file."""


@dataclass(frozen=True, slots=True)
class Services:
    """What a service file says."""

    metadata: ServiceMetadata = DEFAULT_METADATA
    layers: tuple[Layer, ...] = ()
    """In the order of the file, those that are not public too; `name` may lack the extension of the image."""
    has_layers: bool = False
    """The file says which layers there are; otherwise every image is one."""
    notes: tuple[str, ...] = ()
    """Lines about what is not understood of a map file."""
    changed_ns: int = 0
    """Time of the last change of the file, in nanoseconds since 1970."""


def load(config: Config) -> Services:
    """What the settings say of services: SERVICES names the file; without it, the defaults.

    Raises:
        ConfigError: the file cannot be read, is empty, or has mistakes: a line for each; or the extra `geo` is not installed.
    """
    if not config.services:
        return Services()
    path, form = Path(config.services), _form(config.services)
    try:
        require()
        files.forget_read()
        found = files.content(path, form.MAX_LENGTH)
    except (ConfigError, NotInstalled) as error:
        raise ConfigError(f"SERVICES is {config.services!r}; {error}") from error
    if not found.data.strip():
        # as while it is being saved, when a server without its layers and collections would be wrong
        raise ConfigError(f"{path.name}: it is empty; write a service into it, or leave SERVICES out")
    return _Builder(path, form.read(path, config), config).services(found.changed_ns)


def _form(path: str) -> ModuleType:
    return map_form if path.lower().endswith(".map") else toml_form


class _Builder:
    """Makes values of a parsed file, and collects its mistakes."""

    def __init__(self, path: Path, source: ServiceSource, config: Config) -> None:
        self._path = path
        self._source = source
        self._config = config
        self._mistakes = Mistakes(path.name, source.line_of)

    def services(self, changed_ns: int) -> Services:
        """Everything. Raises `ConfigError`."""
        tables = checked(self._source.data, self._mistakes)
        styles = self._styles(tables["style"])
        layers = self._layers(tables["layer"], styles)
        metadata = self._metadata(tables)
        if lines := self._mistakes.lines:
            raise ConfigError("\n".join(lines))
        has_layers = "layer" in self._source.data
        return Services(metadata, tuple(layers.values()), has_layers, self._source.notes, changed_ns)

    def _styles(self, tables: list[Table]) -> dict[str, Style]:
        styles: dict[str, Style] = {}
        for path, values in tables:
            try:
                if "name" in values:
                    self._check_new(values["name"], styles, "style.name")
                    styles[values["name"]] = style(values, self._config.colormaps)
            except ConfigError as error:
                self._mistakes.add(path, str(error))
                styles.setdefault(values["name"], Style(values["name"]))
        return styles

    def _layers(self, tables: list[Table], styles: Mapping[str, Style]) -> dict[str, Layer]:
        layers: dict[str, Layer] = {}
        for path, values in tables:
            try:
                if "identifier" in values:
                    self._check_new(values["identifier"], layers, "layer.identifier")
                    layers[values["identifier"]] = self._layer(values, styles)
            except ConfigError as error:
                self._mistakes.add(path, str(error))
        return layers

    def _layer(self, values: Mapping[str, Any], styles: Mapping[str, Style]) -> Layer:
        """The layer of a checked table, with the images of its tile index. Raises `ConfigError`."""
        if "tile_index" not in values:
            return _layer(values, styles, self._config.colormaps)
        images = tile_index.read(values, self._path.parent, self._config)
        image = values.get("image", images[0].name.identifier)
        layer = _layer({**values, "image": image}, styles, self._config.colormaps)
        return replace(layer, images=images, images_crs=tile_index.system(values, self._path.parent))

    def _check_new(self, name: str, known: Mapping[str, Any], key: str) -> None:
        if name in known:
            raise ConfigError(f"{key} is {name!r}, as of another one above; give each its own")

    def _metadata(self, tables: Mapping[str, list[Table]]) -> ServiceMetadata:
        said = dict(tables["service"][0].values) if tables["service"] else {}
        contact = tables["service.contact"][0].values if tables["service.contact"] else {}
        options = default_options()
        options["service.public_address"] = said.pop("public_address", "").rstrip("/")
        for section in OPTION_SECTIONS:
            for table in tables[section]:
                options |= {f"{section}.{key}": value for key, value in table.values.items()}
        for table in tables["collections"]:
            stated = {key: known.default for key, known in COLLECTIONS.items()} | dict(table.values)
            options |= {
                f"collections.{key}": value for key, value in absolute(stated, self._path.parent).items()
            }
        options["wmts.further_matrix_sets"] = tuple(self._further_sets(options["wmts.matrix_set_files"]))
        options["wcs.named_formats"] = tuple(self._formats(tables["format"]))
        return ServiceMetadata(**said, contact=Contact(**contact), options=MappingProxyType(options))

    def _formats(self, tables: list[Table]) -> list[NamedFormat]:
        formats: dict[str, NamedFormat] = {}
        for path, values in tables:
            try:
                if "name" in values:
                    self._check_new(values["name"].lower(), formats, "format.name")
                    formats[values["name"].lower()] = NamedFormat(
                        **{
                            "format": COVERAGE_FORMATS[0],
                            **values,
                            "tile": Size(*values["tile"]) if "tile" in values else None,
                        }
                    )
            except ConfigError as error:
                self._mistakes.add(path, str(error))
        return list(formats.values())

    def _further_sets(self, names: tuple[str, ...]) -> list[Any]:
        sets: dict[str, Any] = {}
        for name in names:
            try:
                text = files.text(self._path.parent / name, MAX_LENGTH)
                found = parsed_set(json.loads(text), name)
                self._check_new(found.identifier, sets, f"{name}: id")
                sets[found.identifier] = found
            except ConfigError as error:
                self._mistakes.add(("wmts", "matrix_set_files"), str(error))
            except (ValueError, RecursionError) as error:
                self._mistakes.add(("wmts", "matrix_set_files"), f"{name} is no JSON: {error}")
        return list(sets.values())


def _layer(values: Mapping[str, Any], styles: Mapping[str, Style], colormaps: str) -> Layer:
    """The layer of a checked table. Raises `ConfigError`."""
    image = values.get("image", values["identifier"])
    return Layer(
        identifier=values["identifier"],
        name=ImageName(image, Selector(values.get("page", 0))),
        title=values.get("title", ""),
        abstract=values.get("abstract", ""),
        keywords=values.get("keywords", ()),
        styles=styles_of(values, styles, colormaps),
        crs=values.get("crs", ()),
        extent=values.get("extent"),
        nodata=values.get("nodata"),
        resampling=values.get("resampling", "nearest"),
        is_public=values.get("public", True),
        class_names=values.get("classes", ()),
        metadata=MappingProxyType(_metadata(values)),
    )


def _metadata(values: Mapping[str, Any]) -> dict[str, str]:
    """Further items of a layer; whether it is queryable is one of them (`Layer.is_queryable`)."""
    items = dict(values.get("metadata", {}))
    return items if values.get("queryable", True) else items | {"queryable": "false"}
