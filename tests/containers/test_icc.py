"""Profile headers, of profiles by LittleCMS."""

from __future__ import annotations

import pytest
from PIL import ImageCms

from iipserve.containers import icc


@pytest.mark.parametrize(("name", "space"), [("sRGB", icc.RGB), ("LAB", icc.LAB)])
def test_the_color_space_of_a_profile(name: str, space: bytes) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile(name))  # type: ignore[arg-type]
    assert icc.color_space(profile.tobytes()) == space == profile.profile.xcolor_space.ljust(4)[:4].encode()
    assert icc.is_profile(profile.tobytes())


@pytest.mark.parametrize("data", [None, b"", bytes(10), bytes(200)])
def test_what_is_no_profile(data: bytes | None) -> None:
    assert not icc.is_profile(data or b"")
    assert icc.color_space(data).strip(b"\0") == b""
