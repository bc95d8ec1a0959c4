"""OGC API and tiles by zoom through the whole application, over files."""

from __future__ import annotations

import io
import json
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from iipserve import app
from iipserve.config import Config
from iipserve.http import Response
from tests.geo_rasters import KINDS, write_geotiff
from tests.images import gradient, write_tiff_pyramid
from tests.test_app import ask, body, header

STRANGE = "\u5f71\u50cf 2024:a b&c"
STRANGE_PATH = "%E5%BD%B1%E5%83%8F%202024%3Aa%20b%26c"
GEOREFERENCED = (
    "utm",
    "wgs84",
    "mercator",
    "polar",
    "world",
    "antimeridian",
    "rotated",
    "gcps",
    "sinusoidal",
    "feet",
)


@pytest.fixture(scope="module")
def application(tmp_path_factory: pytest.TempPathFactory) -> app.Application:
    folder = tmp_path_factory.mktemp("maps")
    (folder / "sub").mkdir()
    for name in (*GEOREFERENCED, "europa", "plain"):
        KINDS[name](folder)
    from rasterio.transform import from_origin

    picture = gradient((700, 600)).transpose(2, 0, 1)
    at = {
        "crs": "EPSG:3857",
        "transform": from_origin(1487158.8223163895, 6144314.081675608, 76.43702828517625, 76.43702828517625),
    }
    write_geotiff(folder / "sub" / "rgb.tif", picture, tile=256, photometric="RGB", overviews=(2,), **at)
    write_geotiff(folder / f"{STRANGE}.tif", picture, tile=256, photometric="RGB", **at)
    write_tiff_pyramid(folder / "picture.tif", gradient((600, 500)), compression="jpeg")
    return app.build(Config(filesystem_prefix=f"{folder}/", max_image_cache_size=0))


def test_a_layer_whose_system_has_no_name_is_shown_in_degrees(application: app.Application) -> None:
    collection = value(ask(application, "/ogc/collections/sinusoidal"))
    assert "storageCrs" not in collection
    (box,) = collection["extent"]["spatial"]["bbox"]
    response = ask(application, "/ogc/collections/sinusoidal/map")
    assert response.status == 200
    assert header(response, "Content-Crs") is None
    assert "Content-Bbox" in str(header(response, "Access-Control-Expose-Headers"))
    assert [float(side) for side in str(header(response, "Content-Bbox")).split(",")] == pytest.approx(box)


def value(response: Response) -> Any:
    assert response.status == 200, response.body
    return json.loads(body(response))


def pixels(response: Response) -> NDArray[np.uint8]:
    assert response.status == 200, response.body
    with Image.open(io.BytesIO(body(response))) as picture:
        return np.asarray(picture.convert("RGBA"))


def linked(found: Any, rel: str) -> list[str]:
    root = "http://images.example.org"
    assert all(each["href"].startswith(root) for each in found["links"])
    return [
        each["href"].removeprefix(root) for each in found["links"] if each["rel"].rpartition("/")[2] == rel
    ]


def test_every_layer_can_be_reached_by_links(application: app.Application) -> None:
    """From the landing page to the tiles at the corners of the limits of each matrix."""
    (address,) = set(linked(value(ask(application, "/ogc/")), "data"))
    layers = value(ask(application, address))["collections"]
    assert {each["id"] for each in layers} == {
        *GEOREFERENCED,
        "europa",
        "plain",
        "picture",
        "sub/rgb",
        STRANGE,
    }
    for layer in layers:
        (address,) = linked(layer, "tilesets-map")
        tilesets = value(ask(application, address))["tilesets"]
        assert tilesets
        for item in tilesets:
            tileset = value(ask(application, *linked(item, "self")))
            template = linked(tileset, "item")[0]
            limits = tileset["tileMatrixSetLimits"][-1]
            for row in {limits["minTileRow"], limits["maxTileRow"]}:
                for column in {limits["minTileCol"], limits["maxTileCol"]}:
                    address = template.format(tileMatrix=limits["tileMatrix"], tileRow=row, tileCol=column)
                    assert pixels(ask(application, address)).shape == (256, 256, 4), address


