"""Maps of files of every kind of georeference: each pixel is the one whose place GDAL and PROJ say it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from iipserve import registry
from iipserve.config import Config
from iipserve.engine.georeferencing import Georeferences
from iipserve.engine.library import Library
from iipserve.geo.grid import Affine, Bounds, GridRef
from iipserve.geo.layer import Layer, Style
from iipserve.geometry import Size
from iipserve.image import ImageName
from iipserve.plan import RenderPlan, Resampling, image_ref
from iipserve.processing import Operation
from iipserve.processing.color import Twist
from iipserve.processing.layout import with_full_opacity
from iipserve.protocols.maps import MapView, plan_map
from tests.engine.maps import M, reader
from tests.geo_rasters import HEIGHT, KINDS, WIDTH
from tests.protocols.client import SERVER

rasterio = pytest.importorskip("rasterio")
pyproj = pytest.importorskip("pyproj")
from rasterio.transform import GCPTransformer, RPCTransformer  # noqa: E402

Coordinates = NDArray[np.float64]
SHOWN = ("utm", "wgs84", "cgcs2000", "mercator", "utm_antimeridian", "degrees_360", "antimeridian", "south_up", "rotated",
         "point", "pyramid", "gcps", "curved_gcps", "rpcs")  # fmt: skip
ROWS = Twist(((0.0, 1.0),))
"""Shows the second band, which holds rows."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("rasters")
    for kind in (*SHOWN, *GAPS, "palette"):
        KINDS[kind](path)
    return path


def read(
    folder: Path,
    kind: str,
    target: GridRef,
    resampling: Resampling = Resampling.NEAREST,
    *operations: Operation,
    bits: int = 8,
) -> NDArray[Any]:
    """The display pixels of a map."""
    config = Config(filesystem_prefix=f"{folder}/")
    library = Library(config, registry.discover("iipserve.sources", "FORMAT"))
    info = library.info(f"{kind}.tif")
    geo = Georeferences(config)(info)
    assert geo is not None
    layer, style = Layer(kind, ImageName(info.identifier)), Style("own", operations=operations)
    plan = plan_map(MapView(layer, style, target, "png", resampling), info, geo, SERVER)
    asked = RenderPlan(plan.view, plan.encoding._replace(bits=bits), plan.operations)
    return reader(library.source(image_ref(info)), asked).read()


def drawn(folder: Path, kind: str, target: GridRef, *operations: Operation) -> NDArray[Any]:
    """The map in 16 bits, with opacity: shape (height, width, 2)."""
    return with_full_opacity(read(folder, kind, target, Resampling.NEAREST, *operations, bits=16))


def opacity(folder: Path, kind: str, target: GridRef, resampling: Resampling) -> NDArray[Any]:
    """Shape (height, width)."""
    return with_full_opacity(read(folder, kind, target, resampling))[..., -1]


def pixels_of(path: Path, xs: Coordinates, ys: Coordinates) -> tuple[Coordinates, Coordinates]:
    """Columns and rows, by GDAL, of places in the file's own system."""
    with rasterio.open(path) as file:
        gcps, _ = file.gcps
        if gcps:
            with GCPTransformer(gcps) as transformer:
                rows, columns = transformer.rowcol(xs.ravel(), ys.ravel(), op=float)
        elif file.rpcs:
            with RPCTransformer(file.rpcs, rpc_height=file.rpcs.height_off) as transformer:
                rows, columns = transformer.rowcol(xs.ravel(), ys.ravel(), op=float)
        else:
            columns, rows = ~file.transform @ (xs, ys)
    return np.reshape(columns, xs.shape), np.reshape(rows, xs.shape)


def extent(folder: Path, kind: str) -> tuple[str, Bounds]:
    """The file's system, and the box around its image there, by its corners."""
    with rasterio.open(folder / f"{kind}.tif") as file:
        gcps, crs = file.gcps
        if gcps:
            xs, ys = [p.x for p in gcps], [p.y for p in gcps]
        elif file.rpcs:
            rpcs = file.rpcs
            crs, xs = "EPSG:4326", [rpcs.long_off - rpcs.long_scale, rpcs.long_off + rpcs.long_scale]
            ys = [rpcs.lat_off - rpcs.lat_scale, rpcs.lat_off + rpcs.lat_scale]
        else:
            crs = file.crs
            xs, ys = zip(*(file.transform * (x, y) for x in (0, WIDTH) for y in (0, HEIGHT)), strict=True)
    return str(crs), Bounds(min(xs), min(ys), max(xs), max(ys))


