"""EXTRA_FORMATS switches formats on by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from iipserve import config as configuration
from iipserve.config import from_environ
from iipserve.engine.library import Library
from iipserve.errors import UnsupportedImage
from iipserve.registry import discover

SAMPLES = {
    "bmp": b"BM"
    + bytes(4)
    + bytes(4)
    + b"\x36\0\0\0\x28\0\0\0\1\0\0\0\1\0\0\0\1\0\x18\0"
    + bytes(24)
    + b"abc\0",
    "fits": b"".join(
        card.ljust(80).encode()
        for card in (
            "SIMPLE  =                    T",
            "BITPIX  = 8",
            "NAXIS   = 2",
            "NAXIS1  = 1",
            "NAXIS2  = 1",
            "END",
        )
    ).ljust(2880)
    + bytes(2880),
    "hdr": b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 1 +X 1\nabcd",
    "pfm": b"Pf\n1 1\n-1\nabcd",
    "svg": b'<svg xmlns="http://www.w3.org/2000/svg" width="1" height="1"/>',
}


def library(folder: Path, **settings: str) -> Library:
    config = from_environ({"FILESYSTEM_PREFIX": f"{folder}/"} | settings)
    return Library(config, discover("iipserve.sources", "FORMAT"))


@pytest.mark.parametrize("name", SAMPLES)
def test_off_by_default(tmp_path: Path, name: str) -> None:
    (tmp_path / "a").write_bytes(SAMPLES[name])
    images = library(tmp_path)
    with pytest.raises(UnsupportedImage, match=f"EXTRA_FORMATS contains {name}"):
        images.info("a")
    assert images.identifiers() == []


@pytest.mark.parametrize("name", SAMPLES)
def test_on_by_name(tmp_path: Path, name: str) -> None:
    (tmp_path / "a").write_bytes(SAMPLES[name])
    images = library(tmp_path, EXTRA_FORMATS=f"pdf, {name.upper()}")
    info = images.info("a")
    assert (info.format, info.size.area) == (name, 1)
    assert images.identifiers() == ["a"]


def test_all_that_are_optional_are_tested_and_documented() -> None:
    optional = {name for name, kind in discover("iipserve.sources", "FORMAT").items() if kind.optional}
    assert optional == {*SAMPLES, "pdf"}
    text = configuration.settings()["extra_formats"].parse.accepts
    assert all(f"`{name}`" in text for name in optional)
