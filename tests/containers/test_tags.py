"""Names of numbers in TIFF files."""

from __future__ import annotations

import pytest

from iipserve.containers.tags import Compression, Photometric, named


@pytest.mark.parametrize(
    ("enumeration", "number", "name"),
    [
        ("COMPRESSION", 32908, "32908 (pixarfilm)"),
        ("COMPRESSION", 22610, "22610 (jpegxr ndpi)"),
        ("COMPRESSION", 12345, "12345"),
        ("PHOTOMETRIC", 32803, "32803 (cfa)"),
        ("PHOTOMETRIC", -1, "-1"),
    ],
)
def test_numbers_are_named(enumeration: str, number: int, name: str) -> None:
    assert named(enumeration, number) == name


@pytest.mark.parametrize("number", [*Compression, *Photometric])
def test_all_that_are_known_here_have_a_name(number: Compression | Photometric) -> None:
    assert named(type(number).__name__.upper(), number) != str(number)