@pytest.mark.parametrize("target", ["EPSG:3857", "EPSG:4326", "own"])
@pytest.mark.parametrize("kind", SHOWN)
def test_each_pixel_is_where_it_belongs(folder: Path, kind: str, target: str) -> None:
    crs, own = extent(folder, kind)
    key = crs if target == "own" else target
    transform = pyproj.Transformer.from_crs(crs, key, always_xy=True)
    middle = transform.transform((own.min_x + own.max_x) / 2, (own.min_y + own.max_y) / 2)
    beside = transform.transform(own.min_x + own.width * 0.5001, (own.min_y + own.max_y) / 2)
    apart = abs(beside[0] - middle[0])
    step = (2 * M - apart if apart > M else apart) * 10000 / WIDTH * 0.9
    affine = Affine(step, 0.0, middle[0] - 75.3 * step, 0.0, -step, middle[1] + 60.2 * step)
    grid = GridRef(key, affine, Size(150, 120))

    across, down = np.meshgrid(np.arange(150) + 0.5, np.arange(120) + 0.5)
    xs, ys = affine.apply(across, down)
    back = pyproj.Transformer.from_crs(key, crs, always_xy=True).transform(xs, ys)
    if crs == "EPSG:4326":
        back = back[0] + 360 * np.rint(((own.min_x + own.max_x) / 2 - back[0]) / 360), back[1]
    columns, rows = pixels_of(folder / f"{kind}.tif", *back)

    # fits are GDAL's and ours: they agree within a pixel; affine mappings do exactly, off the edges of pixels
    close = 1.0 if kind in ("gcps", "curved_gcps", "rpcs") else 1e-3
    found, found_rows = drawn(folder, kind, grid), drawn(folder, kind, grid, ROWS)
    inside = (columns > close) & (columns < WIDTH - close) & (rows > close) & (rows < HEIGHT - close)
    outside = (columns < -close) | (columns > WIDTH + close) | (rows < -close) | (rows > HEIGHT + close)
    assert inside.sum() > 1000
    assert (found[inside][:, 1] == 65535).all()
    assert not found[outside].any()
    for values, places in ((found[..., 0], columns), (found_rows[..., 0], rows)):
        off = np.abs(values[inside] + 0.5 - places[inside])
        assert off.max() <= 0.5 + close


GAPS = {
    "nodata": (slice(10, 20), slice(40, 60)),
    "nan": (slice(10, 20), slice(40, 60)),
    "mask": (slice(20, 50), slice(30, 90)),
    "rgba": (slice(0, HEIGHT), slice(WIDTH // 2, WIDTH)),
}


@pytest.mark.parametrize("resampling", [Resampling.NEAREST, Resampling.BILINEAR, Resampling.AVERAGE])
@pytest.mark.parametrize("reduction", [0.7, 2.2])
@pytest.mark.parametrize("kind", GAPS)
def test_gaps_are_clear(folder: Path, kind: str, reduction: float, resampling: Resampling) -> None:
    """Exactly the missing pixels with nearest pixels of the full size; further than what is averaged from their edges otherwise."""
    crs, own = extent(folder, kind)
    step = own.width / WIDTH * reduction
    affine = Affine(step, 0.0, own.min_x - 3.3 * step, 0.0, -step, own.max_y + 2.2 * step)
    grid = GridRef(crs, affine, Size(int(WIDTH / reduction) + 6, int(HEIGHT / reduction) + 5))
    found = opacity(folder, kind, grid, resampling)
    across, down = np.meshgrid(np.arange(grid.size.width) + 0.5, np.arange(grid.size.height) + 0.5)
    columns, rows = pixels_of(folder / f"{kind}.tif", *affine.apply(across, down))

    valid = np.zeros((HEIGHT + 40, WIDTH + 40), bool)
    valid[20:-20, 20:-20] = True
    gap_rows, gap_columns = GAPS[kind]
    valid[gap_rows.start + 20 : gap_rows.stop + 20, gap_columns.start + 20 : gap_columns.stop + 20] = False
    around = 0.0 if resampling is Resampling.NEAREST and reduction < 1 else 1.7 * max(1.0, reduction)
    corners = [
        valid[np.floor(rows + y + 20).astype(int), np.floor(columns + x + 20).astype(int)]
        for x in (-around, 0, around)
        for y in (-around, 0, around)
    ]
    opaque, clear = np.all(corners, axis=0), ~np.any(corners, axis=0)
    assert opaque.sum() > 50
    assert clear.sum() > 3
    assert (found[opaque] == 255).all()
    assert (found[clear] == 0).all()


@pytest.mark.parametrize("reduction", [0.7, 2.9, 9.0])
def test_classes_keep_their_colors(folder: Path, reduction: float) -> None:
    crs, own = extent(folder, "palette")
    step = own.width / WIDTH * reduction
    grid = GridRef(crs, Affine(step, 0.0, own.min_x, 0.0, -step, own.max_y), Size(int(110 / reduction), 8))
    for resampling in Resampling:
        colors = read(folder, "palette", grid, resampling).reshape(-1, 3)
        assert {tuple(color) for color in colors.tolist()} == {(200, 0, 0), (0, 200, 0), (0, 0, 200)}
