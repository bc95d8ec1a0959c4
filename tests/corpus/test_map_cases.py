"""Files and requests of which users of map servers report wrong answers, from the file to the answer."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

pytest.importorskip("pyproj")
rasterio = pytest.importorskip("rasterio")

from rasterio.transform import from_bounds  # noqa: E402
from rasterio.vrt import WarpedVRT  # noqa: E402
from rasterio.warp import transform_bounds  # noqa: E402

from iipserve.app import Application, build  # noqa: E402
from iipserve.config import Config  # noqa: E402
from iipserve.http import Request  # noqa: E402
from tests.geo_rasters import GRIDS, HEIGHT, UTM, WIDTH, positions, write_geotiff  # noqa: E402

Box = tuple[float, float, float, float]


@pytest.fixture
def app(tmp_path: Path) -> Application:
    return build(Config(filesystem_prefix=f"{tmp_path}/"))


def get(app: Application, **parameters: str) -> Any:
    response = app.handle(Request("GET", "/ows", urlencode(parameters), {"HTTP_HOST": "maps.example"}))
    assert response.status == 200, response.body
    return response


def map_query(layer: str, crs: str, box: Box, size: tuple[int, int], **further: str) -> dict[str, str]:
    """Of version 1.1.1, in which x is before y in every system."""
    width, height = size
    return {
        "SERVICE": "WMS", "VERSION": "1.1.1", "REQUEST": "GetMap", "LAYERS": layer, "STYLES": "", "SRS": crs,
        "BBOX": ",".join(map(repr, box)), "WIDTH": str(width), "HEIGHT": str(height), "FORMAT": "image/png",
        "TRANSPARENT": "true", **further,
    }  # fmt: skip


def picture(app: Application, query: dict[str, str]) -> NDArray[np.uint8]:
    return np.asarray(Image.open(io.BytesIO(get(app, **query).body)).convert("RGBA"))


def box_of(path: Path, crs: str) -> Box:
    with rasterio.open(path) as file:
        return tuple(transform_bounds(file.crs, crs, *file.bounds))


@pytest.mark.parametrize("alias", ["EPSG:900913", "EPSG:3785", "EPSG:102100", "EPSG:102113"])
def test_other_codes_of_web_mercator_give_the_same_bytes(
    alias: str, tmp_path: Path, app: Application
) -> None:
    box = box_of(write_geotiff(tmp_path / "a.tif", positions(dtype="uint8")[0]), "EPSG:3857")
    asked, usual = (get(app, **map_query("a", crs, box, (90, 70))) for crs in (alias, "EPSG:3857"))
    assert asked.body == usual.body
    assert len(np.unique(np.asarray(Image.open(io.BytesIO(asked.body))))) > 50
    for service in ("WMS", "WMTS"):
        document = get(app, SERVICE=service, REQUEST="GetCapabilities").body
        assert b"3857" in document
        assert alias.removeprefix("EPSG:").encode() not in document


@pytest.mark.parametrize(("kind", "code"), [("utm", "EPSG:32633"), ("wgs84", "EPSG:4326")])
def test_a_system_with_heights_is_as_without(kind: str, code: str, tmp_path: Path) -> None:
    answers = []
    for folder, crs in (("flat", code), ("heights", f"{code}+5773")):
        (tmp_path / folder).mkdir()
        # the unit of heights is the bands' unit, as GDAL reads them too
        path = write_geotiff(
            tmp_path / folder / "a.tif", positions(dtype="uint8"), crs=crs, transform=GRIDS[kind][1],
            units=("metre", "metre") if folder == "flat" else (),
        )  # fmt: skip
        with rasterio.open(path) as file:
            assert ("5773" in file.crs.to_wkt()) == (folder == "heights")
        answers.append(_answers(build(Config(filesystem_prefix=f"{path.parent}/")), code, path))
    flat, heights = answers
    for one, other in zip(flat, heights, strict=True):
        assert one == other


def _answers(app: Application, code: str, path: Path) -> list[Any]:
    """Of the services, without what tells of the time of the file."""
    with rasterio.open(path) as file:
        own = tuple(file.bounds)
    box = box_of(path, "EPSG:3857")
    info = {
        "REQUEST": "GetFeatureInfo",
        "QUERY_LAYERS": "a",
        "INFO_FORMAT": "application/json",
        "X": "40",
        "Y": "30",
    }
    tile = {
        "SERVICE": "WMTS", "VERSION": "1.0.0", "REQUEST": "GetTile", "STYLE": "default", "LAYER": "a", "TILEMATRIXSET": "native", "TILEMATRIX": "0",
        "TILEROW": "0", "TILECOL": "0", "FORMAT": "image/png",
    }  # fmt: skip
    found: list[Any] = [
        get(app, **map_query("a", code, own, (90, 70))).body,
        get(app, **map_query("a", "EPSG:3857", box, (90, 70))).body,
        json.loads(get(app, **map_query("a", "EPSG:3857", box, (90, 70), **info)).body),
        get(app, **tile).body,
    ]
    for service in ("WMS", "WMTS"):
        document = get(app, SERVICE=service, REQUEST="GetCapabilities").body.decode()
        version = document.partition('updateSequence="')[2].partition('"')[0]
        assert version
        found.append(document.replace(version, ""))
    return found


@pytest.mark.parametrize("form", ["geojp2", "gmljp2", "both"])
def test_values_of_jpeg_2000_are_those_of_its_twin(form: str, tmp_path: Path, app: Application) -> None:
    """Degrees, in which writers of GML swapped the axes."""
    crs, transform = GRIDS["wgs84"]
    columns, rows = positions(dtype="uint8")
    pixels = np.stack([columns, rows, columns // 2])
    write_geotiff(tmp_path / "twin.tif", pixels, crs=crs, transform=transform)
    boxes = {
        "GeoJP2": "NO" if form == "gmljp2" else "YES",
        "GMLJP2": "NO" if form == "geojp2" else "YES",
    }
    with (
        rasterio.Env(GDAL_PAM_ENABLED=False),
        rasterio.open(
            tmp_path / "other.jp2", "w", driver="JP2OpenJPEG", width=WIDTH, height=HEIGHT, count=3, dtype="uint8",
            crs=crs, transform=transform, REVERSIBLE="YES", QUALITY="100", **boxes,
        ) as file,
    ):  # fmt: skip
        file.write(pixels)
    box = box_of(tmp_path / "twin.tif", "EPSG:4326")
    for column, row in ((0, 0), (70, 20), (119, 79)):
        query = {
            "REQUEST": "GetFeatureInfo", "INFO_FORMAT": "application/json", "X": str(column), "Y": str(row)
        }  # fmt: skip
        twin, other = (
            _bands(get(app, **map_query(name, "EPSG:4326", box, (WIDTH, HEIGHT), QUERY_LAYERS=name, **query)))
            for name in ("twin", "other")
        )
        assert twin == other == [column, row, column // 2]


def _bands(response: Any) -> list[Any]:
    """Samples of all bands, the last of which is answered first."""
    (feature,) = json.loads(response.body)["features"]
    return [band["raw"] for band in reversed(feature["properties"]["bands"])]


@pytest.mark.parametrize("polarity", ["MINISWHITE", "MINISBLACK"])
def test_bits_become_gray_levels_when_they_are_scaled(
    polarity: str, tmp_path: Path, app: Application
) -> None:
    bits = (np.random.default_rng(26).random((256, 256)) < np.linspace(0, 1, 256)).astype(np.uint8)
    write_geotiff(tmp_path / "bits.tif", bits, nbits=1, photometric=polarity, tile=128)
    gray = np.where(bits == (polarity == "MINISBLACK"), 255, 0)
    shown = picture(
        app,
        map_query(
            "bits", "EPSG:32633", box_of(tmp_path / "bits.tif", "EPSG:32633"), (32, 32), RESAMPLING="average"
        ),
    )
    expected = gray.reshape(32, 8, 32, 8).mean(axis=(1, 3))
    assert (shown[..., 3] == 255).all()
    assert np.abs(shown[..., 0] - expected).max() <= 2


@pytest.mark.parametrize("target", ["EPSG:32633", "EPSG:3857"])
def test_masked_jpeg_is_as_gdal_warps_it_with_opacity(target: str, tmp_path: Path, app: Application) -> None:
    columns, rows = positions(256, 192, "uint8")
    mask = (columns.astype(int) - 128) ** 2 + (rows.astype(int) - 96) ** 2 < 80**2
    pixels = np.where(mask, np.stack([columns // 2 + 60, rows // 2 + 60, np.full_like(rows, 120)]), 0)
    path = write_geotiff(
        tmp_path / "a.tif", pixels.astype(np.uint8), mask=mask, tile=64, overviews=(2,), photometric="YCBCR",
        compress="JPEG", jpeg_quality=95, interleave="pixel", transform=UTM,
    )  # fmt: skip
    box = box_of(path, target)
    size = (256, 192) if target == "EPSG:3857" else (128, 96)
    shown = picture(app, map_query("a", target, box, size, RESAMPLING="nearest"))
    options = {"OVERVIEW_LEVEL": 0} if size[0] == 128 else {}
    with (
        rasterio.open(path, **options) as file,
        WarpedVRT(
            file,
            crs=target,
            transform=from_bounds(*box, *size),
            width=size[0],
            height=size[1],
            add_alpha=True,
        ) as warped,
    ):
        expected = warped.read().transpose(1, 2, 0)
    differs = shown[..., 3] != expected[..., 3]
    # GDAL's places are within an eighth of a pixel
    assert differs.mean() < 0.002
    opaque = (shown[..., 3] == 255) & (expected[..., 3] == 255)
    assert opaque.mean() > 0.3
    # what is masked is black: half of it would take 60 from any color; decoders scale chroma otherwise
    off = np.abs(shown[opaque].astype(int) - expected[opaque])
    assert off.mean() < 2
    assert off.max() <= 24


@pytest.mark.parametrize("size", [(1, 1), (1, 3), (3, 1)])
@pytest.mark.parametrize("crs", ["EPSG:32633", "EPSG:3857"])
def test_maps_of_one_pixel_show_the_middle_of_the_box(
    size: tuple[int, int], crs: str, tmp_path: Path, app: Application
) -> None:
    """Boxes are as wide and as high as two pixels of the raster for each of the map, at most."""
    pixels = np.stack([*positions(), np.full((HEIGHT, WIDTH), 7)]).astype(np.uint8)
    path = write_geotiff(tmp_path / "a.tif", pixels, photometric="RGB", crs="EPSG:32633", transform=UTM)
    with rasterio.open(path) as file:
        side = file.transform.a
        x, y = file.transform * (50.4, 20.6)
    own = (
        x - 0.7 * side * size[0],
        y - 0.7 * side * size[1],
        x + 0.7 * side * size[0],
        y + 0.7 * side * size[1],
    )
    box = transform_bounds("EPSG:32633", crs, *own)
    shown = picture(app, map_query("a", crs, box, size))
    assert shown.shape[:2] == size[::-1]
    assert shown[size[1] // 2, size[0] // 2].tolist() == [*pixels[:, 20, 50].tolist(), 255]


@pytest.mark.parametrize("compress", ["JPEG", "DEFLATE"])
def test_maps_are_the_same_whether_decoded_tiles_are_kept_or_not(compress: str, tmp_path: Path) -> None:
    """In whatever order neighboring maps are asked for."""
    pixels = np.random.default_rng(3).integers(0, 256, (3, 256, 256), np.uint8)
    color = {"photometric": "YCBCR" if compress == "JPEG" else "RGB", "interleave": "pixel"}
    path = write_geotiff(tmp_path / "a.tif", pixels, tile=64, compress=compress, overviews=(2,), **color)
    left, bottom, right, top = box_of(path, "EPSG:3857")
    across, down = (right - left) / 4, (top - bottom) / 4
    queries = [
        map_query(
            "a", "EPSG:3857",
            (left + x * across, top - (y + 1) * down, left + (x + 1) * across, top - y * down),
            (side, side),
            RESAMPLING=resampling,
        )
        for y in range(4) for x in range(4) for side, resampling in ((60, "nearest"), (61, "bilinear"), (30, "nearest"))
    ]  # fmt: skip
    uncached = {"filesystem_prefix": f"{tmp_path}/", "max_image_cache_size": 0.0}
    anew = build(Config(**uncached, max_map_tiles_size=0.0))
    kept = build(Config(**uncached))
    expected = [get(anew, **query).body for query in queries]
    for order in (range(len(queries)), reversed(range(len(queries)))):
        assert all(get(kept, **queries[index]).body == expected[index] for index in order)
