"""The encoders as the registry finds them."""

from __future__ import annotations

import sys
from typing import Any

import imagecodecs
import pytest

from iipserve import registry

ENCODERS = registry.discover("iipserve.codecs", "ENCODER")


def test_every_encoder_is_found() -> None:
    found = {
        name: (known.extension, known.media_type, set(known.bands), set(known.depths))
        for name, encoder in ENCODERS.items()
        for known in (encoder.format,)
    }
    assert found == {
        "jpeg": ("jpg", "image/jpeg", {1, 3}, {8}),
        "png": ("png", "image/png", {1, 2, 3, 4}, {8, 16}),
        "webp": ("webp", "image/webp", {1, 2, 3, 4}, {8}),
        "avif": ("avif", "image/avif", {1, 2, 3, 4}, {8}),
        "jxl": ("jxl", "image/jxl", {1, 2, 3, 4}, {8}),
        "tiff": ("tif", "image/tiff", {1, 2, 3, 4}, {8, 16}),
        "gif": ("gif", "image/gif", {1, 3}, {8}),
        "jp2": ("jp2", "image/jp2", {1, 2, 3, 4}, {8}),
        "pdf": ("pdf", "application/pdf", {1, 3}, {8}),
        "raw": ("", "application/octet-stream", {1, 2, 3, 4}, {8, 16}),
    }


def test_only_jpeg_is_cropped_without_loss() -> None:
    assert [name for name, encoder in ENCODERS.items() if encoder.crop] == ["jpeg"]


@pytest.mark.parametrize(
    ("library", "name"), [(imagecodecs.JPEGXL, "jxl"), (imagecodecs.GIF, "gif"), (imagecodecs.JPEG2K, "jp2")]
)
def test_formats_are_left_out_where_their_library_is_missing(
    library: Any, name: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(library, "available", False)
    monkeypatch.delitem(sys.modules, f"iipserve.codecs.{name}")
    found = registry.discover("iipserve.codecs", "ENCODER")
    assert found.keys() == ENCODERS.keys() - {name}
    assert f"iipserve.codecs.{name} is left out" in caplog.text
