"""The map file of coverages that both servers read, of the rasters of `tests.differential.wms.rasters`."""

from __future__ import annotations

from pathlib import Path

from tests.differential.wms.rasters import MAKERS, PROJECTIONS

LAYERS = tuple(MAKERS)
MAP_FILE = """MAP
  NAME "coverages"
  SIZE 256 256
  MAXSIZE 2048
  EXTENT -180 -90 180 90
  UNITS DD
  PROJECTION "epsg:4326" END
  OUTPUTFORMAT NAME "GeoTIFF" DRIVER "GDAL/GTiff" MIMETYPE "image/tiff" IMAGEMODE BYTE EXTENSION "tif" END
  OUTPUTFORMAT NAME "float" DRIVER "GDAL/GTiff" MIMETYPE "image/tiff; subtype=float" IMAGEMODE FLOAT32 EXTENSION "tif" END
  OUTPUTFORMAT NAME "png" DRIVER "AGG/PNG" MIMETYPE "image/png" IMAGEMODE RGBA EXTENSION "png" END
  WEB
    METADATA
      "wcs_label" "coverages"
      "ows_title" "coverages"
      "ows_onlineresource" "http://a.example/"
      "wcs_enable_request" "*"
      "ows_srs" "EPSG:4326 EPSG:3857 EPSG:32633 EPSG:3035 EPSG:4490"
    END
  END{layers}
END
"""
LAYER = """
  LAYER
    NAME "{name}"
    TYPE RASTER
    STATUS ON
    DATA "{name}.tif"
    PROJECTION "{lower}" END
    METADATA
      "wcs_label" "{name}"
      "wcs_rangeset_name" "range"
      "wcs_rangeset_label" "range of {name}"
      "wcs_rangeset_axes" "bands"
      "wcs_formats" "{format}"
      "wcs_nativeformat" "{format}"
      "wcs_srs" "{projection} EPSG:4326 EPSG:3857 EPSG:32633"
    END
  END"""
FORMATS = {"heights": "float"}
"""Of layers whose samples are not bytes: MapServer writes all samples as a format says."""


def make(folder: Path) -> Path:
    """Write the rasters and the map file into a folder; the path of the latter."""
    for write in MAKERS.values():
        write(folder)
    layers = (
        LAYER.format(
            name=name,
            projection=projection.upper(),
            lower=projection,
            format=FORMATS.get(name, "GeoTIFF"),
        )
        for name in LAYERS
        for projection in [PROJECTIONS.get(name, "epsg:32633")]
    )
    path = folder / "coverages.map"
    path.write_text(MAP_FILE.format(layers="".join(layers)))
    return path
