"""Profile headers, of profiles by LittleCMS."""

from __future__ import annotations

import struct

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


def profile(form: bytes, text: bytes) -> bytes:
    """A profile with a description of a type, and another tag before it."""
    data = form + text
    table = struct.pack(">I4sII4sII", 2, b"wtpt", 156, 0, b"desc", 156, len(data))
    return bytes(36) + b"acsp" + bytes(88) + table + data


def test_the_name_of_a_profile_by_littlecms() -> None:
    made = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
    name = ImageCms.getProfileDescription(made).strip()
    assert name
    assert icc.description(made.tobytes()) == name


@pytest.mark.parametrize(
    ("form", "text", "name"),
    [
        pytest.param(b"desc" + bytes(4), struct.pack(">I", 5) + b"Gray\0rest", "Gray", id="version 2"),
        pytest.param(
            b"mluc" + bytes(4),
            struct.pack(">II4sII", 1, 12, b"deDE", 10, 28) + "Größe".encode("utf-16-be"),
            "Größe",
            id="version 4",
        ),
        pytest.param(b"text" + bytes(4), b"name", "", id="another type"),
        pytest.param(b"desc", b"", "", id="cut off"),
        pytest.param(b"mluc" + bytes(4), struct.pack(">II4sII", 1, 12, b"enUS", 99, 10**9), "", id="outside"),
    ],
)
def test_names_of_profiles(form: bytes, text: bytes, name: str) -> None:
    assert icc.description(profile(form, text)) == name


@pytest.mark.parametrize("data", [None, b"", bytes(200), profile(b"", b"")[:140]])
def test_what_has_no_name(data: bytes | None) -> None:
    assert icc.description(data) == ""