@pytest.mark.parametrize("name", GEOREFERENCED)
def test_the_same_square_has_the_same_bytes(application: app.Application, name: str) -> None:
    document = value(ask(application, f"/xyz/{name}/tiles.json"))
    limits = value(ask(application, f"/ogc/collections/{name}/map/tiles/WebMercatorQuad"))[
        "tileMatrixSetLimits"
    ]
    zoom = len(limits) - 1
    assert zoom == document["maxzoom"]
    column, row = limits[zoom]["minTileCol"], limits[zoom]["maxTileRow"]
    answers = [
        ask(application, f"/xyz/{name}/{zoom}/{column}/{row}.png"),
        ask(
            application,
            f"/ogc/collections/{name}/map/tiles/WebMercatorQuad/{zoom}/{row}/{column}",
            accept="image/png",
        ),
        ask(application, f"/wmts/{name}/default/WebMercatorQuad/{zoom}/{row}/{column}.png"),
    ]
    assert len({header(each, "ETag") for each in answers}) == 1
    assert len({body(each) for each in answers}) == 1
    assert header(answers[1], "Vary") == "Accept"
    assert pixels(answers[0])[..., 3].any(), "it shows the image"


def test_stored_tiles_are_those_of_deep_zoom(application: app.Application) -> None:
    for name in ("picture", "sub%2Frgb"):
        tile = ask(application, f"/ogc/collections/{name}/map/tiles/native/2/0/1?f=png")
        file = name.replace("%2F", "/")
        other = ask(application, f"/iiif/3/{file}.tif/256,0,256,256/256,256/0/default.png")
        assert (pixels(tile)[..., :3] == pixels(other)[..., :3]).all()
    tile = ask(application, "/ogc/collections/picture/map/tiles/native/2/0/1?f=jpg")
    assert body(tile) == body(ask(application, "/deepzoom/picture.tif_files/10/1_0.jpg"))


def test_a_dense_tile_is_its_four_quarters(application: app.Application) -> None:
    for name, zoom, column, row in (
        ("sub%2Frgb", 10, 550, 355),
        ("sub%2Frgb", 9, 275, 177),
        ("utm", 11, 1109, 735),
    ):
        dense = pixels(ask(application, f"/xyz/{name}/{zoom}/{column}/{row}@2x.png"))
        assert dense.shape == (512, 512, 4)
        for x in (0, 1):
            for y in (0, 1):
                answer = ask(application, f"/xyz/{name}/{zoom + 1}/{2 * column + x}/{2 * row + y}.png")
                quarter = dense[y * 256 : y * 256 + 256, x * 256 : x * 256 + 256]
                if answer.status == 404:
                    assert not quarter[..., 3].any()
                else:
                    np.testing.assert_array_equal(pixels(answer), quarter)


def test_strange_names(application: app.Application) -> None:
    found = value(ask(application, f"/xyz/{STRANGE_PATH}/tiles.json"))
    (template,) = found["tiles"]
    assert template == f"http://images.example.org/xyz/{STRANGE_PATH}/{{z}}/{{x}}/{{y}}.png"
    assert found["name"] == STRANGE
    address = template.removeprefix("http://images.example.org").format(z=11, x=1100, y=711)
    assert pixels(ask(application, address))[..., 3].all()


def test_conditional_requests_and_methods(application: app.Application) -> None:
    for address in ("/ogc/", "/ogc/collections", "/ogc/collections/utm", "/xyz/utm/tiles.json"):
        answer = ask(application, address)
        etag = header(answer, "ETag")
        assert etag
        assert ask(application, address, if_none_match=etag).status == 304
        head = ask(application, address, "HEAD")
        assert (head.status, head.body) == (200, b"")
        assert ask(application, address, "POST").status == 405
    answer = ask(application, "/ogc/none")
    assert header(answer, "Content-Type") == "application/problem+json"
    assert answer.status == 404


@pytest.mark.parametrize("address", [
    "/ogc", "/ogc/%00", "/ogc/collections/", "/ogc/collections//", "/ogc/collections/utm/map/tiles//",
    "/ogc/collections/..%2F..%2Fetc%2Fpasswd", "/ogc/collections/utm/map/tiles/%00/0/0/0", "/ogc/tileMatrixSets/" + "a" * 5000,
    "/ogc/collections/utm/map/tiles/WebMercatorQuad/" + "9" * 300 + "/0/0", "/xyz/", "/xyz//0/0/0.png", "/xyz/%2E%2E/0/0/0.png",
    "/xyz/utm/0/0/0.png?style=%00", "/ogc/?f=" + "%F0%9F%8C%8D" * 100, "/ogc/collections?limit=" + "9" * 4000,
])  # fmt: skip
def test_nothing_ends_in_an_error_of_the_server(application: app.Application, address: str) -> None:
    answer = ask(application, address)
    assert answer.status in (200, 400, 404)
    assert b"Traceback" not in body(answer)
    assert b"/tmp" not in body(answer)
