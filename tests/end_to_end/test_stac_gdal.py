"""GDAL reads a collection as one raster: its STACIT driver searches, and reads the files of items in ranges."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import numpy as np
import pytest

rasterio = pytest.importorskip("rasterio")
pytest.importorskip("sqlalchemy")

from rasterio.transform import from_origin  # noqa: E402

from tests.end_to_end.running import daemon  # noqa: E402
from tests.geo_rasters import positions, write_geotiff  # noqa: E402
from tests.ports import free_port  # noqa: E402

SIDE = 64
"""Pixels of an image; the collection has 3 of them next to each other."""


def _post(address: str, value: Any) -> None:
    posted = urllib.request.Request(address, json.dumps(value).encode(), {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(posted, timeout=120) as answer:
            assert answer.status == 201
    except urllib.error.HTTPError as error:
        with error:
            raise AssertionError(error.read()) from error


def _shown(address: str) -> dict[str, str]:
    """The media types of what shows a collection as a layer, by relations of its links."""
    with urllib.request.urlopen(address, timeout=120) as answer:
        links = json.load(answer)["links"]
    found = {}
    for link in links:
        if link["rel"] in ("preview", "tilejson"):
            with urllib.request.urlopen(link["href"], timeout=120) as answer:
                found[link["rel"]] = answer.headers["Content-Type"]
    return found


def _assets(address: str) -> dict[str, str]:
    """The media types of the assets of an item, as they are sent, by keys; they are as the item says."""
    with urllib.request.urlopen(address, timeout=120) as answer:
        assets = json.load(answer)["assets"]
    found = {}
    for key, asset in assets.items():
        accepted = urllib.request.Request(asset["href"], headers={"Accept": asset["type"]})
        with urllib.request.urlopen(accepted, timeout=120) as answer:
            found[key] = answer.headers["Content-Type"].partition(";profile")[0]
            assert found[key] == asset["type"]
    return found


def test_gdal_reads_a_collection_as_one_raster(tmp_path: Path) -> None:
    with rasterio.Env() as environment:
        if "STACIT" not in environment.drivers():
            pytest.skip("GDAL has no driver STACIT")
    images = tmp_path / "images"
    images.mkdir()
    whole = positions(3 * SIDE, SIDE)
    for index in range(3):
        part = whole[:, :, index * SIDE : (index + 1) * SIDE]
        place = from_origin(500_000 + index * SIDE * 20, 5_000_000, 20, 20)
        write_geotiff(images / f"part {index}.tif", part, transform=place, tile=32, compress="deflate")
    services, port = tmp_path / "service.toml", free_port()
    services.write_text(
        f'[collections]\nstore = "{tmp_path}/s.sqlite"\neditable = true\ndownloadable = true\n'
    )
    with daemon(images, tmp_path, "--http", f"127.0.0.1:{port}", ports=[port], SERVICES=str(services)):
        root = f"http://127.0.0.1:{port}/stac"
        _post(f"{root}/collections", {"id": "parts", "description": "three parts"})
        _post(f"{root}/collections/parts/items", [{"href": f"part {index}.tif"} for index in range(3)])
        assert _shown(f"{root}/collections/parts") == {"preview": "image/png", "tilejson": "application/json"}
        assert _assets(f"{root}/collections/parts/items/part%200.tif") == {
            "image": "image/tiff; application=geotiff",
            "thumbnail": "image/jpeg",
            "iiif": "application/ld+json",
        }
        with rasterio.open(f'STACIT:"{root}/search?collections=parts&limit=2":asset=image') as file:
            assert (file.width, file.height) == (3 * SIDE, SIDE)
            assert file.crs.to_epsg() == 32633
            assert file.transform == from_origin(500_000, 5_000_000, 20, 20)
            np.testing.assert_array_equal(file.read(), whole)
