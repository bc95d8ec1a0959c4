"""The encoders as the registry finds them."""

from __future__ import annotations

import sys

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
        "raw": ("", "application/octet-stream", {1, 2, 3, 4}, {8, 16}),
    }


def test_only_jpeg_is_cropped_without_loss() -> None:
    assert [name for name, encoder in ENCODERS.items() if encoder.crop] == ["jpeg"]


def test_jpeg_xl_is_left_out_where_the_library_is_missing(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(imagecodecs.JPEGXL, "available", False)
    monkeypatch.delitem(sys.modules, "iipserve.codecs.jxl")
    found = registry.discover("iipserve.codecs", "ENCODER")
    assert found.keys() == ENCODERS.keys() - {"jxl"}
    assert "iipserve.codecs.jxl is left out" in caplog.text
