"""QGIS of Debian, driven without a window, draws the layers of WMS, WMTS and XYZ where GDAL draws them, and reads WCS."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

rasterio = pytest.importorskip("rasterio")

from tests.end_to_end.map_pages import (  # noqa: E402
    MAPS,
    WINDOW,
    assert_in_place,
    drawn_by_gdal,
    gradient,
    view_of,
    write_rasters,
)
from tests.end_to_end.running import map_server  # noqa: E402

PYTHON = "/usr/bin/python3"
"""For which Debian builds QGIS."""
CLIENT = Path(__file__).with_name("qgis_client.py")
VERSIONS = ("1.1.1", "1.3.0")
STRANGE = "maps/utm & 2"
"""A layer whose name has to be encoded."""


class Qgis:
    """One process of QGIS, which answers one request after the other."""

    def __init__(self, work: Path) -> None:
        environ = os.environ | {
            "QT_QPA_PLATFORM": "offscreen",
            "HOME": str(work),
            "XDG_RUNTIME_DIR": str(work),
        }
        environ.pop("PYTHONPATH", None)
        self._work = work
        self.process = subprocess.Popen(
            [PYTHON, str(CLIENT)],
            env=environ,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def ask(
        self, uri: str, extent: tuple[float, ...], size: tuple[int, int], crs: str = "EPSG:3857", **more: Any
    ) -> tuple[dict[str, Any], NDArray[np.uint8]]:
        """What QGIS says of a layer, and what it draws: red, green, blue and opacity."""
        picture = self._work / "picture.png"
        asked = {"uri": uri, "extent": extent, "size": size, "crs": crs, "picture": str(picture), **more}
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{json.dumps(asked)}\n")
        self.process.stdin.flush()
        found = json.loads(self.process.stdout.readline())
        assert found["is_valid"], uri
        with Image.open(picture) as image:
            return found, np.asarray(image.convert("RGBA"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A raster of each kind, and one in a folder of a name that has to be encoded."""
    return write_rasters(tmp_path_factory.mktemp("rasters"), MAPS, **{STRANGE: "utm"})


@pytest.fixture(scope="module")
def origin(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with map_server(folder, tmp_path_factory.mktemp("server")) as address:
        yield address


@pytest.fixture(scope="module")
def qgis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Qgis]:
    command = [PYTHON, "-c", "import qgis.core"]
    if not Path(PYTHON).exists() or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("qgis is not installed (Debian's python3-qgis)")
    one = Qgis(tmp_path_factory.mktemp("qgis"))
    with one.process as process:
        yield one
        assert process.stdin is not None
        process.stdin.close()
        process.wait(120)


def wms(origin: str, layer: str, version: str, crs: str = "EPSG:3857") -> str:
    return (
        f"contextualWMSLegend=0&crs={crs}&dpiMode=7&featureCount=10&format=image/png&layers={quote(layer, safe='')}"
        f"&styles&url={quote(f'{origin}/wms?VERSION={version}', safe=':/')}"
    )


def window(view: Any) -> tuple[float, float, float, float]:
    """The sides of a view, x before y."""
    left, top = view.transform * (0, 0)
    right, bottom = view.transform * (WINDOW, WINDOW)
    return left, bottom, right, top


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", [*MAPS, STRANGE])
def test_maps_of_wms_are_in_place(qgis: Qgis, folder: Path, origin: str, name: str, version: str) -> None:
    view = view_of(folder / f"{name}.tif")
    found, picture = qgis.ask(wms(origin, name, version), window(view), (WINDOW, WINDOW))
    assert_in_place(picture[..., :3] * (picture[..., 3:] > 0), drawn_by_gdal(folder / f"{name}.tif", view))
    assert found["crs"] == "EPSG:3857"


@pytest.mark.parametrize("version", VERSIONS)
def test_degrees_have_the_order_of_each_version(qgis: Qgis, origin: str, version: str) -> None:
    """Each pixel of the map is one of the file."""
    found, picture = qgis.ask(
        wms(origin, "wgs84", version, "EPSG:4326"), (10, 48, 13, 50), (300, 200), "EPSG:4326"
    )
    assert (picture[..., 3] == 255).all()
    assert (picture[..., :3] == gradient().transpose(1, 2, 0)).all()
    assert found["extent"] == pytest.approx([10, 48, 13, 50], abs=1e-6)


@pytest.mark.parametrize("form", ["IdentifyFormatText", "IdentifyFormatHtml", "IdentifyFormatFeature"])
@pytest.mark.parametrize("version", VERSIONS)
def test_a_click_tells_the_samples_of_the_file(qgis: Qgis, origin: str, version: str, form: str) -> None:
    column, row = 70, 30
    place = (10 + (column + 0.5) / 100, 50 - (row + 0.5) / 100)
    uri = wms(origin, "wgs84", version, "EPSG:4326")
    found, _ = qgis.ask(uri, (10, 48, 13, 50), (300, 200), "EPSG:4326", place=place, form=form)
    red, green, _ = gradient()[:, row, column].tolist()
    (text,) = found["values"]
    assert str(red) in text
    assert str(green) in text


@pytest.mark.parametrize("name", MAPS)
def test_tiles_of_wmts_are_in_place(qgis: Qgis, folder: Path, origin: str, name: str) -> None:
    view = view_of(folder / f"{name}.tif")
    address = quote(f"{origin}/wmts?SERVICE=WMTS&REQUEST=GetCapabilities", safe=":/")
    uri = (
        f"contextualWMSLegend=0&crs=EPSG:3857&dpiMode=7&format=image/png&layers={name}&styles=default"
        f"&tileMatrixSet=WebMercatorQuad&url={address}"
    )
    _, picture = qgis.ask(uri, window(view), (WINDOW, WINDOW))
    assert_in_place(picture[..., :3] * (picture[..., 3:] > 0), drawn_by_gdal(folder / f"{name}.tif", view))


@pytest.mark.parametrize("name", MAPS)
def test_tiles_by_zoom_are_in_place(qgis: Qgis, folder: Path, origin: str, name: str) -> None:
    view = view_of(folder / f"{name}.tif")
    template = quote(f"{origin}/xyz/{name}/{{z}}/{{x}}/{{y}}.png", safe=":/")
    uri = f"type=xyz&url={template}&zmin=0&zmax={view.zoom}"
    _, picture = qgis.ask(uri, window(view), (WINDOW, WINDOW))
    assert_in_place(picture[..., :3] * (picture[..., 3:] > 0), drawn_by_gdal(folder / f"{name}.tif", view))


@pytest.mark.parametrize("version", ["", "&version=1.0.0"])
@pytest.mark.parametrize("name", [*MAPS, STRANGE])
def test_samples_of_coverages_are_those_of_the_file(
    qgis: Qgis, folder: Path, origin: str, name: str, version: str
) -> None:
    """By the version that QGIS prefers, which is 1.0.0."""
    uri = f"cache=AlwaysNetwork&identifier={quote(coverage_name(name), safe='')}&url={origin}/wcs{version}"
    with rasterio.open(folder / f"{name}.tif") as file:
        box, crs, size = file.bounds, str(file.crs), file.shape[::-1]
    for band in (1, 3):
        found, _ = qgis.ask(uri, tuple(box), size, crs, provider="wcs", band=band)
        assert found["extent"] == pytest.approx(tuple(box), rel=1e-12)
        assert found["crs"] == crs
        assert (np.array(found["samples"]) == gradient()[band - 1]).all()


def coverage_name(layer: str) -> str:
    """The name of a layer as a coverage: an NCName."""
    return re.sub("[^A-Za-z0-9.-]", "_", layer)
