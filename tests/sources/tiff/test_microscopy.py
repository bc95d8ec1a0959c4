"""Pixel sizes and slice names of ImageJ and Aperio files."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from iipserve.image import PhysicalResolution
from iipserve.sources.tiff import FORMAT
from tests.contracts.source import open_source

STACK = np.arange(6 * 40 * 50, dtype=np.uint16).reshape(6, 40, 50)
SVS = (
    "Aperio Image Library v12.0.15\r\n46000x32914 [42673,5576 2220x2967] (240x240) JPEG/RGB Q=30"
    "|AppMag = 20|StripeWidth = 2040|{}|Left = 25.691574|Date = 12/29/09"
)
"""ImageDescription of a scanned slide, of OpenSlide's test data."""


def imagej(path: Path, **metadata: Any) -> Path:
    """A stack of six slices, 4 pixels per unit across and 2 down."""
    tifffile.imwrite(path, STACK, imagej=True, resolution=(4, 2), metadata={"axes": "ZYX", **metadata})
    return path


UNITS = [
    pytest.param("um", 4e6, id="um"),
    pytest.param("micron", 4e6, id="micron"),
    pytest.param("\\u00B5m", 4e6, id="escaped by Java"),
    pytest.param("nm", 4e9, id="nm"),
    pytest.param("mm", 4e3, id="mm"),
    pytest.param("cm", 4e2, id="cm"),
    pytest.param("inch", 4 / 0.0254, id="inch"),
]


@pytest.mark.parametrize(("unit", "across"), UNITS)
def test_imagejs_unit_makes_a_resolution(tmp_path: Path, unit: str, across: float) -> None:
    found = open_source(FORMAT, imagej(tmp_path / "a.tif", unit=unit)).info.resolution
    assert found is not None
    assert (found.x, found.y) == pytest.approx((across, across / 2))


@pytest.mark.parametrize("unit", ["pixel", "", "furlong", "12"])
def test_other_units_make_none(tmp_path: Path, unit: str) -> None:
    assert open_source(FORMAT, imagej(tmp_path / "a.tif", unit=unit)).info.resolution is None


@pytest.mark.parametrize(
    ("size", "per_metre"),
    [
        ("MPP = 0.4990", 1e6 / 0.499),
        ("MPP = 2", 5e5),
        ("MPP = 0", None),
        ("MPP = -1", None),
        ("MPP = x", None),
        ("", None),
    ],
)
def test_aperios_pixel_size(tmp_path: Path, size: str, per_metre: float | None) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, STACK[0], tile=(16, 16), description=SVS.format(size), metadata=None)
    found = open_source(FORMAT, path).info.resolution
    assert found == (per_metre and PhysicalResolution(per_metre, per_metre))


def test_fields_of_tiff_come_first(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(
        path,
        STACK[0],
        description=SVS.format("MPP = 2"),
        metadata=None,
        resolution=(50, 50),
        resolutionunit=3,
    )
    assert open_source(FORMAT, path).info.resolution == PhysicalResolution(5000, 5000)


@pytest.mark.parametrize("byteorder", ["<", ">"])
def test_imagejs_labels_name_the_slices(tmp_path: Path, byteorder: str) -> None:
    labels = ["DAPI", "GFP  2\nexposure 20 ms", "µ", "", "five", "six"]
    path = tmp_path / "a.tif"
    tifffile.imwrite(
        path, STACK, imagej=True, byteorder=byteorder, metadata={"axes": "ZYX", "Labels": labels}
    )
    names = [layer.name for layer in open_source(FORMAT, path).info.stack]
    assert names == ["DAPI", "GFP 2", "µ", "layer3", "five", "six"]


def test_fewer_labels_than_slices(tmp_path: Path) -> None:
    names = [
        layer.name for layer in open_source(FORMAT, imagej(tmp_path / "a.tif", Labels=["one"])).info.stack
    ]
    assert names == ["one", *(f"layer{index}" for index in range(1, 6))]


def test_damaged_labels_do_no_harm(tmp_path: Path) -> None:
    path = imagej(tmp_path / "a.tif", Labels=[f"slice {index}" for index in range(6)], Info="more")
    with tifffile.TiffFile(path) as file:
        tags = file.pages[0].tags  # type: ignore[union-attr]
        places = [
            range(tag.valueoffset, tag.valueoffset + tag.valuebytecount) for tag in (tags[50838], tags[50839])
        ]
    whole, rng = path.read_bytes(), random.Random(3)
    for _ in range(200):
        data = bytearray(whole)
        for _ in range(rng.randint(1, 4)):
            data[rng.choice(rng.choice(places))] = rng.randrange(256)
        path.write_bytes(data)
        assert len(open_source(FORMAT, path).info.stack) == 6


def test_tifffile_is_not_imported_at_start() -> None:
    script = (
        "import sys, iipserve.app; from iipserve.registry import discover\n"
        "discover('iipserve.sources', 'FORMAT'); sys.exit('tifffile' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
