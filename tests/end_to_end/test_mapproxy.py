"""MapProxy cascades the tiles: what it answers in its own protocols has the pixels of the server's tiles."""

from __future__ import annotations

import io
import json
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlencode

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

rasterio = pytest.importorskip("rasterio")
pytest.importorskip("mapproxy")

from rasterio.warp import transform_bounds  # noqa: E402

from tests.end_to_end.running import map_server, running  # noqa: E402
from tests.geo_rasters import GRIDS, write_geotiff  # noqa: E402
from tests.ports import free_port  # noqa: E402

HALF_EQUATOR = 20_037_508.342789244
LAYERS = {"utm": 13, "mercator": 10, "wgs84": 7}
"""Kinds of `geo_rasters.GRIDS`, and a zoom at which each takes a few tiles."""
TEMPLATES = {
    "XYZ": "/xyz/{layer}/%(z)s/%(x)s/%(y)s.png",
    "REST": "/wmts/{layer}/default/WebMercatorQuad/%(z)s/%(y)s/%(x)s.png",
    "KVP": "/wmts?SERVICE=WMTS&REQUEST=GetTile&VERSION=1.0.0&LAYER={layer}&STYLE=default&FORMAT=image/png"
    "&TILEMATRIXSET=WebMercatorQuad&TILEMATRIX=%(z)s&TILEROW=%(y)s&TILECOL=%(x)s",
}
"""Addresses of tiles, as MapProxy writes them."""


class Range(NamedTuple):
    """The tiles that show a raster, and those around them."""

    zoom: int
    columns: range
    rows: range

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """In Web Mercator: west, south, east, north."""
        side = 2 * HALF_EQUATOR / 2**self.zoom
        return (
            self.columns.start * side - HALF_EQUATOR,
            HALF_EQUATOR - self.rows.stop * side,
            self.columns.stop * side - HALF_EQUATOR,
            HALF_EQUATOR - self.rows.start * side,
        )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Rasters in which no two pixels are alike."""
    made = tmp_path_factory.mktemp("rasters")
    pixels = np.random.default_rng(5).integers(1, 256, (3, 200, 300), np.uint8)
    for name in LAYERS:
        crs, transform = GRIDS[name]
        write_geotiff(made / f"{name}.tif", pixels, crs=crs, transform=transform, tile=64, photometric="RGB")
    return made


@pytest.fixture(scope="module")
def origin(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server of the rasters."""
    work = tmp_path_factory.mktemp("server")
    services = work / "services.toml"
    services.write_text('[wmts]\ntile_outside = "empty"\n')
    settings = {"SERVICES": str(services)}
    with map_server(folder, work, **settings) as address:
        yield address


@pytest.fixture(scope="module")
def proxy(origin: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a MapProxy with a layer for each raster and way, which keeps no tiles."""
    work = tmp_path_factory.mktemp("mapproxy")
    names = {f"{layer}_{way}": TEMPLATES[way].format(layer=layer) for layer in LAYERS for way in TEMPLATES}
    settings = {
        "services": {"wms": {"srs": ["EPSG:3857"], "md": {"title": "cascade"}}, "wmts": {}, "tms": {}},
        "layers": [{"name": name, "title": name, "sources": [f"{name}_cache"]} for name in names],
        "caches": {
            f"{name}_cache": {
                "grids": ["quad"], "sources": [f"{name}_tiles"], "format": "image/png", "disable_storage": True
            }
            for name in names
        },
        "sources": {
            f"{name}_tiles": {
                "type": "tile", "grid": "quad", "url": origin + address, "transparent": True,
            }
            for name, address in names.items()
        },
        "grids": {"quad": {"base": "GLOBAL_WEBMERCATOR"}},
        "globals": {
            "image": {"paletted": False, "resampling_method": "nearest"},
            "cache": {"base_dir": str(work / "tiles"), "lock_dir": str(work / "locks")},
        },
    }  # fmt: skip
    path = work / "mapproxy.yaml"
    path.write_text(json.dumps(settings))
    port = free_port()
    program = str(Path(sys.executable).with_name("mapproxy-util"))
    command = [program, "serve-develop", str(path), "--bind", f"127.0.0.1:{port}"]
    with running(command, [port], work / "mapproxy.log"):
        yield f"http://127.0.0.1:{port}"


def tiles_of(path: Path, zoom: int) -> Range:
    with rasterio.open(path) as file:
        west, south, east, north = transform_bounds(file.crs, "EPSG:3857", *file.bounds)
    side = 2 * HALF_EQUATOR / 2**zoom
    columns = [int((x + HALF_EQUATOR) // side) for x in (west, east)]
    rows = [int((HALF_EQUATOR - y) // side) for y in (north, south)]
    return Range(zoom, range(columns[0] - 1, columns[1] + 2), range(rows[0] - 1, rows[1] + 2))


def pixels_of(body: bytes) -> NDArray[np.uint8]:
    """RGBA, and 0 where clear."""
    pixels = np.asarray(Image.open(io.BytesIO(body)).convert("RGBA"))
    return np.where(pixels[..., 3:] == 0, 0, pixels).astype(np.uint8)


def fetched(address: str) -> NDArray[np.uint8]:
    with urllib.request.urlopen(address, timeout=120) as answer:
        return pixels_of(answer.read())


def own_map(origin: str, layer: str, shown: Range) -> NDArray[np.uint8]:
    """The tiles of the server, side by side."""
    return np.vstack([
        np.hstack([fetched(f"{origin}/xyz/{layer}/{shown.zoom}/{x}/{y}.png") for x in shown.columns])
        for y in shown.rows
    ])  # fmt: skip


@pytest.mark.parametrize("way", TEMPLATES)
@pytest.mark.parametrize("layer", LAYERS)
def test_maps_and_tiles_of_mapproxy_have_the_same_pixels(
    folder: Path, origin: str, proxy: str, layer: str, way: str
) -> None:
    shown = tiles_of(folder / f"{layer}.tif", LAYERS[layer])
    expected = own_map(origin, layer, shown)
    assert 0.05 < (expected[..., 3] == 255).mean() < 0.9
    height, width = expected.shape[:2]
    query = urlencode({
        "SERVICE": "WMS", "VERSION": "1.1.1", "REQUEST": "GetMap", "LAYERS": f"{layer}_{way}", "STYLES": "",
        "SRS": "EPSG:3857", "BBOX": ",".join(map(repr, shown.bounds)), "WIDTH": width, "HEIGHT": height,
        "FORMAT": "image/png", "TRANSPARENT": "TRUE",
    })  # fmt: skip
    assert np.array_equal(fetched(f"{proxy}/service?{query}"), expected)
    for place, (row, column) in enumerate((y, x) for y in shown.rows for x in shown.columns):
        down, across = (256 * each for each in divmod(place, len(shown.columns)))
        tile = expected[down : down + 256, across : across + 256]
        address = f"{layer}_{way}/quad/{shown.zoom}/{column}/{row}.png"
        assert np.array_equal(fetched(f"{proxy}/wmts/{address}"), tile)
