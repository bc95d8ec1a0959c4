"""GDAL of the system, which has a driver for OGC API (rasterio's has none), reads maps as files."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("rasterio")

from tests.end_to_end.map_pages import gradient, write_rasters
from tests.end_to_end.running import map_server

PYTHON = "/usr/bin/python3"
"""For which Debian builds GDAL's bindings."""
HAS_DRIVER = "from osgeo import gdal; assert gdal.GetDriverByName('OGCAPI')"
READ = """
import sys
import numpy
from osgeo import gdal
gdal.UseExceptions()
address, path = sys.argv[1:]
listed = gdal.OpenEx(f"OGCAPI:{address}").GetSubDatasets()
assert [name for name, _ in listed] == [f"OGCAPI:{address}/collections/wgs84"], listed
file = gdal.OpenEx(listed[0][0], open_options=["API=MAP", "CACHE=NO"])
numpy.save(path, file.ReadAsArray())
print(*file.GetGeoTransform())
"""


def test_gdal_reads_maps_at_the_resolution_of_the_image(tmp_path: Path) -> None:
    """From the list of layers, by what the description of one says of its box and scale: pixels of the file."""
    command = [PYTHON, "-c", HAS_DRIVER]
    if not Path(PYTHON).exists() or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("gdal with a driver for OGC API is not installed (Debian's python3-gdal)")
    (tmp_path / "images").mkdir()
    with map_server(write_rasters(tmp_path / "images", ["wgs84"]), tmp_path) as origin:
        command = [PYTHON, "-c", READ, f"{origin}/ogc", str(tmp_path / "read.npy")]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    left, width, _, top, _, height = (float(text) for text in done.stdout.split())
    assert (left, top) == pytest.approx((10, 50))
    # GDAL makes pixels a little narrower than the scale says
    assert (width, -height) == pytest.approx((0.01, 0.01), rel=0.02)
    pixels = np.load(tmp_path / "read.npy")
    columns = ((np.arange(pixels.shape[2]) + 0.5) * width / 0.01).astype(int)
    rows = ((np.arange(pixels.shape[1]) + 0.5) * -height / 0.01).astype(int)
    assert (pixels[:3] == gradient()[:, rows[:, np.newaxis], columns]).all()
    assert (pixels[3] == 255).all()
