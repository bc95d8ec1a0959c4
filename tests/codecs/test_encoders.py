"""The encoders as the registry finds them."""

from __future__ import annotations

from iipserve import registry

ENCODERS = registry.discover("iipserve.codecs", "ENCODER")


def test_every_encoder_is_found() -> None:
    found = {
        name: (encoder.extension, encoder.media_type, set(encoder.bands))
        for name, encoder in ENCODERS.items()
    }
    assert found == {
        "jpeg": ("jpg", "image/jpeg", {1, 3}),
        "png": ("png", "image/png", {1, 2, 3, 4}),
        "webp": ("webp", "image/webp", {1, 2, 3, 4}),
        "avif": ("avif", "image/avif", {1, 2, 3, 4}),
        "tiff": ("tif", "image/tiff", {1, 2, 3, 4}),
    }


def test_only_jpeg_is_cropped_without_loss() -> None:
    assert [name for name, encoder in ENCODERS.items() if encoder.crop] == ["jpeg"]
