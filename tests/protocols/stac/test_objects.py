"""What items and collections say: places, times, sizes, links; read by pystac, and compared with the values stored."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pystac = pytest.importorskip("pystac")
jsonschema = pytest.importorskip("jsonschema")
pytest.importorskip("sqlalchemy")

from iipserve import app  # noqa: E402
from tests.protocols.stac.extension_schemas import EXTENSIONS  # noqa: E402
from tests.protocols.stac.services import COUNT, ROOT, application, linked, read  # noqa: E402


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> app.Application:
    return application(tmp_path_factory.mktemp("objects"), "downloadable = true")


def item(server: app.Application, collection: str, id: str) -> Any:
    return read(server, f"{ROOT}collections/{collection}/items/{id}")


def test_an_item_says_what_is_stored(server: app.Application) -> None:
    found = item(server, "squares", "square-03.tif")
    assert found["bbox"] == [3.0, 10.0, 5.0, 12.0]
    properties = found["properties"]
    stated = {
        "datetime": "2024-05-04T12:00:00Z", "gsd": 20.0, "proj:code": "EPSG:32633", "proj:epsg": 32633,
        "proj:shape": [100, 200], "proj:transform": [20.0, 0.0, 500000.0, 0.0, -20.0, 5000000.0],
        "eo:cloud_cover": 3, "platform": "kite",
    }  # fmt: skip
    assert {name: properties[name] for name in stated} == stated
    image = found["assets"]["image"]
    assert image["type"] == "image/tiff; application=geotiff"
    assert image["file:size"] == 1003
    assert image["bands"] == [{"name": "gray", "data_type": "uint16", "nodata": 0, "raster:scale": 0.1}]
    assert found["assets"]["thumbnail"]["href"] == (
        "http://a.example/iiif/maps%2Fsquare%2003.tif/full/!256,256/0/default.jpg"
    )
    assert linked(found, "collection") == linked(found, "parent") == [f"{ROOT}collections/squares"]


def test_extensions_are_those_whose_fields_there_are(server: app.Application) -> None:
    """And their fields are as they state them."""
    assert set(item(server, "squares", "square-03.tif")["stac_extensions"]) == EXTENSIONS.keys()
    assert item(server, "strange", "plain.png")["stac_extensions"] == [
        address for address in EXTENSIONS if "raster" not in address
    ]
    for found in read(server, f"{ROOT}search?limit=100")["features"]:
        for address in found["stac_extensions"]:
            jsonschema.validate(found, EXTENSIONS[address])


def test_pystac_reads_the_system_of_old_and_new_items(server: app.Application) -> None:
    """Its projection extension is of version 2, into which it changes what is older."""
    read_item = pystac.Item.from_dict(item(server, "squares", "square-03.tif"))
    assert read_item.ext.proj.code == "EPSG:32633"
    assert read_item.ext.proj.shape == [100, 200]


def test_across_the_antimeridian_west_is_above_east(server: app.Application) -> None:
    found = item(server, "strange", "seam.tif")
    assert found["bbox"] == [170.0, 0.0, -175.0, 5.0]
    assert found["geometry"]["type"] == "MultiPolygon"
    box = read(server, f"{ROOT}collections/strange")["extent"]["spatial"]["bbox"]
    assert box == [[170.0, 0.0, -175.0, 5.0]]


def test_a_plain_picture_has_no_place(server: app.Application) -> None:
    found = item(server, "strange", "plain.png")
    assert found["geometry"] is None
    assert "bbox" not in found
    assert found["properties"]["proj:shape"] == [8, 8]
    assert "proj:code" not in found["properties"]
    assert found["assets"]["image"]["type"] == "image/png"


def test_a_system_without_a_code_is_text(server: app.Application) -> None:
    properties = item(server, "strange", "codeless.tif")["properties"]
    assert properties["proj:code"] is None
    assert properties["proj:wkt2"].startswith("PROJCRS[")


def test_times(server: app.Application) -> None:
    period = item(server, "strange", "period.tif")["properties"]
    assert period["datetime"] is None
    assert period["start_datetime"] == "2024-05-01T12:00:00Z"
    assert period["end_datetime"] == "2024-05-01T13:00:00.000500Z"
    assert item(server, "strange", "timeless.tif")["properties"]["datetime"] == "2023-11-14T22:13:20.500000Z"


def test_a_missing_file_is_said(server: app.Application) -> None:
    assert item(server, "strange", "gone.tif")["properties"]["iipserve:status"] == "missing"
    assert "iipserve:status" not in item(server, "squares", "square-03.tif")["properties"]


def test_collections_say_what_their_items_have_in_common(server: app.Application) -> None:
    found = read(server, f"{ROOT}collections/squares")
    assert found["extent"] == {
        "spatial": {"bbox": [[0.0, 10.0, COUNT + 1.0, 14.0]]},
        "temporal": {"interval": [["2024-05-01T12:00:00Z", "2024-05-25T12:00:00Z"]]},
    }
    assert found["summaries"] == {"gsd": {"minimum": 20.0, "maximum": 160.0}, "proj:code": ["EPSG:32633"]}
    assert found["iipserve:count"] == COUNT
    assert found["keywords"] == ["square", "made up"]
    assert found["license"] == "CC-BY-4.0"
    assert found["providers"] == [{"name": "Nobody"}]


def test_a_collection_without_items_is_anywhere_at_any_time(server: app.Application) -> None:
    found = read(server, f"{ROOT}collections/empty")
    assert found["extent"]["spatial"]["bbox"] == [[-180.0, -90.0, 180.0, 90.0]]
    assert found["extent"]["temporal"]["interval"] == [[None, None]]
    assert found["license"] == "other"
    assert read(server, f"{ROOT}collections/empty/items")["features"] == []


def test_collections_link_to_the_services_that_show_them(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    server = application(tmp_path, 'services = ["rest", "wmts", "wms"]')
    found = read(server, f"{ROOT}collections/squares")
    shown = {each["rel"]: each for each in found["links"]}
    assert shown["xyz"]["href"] == "http://a.example/xyz/squares/{z}/{x}/{y}.png"
    assert (shown["wmts"]["href"], shown["wmts"]["wmts:layer"]) == ("http://a.example/wmts", ["squares"])
    assert (shown["wms"]["href"], shown["wms"]["wms:layers"]) == ("http://a.example/wms", ["squares"])
    assert found["stac_extensions"] == ["https://stac-extensions.github.io/web-map-links/v1.2.0/schema.json"]
    assert "xyz" not in {each["rel"] for each in read(server, f"{ROOT}collections/empty")["links"]}
    only = read(application(tmp_path_factory.mktemp("rest")), f"{ROOT}collections/squares")
    assert {"wmts", "wms"}.isdisjoint(each["rel"] for each in only["links"])
