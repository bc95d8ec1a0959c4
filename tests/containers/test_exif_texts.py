"""How a photograph was taken, from blocks that Pillow writes."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
from PIL import ExifTags, Image
from PIL.TiffImagePlugin import IFDRational

from iipserve.containers.exif_texts import texts
from tests.codecs.samples import exif_block
from tests.codecs.test_tiff import DAMAGED_EXIF

TAGS = ExifTags.Base


def block(order: str = "<", **fields: Any) -> bytes:
    exif = Image.Exif()
    exif.endian = order
    photo = exif.get_ifd(ExifTags.IFD.Exif)
    for name, value in fields.items():
        photo[TAGS[name]] = value
    return exif.tobytes().removeprefix(b"Exif\0\0")


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("number", [float, IFDRational])
def test_every_field(number: Callable[[float], Any], order: str) -> None:
    found = texts(
        block(
            order,
            ExposureTime=number(1 / 250),
            FNumber=number(8),
            ISOSpeedRatings=100,
            FocalLength=number(50),
            DateTimeOriginal="2026:11:27 18:30:00",
            LensModel="A lens 50 mm",
        )
    )
    assert list(found.items()) == [
        ("Taken", "2026-11-27 18:30:00"),
        ("Exposure time", "1/250 s"),
        ("Aperture", "f/8"),
        ("Sensitivity", "ISO 100"),
        ("Focal length", "50 mm"),
        ("Lens", "A lens 50 mm"),
    ]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (math.nan, None),
        (-1.0, None),
        (1 / 8000, "1/8000 s"),
        (0.25, "1/4 s"),
        (0.5, "0.5 s"),
        (1.3, "1.3 s"),
        (30.0, "30 s"),
        (0.0, None),
    ],
)
def test_exposure_times_as_cameras_show_them(seconds: float, text: str | None) -> None:
    assert texts(block(ExposureTime=seconds)).get("Exposure time") == text


def test_some_fields() -> None:
    assert texts(exif_block()) == {
        "Taken": "2001-02-03 04:05:06",
        "Aperture": "f/5.6",
        "Sensitivity": "ISO 400",
    }


def test_fields_of_other_types_are_left_out() -> None:
    assert texts(block(LensModel=7, FNumber="five")) == {}


@pytest.mark.parametrize("data", [None, b"", b"II*\0", *DAMAGED_EXIF.values()])
def test_what_is_no_block(data: bytes | None) -> None:
    assert texts(data) == {}
