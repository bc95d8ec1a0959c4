"""Small georeferenced rasters for tests of map services, made by GDAL (rasterio).

`write_geotiff` writes any; `KINDS` makes one of each kind by name, 120 x 80 pixels where nothing else is said, whose
bands hold `positions`: the first the source's column, the second its row. So the samples of any map, tile or answer
say which pixels of the source they come from.

    path = KINDS["utm"](folder)                     # folder / "utm.tif"
    write_geotiff(folder / "own.tif", positions(300, 200), crs="EPSG:3035", transform=..., tile=64, overviews=(2, 4))
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

rasterio = pytest.importorskip("rasterio")
from rasterio.control import GroundControlPoint  # noqa: E402
from rasterio.enums import Resampling  # noqa: E402
from rasterio.rpc import RPC  # noqa: E402
from rasterio.shutil import copy as copy  # noqa: E402
from rasterio.transform import Affine, from_origin  # noqa: E402

WIDTH, HEIGHT = 120, 80
"""Of the rasters of `KINDS`, in pixels."""
UTM = from_origin(500000, 5000000, 20, 20)
"""Pixels of 20 m, from the middle of a zone on."""


def positions(width: int = WIDTH, height: int = HEIGHT, dtype: str = "uint16") -> NDArray[Any]:
    """Two bands: column and row of each pixel. Shape (2, height, width)."""
    rows, columns = np.mgrid[:height, :width]
    return np.stack([columns, rows]).astype(dtype)


def write_geotiff(
    path: Path,
    pixels: NDArray[Any],
    *,
    crs: str | None = "EPSG:32633",
    transform: Affine | None = UTM,
    nodata: float | None = None,
    mask: NDArray[Any] | None = None,
    alpha: bool = False,
    colormap: Mapping[int, tuple[int, ...]] | None = None,
    gcps: Sequence[GroundControlPoint] = (),
    rpcs: RPC | None = None,
    tile: int | None = None,
    overviews: Sequence[int] = (),
    resampling: Resampling = Resampling.nearest,
    scales: Sequence[float] = (),
    offsets: Sequence[float] = (),
    units: Sequence[str] = (),
    names: Sequence[str] = (),
    tags: Mapping[str, str] | None = None,
    **options: Any,
) -> Path:
    """Write a GeoTIFF.

    Args:
        path: where to.
        pixels: (bands, rows, columns) or (rows, columns).
        crs: as rasterio reads it; None for none.
        transform: of pixel corners; None for none.
        nodata: declared for all bands.
        mask: (rows, columns), true where there is data: written as an internal mask, which overviews get too.
        alpha: the last band is opacity.
        colormap: RGBA of each sample of a palette.
        gcps: ground control points, instead of `transform`.
        rpcs: rational polynomial coefficients.
        tile: side of tiles; None for strips.
        overviews: factors of reduced images.
        resampling: of overviews.
        scales: of each band.
        offsets: of each band.
        units: of each band.
        names: of each band.
        tags: further items of metadata; `AREA_OR_POINT`.
        options: of the driver.

    Returns:
        `path`.
    """
    pixels = pixels if pixels.ndim == 3 else pixels[np.newaxis]
    if tile:
        options |= {"tiled": True, "blockxsize": tile, "blockysize": tile}
    if alpha:
        options |= {"alpha": "non-premultiplied"}
    profile = {
        "driver": "GTiff",
        "dtype": pixels.dtype,
        "count": pixels.shape[0],
        "crs": crs,
        "nodata": nodata,
        **options,
    }
    place: dict[str, Any] = {"gcps": gcps} if gcps else {"transform": transform} if transform else {}
    with (
        warnings.catch_warnings(action="ignore", category=rasterio.errors.NotGeoreferencedWarning),
        rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True, GDAL_PAM_ENABLED=False),
        rasterio.open(
            path, "w", height=pixels.shape[1], width=pixels.shape[2], rpcs=rpcs, **place, **profile
        ) as file,
    ):
        file.update_tags(**(tags or {}))
        file.write(pixels)
        for name, values in (
            ("scales", scales),
            ("offsets", offsets),
            ("units", units),
            ("descriptions", names),
        ):
            if values:
                setattr(file, name, tuple(values))
        if colormap:
            file.write_colormap(1, dict(colormap))
        if mask is not None:
            file.write_mask(mask.astype(bool))
        if overviews:
            file.build_overviews(list(overviews), resampling)
    return path


# -- one of each kind ------------------------------------------------------------------------------


def control_points(
    curved: bool = False, *, width: int = WIDTH, height: int = HEIGHT
) -> list[GroundControlPoint]:
    """16 points of a rotated UTM grid; curved, no affine mapping and no low polynomial fits them exactly."""
    grid = Affine.translation(500000, 5000000) * Affine.rotation(-25) * Affine.scale(20, -20)
    points = []
    for row in np.linspace(0, height, 4):
        for column in np.linspace(0, width, 4):
            bend = 150 * np.sin(column / width * 3) * np.cos(row / height * 2) if curved else 0.0
            x, y = grid * (column, row)
            points.append(GroundControlPoint(row=row, col=column, x=x + bend, y=y - bend / 2))
    return points


RPCS = RPC(
    height_off=200.0, height_scale=500.0, lat_off=45.1, lat_scale=0.06, long_off=15.05, long_scale=0.08, line_off=40.0,
    line_scale=40.0, samp_off=60.0, samp_scale=60.0,
    line_num_coeff=[0.002, 0.03, -1.02, 0.04, 1e-3, 2e-4, -3e-4, 1e-3, -2e-3, 1e-4, *[1e-5] * 10],
    line_den_coeff=[1.0, 1e-3, -2e-3, 5e-4, *[1e-6] * 16],
    samp_num_coeff=[-0.001, 1.01, 0.02, -0.03, -1e-3, 2e-4, 3e-4, 1e-3, 2e-3, -1e-4, *[1e-5] * 10],
    samp_den_coeff=[1.0, -1e-3, 2e-3, -5e-4, *[1e-6] * 16],
)  # fmt: skip
"""Like those of a satellite image of 120 x 80 pixels of about 0.0013 degrees."""


def _masked(folder: Path) -> Path:
    mask = np.ones((HEIGHT, WIDTH), bool)
    mask[20:50, 30:90] = False
    return write_geotiff(folder / "mask.tif", positions(), mask=mask, tile=16, overviews=(2, 4))


def _nan(folder: Path) -> Path:
    pixels = positions(dtype="float32")
    pixels[:, 10:20, 40:60] = np.nan
    return write_geotiff(folder / "nan.tif", pixels)


def _nodata(folder: Path) -> Path:
    pixels = positions(dtype="int16")
    pixels[:, 10:20, 40:60] = -9999
    return write_geotiff(folder / "nodata.tif", pixels, nodata=-9999)


def _rgba(folder: Path) -> Path:
    columns, rows = positions(dtype="uint8")
    opacity = np.where(columns < WIDTH // 2, 255, 0).astype(np.uint8)
    pixels = np.stack([columns, rows, np.full_like(rows, 77), opacity])
    return write_geotiff(folder / "rgba.tif", pixels, alpha=True, photometric="RGB", tile=16)


def _palette(folder: Path) -> Path:
    classes = np.array([1, 5, 9], np.uint8)[positions()[0] // 40]
    colors = {1: (200, 0, 0, 255), 5: (0, 200, 0, 255), 9: (0, 0, 200, 255)}
    return write_geotiff(folder / "palette.tif", classes, colormap=colors, photometric="palette")


def _kind(name: str, folder: Path, **options: Any) -> Path:
    return write_geotiff(folder / f"{name}.tif", positions(), **options)


GRIDS: dict[str, tuple[str | None, Affine | None]] = {
    "utm": ("EPSG:32633", UTM),
    "wgs84": ("EPSG:4326", from_origin(10, 50, 0.01, 0.01)),
    "cgcs2000": ("EPSG:4490", from_origin(110, 40, 0.01, 0.01)),
    # pixels of zoom 10, from the corner of tile 550/355 on
    "mercator": ("EPSG:3857", from_origin(1487158.8223163895, 6144314.081675608, 152.8740565703525, 152.8740565703525)),
    "polar": ("EPSG:32661", from_origin(1400000, 2400000, 10000, 10000)),
    "utm_antimeridian": ("EPSG:32660", from_origin(600000, 6000000, 2000, 2000)),
    "degrees_360": ("EPSG:4326", from_origin(190, 10, 1 / 6, 1 / 6)),
    "antimeridian": ("EPSG:4326", from_origin(170, 10, 1 / 6, 1 / 6)),
    "world": ("EPSG:4326", from_origin(-180, 90, 3, 2.25)),
    "feet": ("EPSG:2263", from_origin(980000, 200000, 1, 1)),
    "sinusoidal": ("+proj=sinu +lon_0=10 +datum=WGS84", from_origin(300000, 5500000, 500, 500)),
    "europa": ("+proj=eqc +R=1560800", from_origin(300000, 500000, 500, 500)),
    "south_up": ("EPSG:4326", Affine(0.01, 0, 10, 0, 0.01, 49)),
    "rotated": ("EPSG:32633", UTM * Affine.rotation(30)),
    "plain": (None, None),
}  # fmt: skip
"""Kinds that differ in where they are located only: coordinate reference system and transform."""

KINDS: dict[str, Callable[[Path], Path]] = {
    name: partial(_kind, name, crs=crs, transform=transform) for name, (crs, transform) in GRIDS.items()
} | {
    "point": partial(_kind, "point", tags={"AREA_OR_POINT": "Point"}),
    "pyramid": partial(_kind, "pyramid", tile=16, overviews=(2, 4)),
    "gcps": partial(_kind, "gcps", gcps=control_points()),
    "curved_gcps": partial(_kind, "curved_gcps", gcps=control_points(curved=True)),
    "rpcs": partial(_kind, "rpcs", crs=None, transform=None, rpcs=RPCS),
    "scaled": partial(
        _kind,
        "scaled",
        scales=(0.1, 2.0),
        offsets=(1000.0, -5.0),
        units=("K", "m"),
        names=("temperature", "height"),
    ),
    "nodata": _nodata,
    "nan": _nan,
    "mask": _masked,
    "rgba": _rgba,
    "palette": _palette,
}
"""Makes a raster `NAME.tif` in a folder. The last ones differ in their samples: missing ones are in the columns 40 to 59
of the rows 10 to 19, behind the mask in the columns 30 to 89 of the rows 20 to 49; classes 1, 5, 9 of 40 columns each."""
