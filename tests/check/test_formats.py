from __future__ import annotations

import pytest

from iipserve import coverage_formats, geo
from iipserve.check import formats
from iipserve.check.coverages import coverage_lines
from iipserve.codecs import Encoder
from iipserve.coverage_formats import CoverageFormat
from iipserve.formats import Format
from iipserve.sources import SourceFormat, Support


def test_what_cannot_be_read_or_written_is_shown_with_the_reason() -> None:
    def failing(*arguments: object) -> bytes:
        raise OSError("no library")

    source = SourceFormat(
        "toy", lambda head: False, failing, support=lambda: [Support("TOY", "lib 1", "it is small")]
    )
    assert formats.read_lines({"toy": source}, ()) == ["not read: TOY (it is small)"]
    broken = SourceFormat("toy", lambda head: False, failing, support=failing)
    assert formats.read_lines({"toy": broken}, ()) == ["not read: TOY (cannot be used: OSError)"]
    encoder = Encoder(Format("toy", "toy", "image/toy", frozenset({3})), failing)
    assert formats.written_lines({"toy": encoder}) == ["not written: toy (OSError: no library)"]
    coverage = CoverageFormat("toy", "Toy", "image/toy", "toy", lambda raster: None, failing)
    assert coverage_lines({"toy": coverage}) == ["coverages not written: toy (OSError: no library)"]


def test_library_that_fails_to_load_is_no_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(name: str) -> None:
        raise OSError("libvips.so.42: cannot open shared object file")

    monkeypatch.setattr(formats.importlib, "import_module", failing)
    assert "libvips cannot be used (OSError)" in formats.library_versions()


def test_coverages_without_the_extra_are_no_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(geo, "missing_packages", lambda: ("rasterio",))
    lines = coverage_lines(coverage_formats.formats())
    assert any(line.startswith("coverages not written: cog (NotInstalled: ") for line in lines)
    assert "coverages written: netcdf" in lines
