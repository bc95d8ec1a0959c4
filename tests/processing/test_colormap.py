"""Color maps: appendix A's vectors, the published tables, users' files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from iipserve.errors import ConfigError
from iipserve.processing import colormap
from iipserve.processing.colormap import Colormap
from iipserve.processing.display import display_transform
from tests.processing.sample_formats import kind, ramp

IIPSRV = [
    ("hot", {16: (48, 0, 0), 60: (180, 0, 0), 90: (255, 15, 0), 120: (255, 105, 0), 180: (255, 255, 30), 254: (255, 255, 252)}),
    ("cold", {16: (0, 0, 48), 90: (0, 15, 255), 180: (30, 255, 255)}),
    ("jet", {0: (0, 0, 127), 16: (0, 0, 191), 60: (0, 112, 255), 90: (0, 232, 255), 120: (97, 255, 157), 180: (255, 172, 0), 220: (255, 12, 0), 254: (131, 0, 0)}),
    ("red", {90: (90, 0, 0)}),
    ("green", {90: (0, 90, 0)}),
    ("blue", {90: (0, 0, 90)}),
]  # fmt: skip
"""Seen on iipsrv."""

PUBLISHED = [
    ("viridis", {0: (68, 1, 84), 128: (33, 145, 140), 255: (253, 231, 37)}),
    ("magma", {0: (0, 0, 4), 128: (183, 55, 121), 255: (252, 253, 191)}),
    ("inferno", {0: (0, 0, 4), 128: (188, 55, 84), 255: (252, 255, 164)}),
    ("plasma", {0: (13, 8, 135), 128: (204, 71, 120), 255: (240, 249, 33)}),
    ("cividis", {0: (0, 34, 78), 128: (125, 124, 120), 255: (254, 232, 56)}),
    ("turbo", {0: (48, 18, 59), 128: (164, 252, 60), 255: (122, 4, 3)}),
]


def colored(name: Colormap, dtype: str = "uint8") -> NDArray[Any]:
    to_display = display_transform(kind(dtype, 1), (name,))
    assert to_display is not None
    return to_display(ramp(dtype))[0]


@pytest.mark.parametrize(("name", "colors"), IIPSRV + PUBLISHED)
def test_colors_of_bytes(name: str, colors: dict[int, tuple[int, int, int]]) -> None:
    table = colored(Colormap(name))
    assert {sample: tuple(table[sample].tolist()) for sample in colors} == colors


@pytest.mark.parametrize("name", ["viridis", "turbo"])
def test_tables_are_looked_up_by_the_nearest_color(name: str) -> None:
    bytes_ = colored(Colormap(name))
    words = colored(Colormap(name), "uint16")
    nearest = [int(sample / 65535 * 255 + 0.5) for sample in range(65536)]
    np.testing.assert_array_equal(words, bytes_[nearest])


@pytest.mark.parametrize("name", colormap.names())
def test_samples_past_the_ends(name: str) -> None:
    samples = np.array([[[-5.0], [0.0], [1.0], [9.0]]], np.float32)
    before = samples.copy()
    result = np.clip(Colormap(name)(samples), 0, 1)
    np.testing.assert_array_equal(samples, before)
    if name != "jet":
        np.testing.assert_array_equal(result[0, 0], result[0, 1])
    np.testing.assert_array_equal(result[0, 2], result[0, 3])


def test_jet_is_black_below_black() -> None:
    assert not Colormap("jet")(np.full((1, 1, 1), -0.01, np.float32)).any()


def test_only_the_first_band_counts() -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (9, 9, 3)).astype(np.uint8)
    to_display = display_transform(kind("uint8", 3), (Colormap("jet"),))
    assert to_display is not None
    np.testing.assert_array_equal(to_display(pixels), colored(Colormap("jet"))[pixels[..., 0]])


def test_names() -> None:
    assert colormap.names()[:6] == ("hot", "cold", "jet", "red", "green", "blue")
    assert colormap.names() == (
        *colormap.names()[:6],
        "viridis",
        "magma",
        "inferno",
        "plasma",
        "cividis",
        "turbo",
    )
    assert colormap.named("JET", "") == Colormap("jet")
    assert colormap.named("Viridis", "") == Colormap("viridis")
    assert colormap.named("nothing", "") is None


# -- users' tables -----------------------------------------------------------------------------------


def test_users_tables(tmp_path: Path) -> None:
    (tmp_path / "Sea.txt").write_text("# from the deep\n0 0 40\n\n10, 200 ,255  # foam\n")
    (tmp_path / "land.CSV").write_text("\ufeff0,0,0\r\n100,50,0\r\n255,255,255\r\n", encoding="utf-8")
    (tmp_path / "readme.md").write_text("nothing")
    (tmp_path / ".hidden.txt").write_text("nothing")
    (tmp_path / "folder.txt").mkdir()
    assert set(colormap.user_tables(str(tmp_path))) == {"sea", "land"}
    assert colormap.names(str(tmp_path))[-2:] == ("sea", "land")
    sea = colormap.named("SEA", str(tmp_path))
    assert sea is not None
    table = colored(sea)
    places = np.linspace(0, 1, 256)[:, np.newaxis]
    expected = (1 - places) * [0, 0, 40] + places * [10, 200, 255]
    assert np.abs(table - expected).max() <= 0.5 + 1e-9
    land = colormap.named("land", str(tmp_path))
    assert land is not None
    assert (
        np.abs(
            colored(land)[[0, 127, 128, 255]].astype(int) - [[0, 0, 0], [100, 50, 0], [100, 50, 0], [255] * 3]
        ).max()
        <= 1
    )
    assert sea != land
    assert repr(sea) != repr(land)


def test_a_table_of_256_colors_is_taken_as_it_is(tmp_path: Path) -> None:
    colors = np.random.default_rng(2).integers(0, 256, (256, 3))
    (tmp_path / "own.txt").write_text("\n".join(" ".join(map(str, color)) for color in colors))
    own = colormap.named("own", str(tmp_path))
    assert own is not None
    np.testing.assert_array_equal(colored(own), colors)


WRONG = [
    ("a.txt", b"0 0 0\n1 2\n", r"a\.txt, line 2: '1 2'; each line needs red, green and blue from 0 to 255"),
    ("a.txt", b"0 0 0\n1 2 256\n", r"line 2"),
    ("a.txt", b"0 0 0\n1 2 nan\n", r"line 2"),
    ("a.txt", b"0 0 0\n-1 2 3\n", r"line 2"),
    ("a.csv", b"red,green,blue\n0,0,0\n", r"a\.csv, line 1: 'red,green,blue'"),
    ("a.txt", b"0 0 0 0\n1 2 3 4\n", r"line 1"),
    ("a.txt", b"0 0 0\n", r"has 1 colors; it needs 2 to 4096"),
    ("a.txt", b"# nothing\n", r"has 0 colors"),
    ("a.txt", b"0 0 0\n" * 4097, r"has more than 4096 colors"),
    ("a.txt", b"\xff\xfe\x00", r"a\.txt cannot be read as text"),
    ("Hot.txt", b"0 0 0\n1 2 3\n", r"'hot'; that name is a built-in color map"),
    ("viridis.csv", b"0 0 0\n1 2 3\n", r"'viridis'; that name is a built-in color map"),
]


@pytest.mark.parametrize(("name", "content", "message"), WRONG)
def test_mistakes_are_named(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ConfigError, match=message) as raised:
        colormap.names(str(tmp_path))
    assert str(tmp_path) not in str(raised.value)


def test_two_files_of_one_name(tmp_path: Path) -> None:
    for name in ("sea.txt", "SEA.csv"):
        (tmp_path / name).write_text("0 0 0\n1 1 1\n")
    with pytest.raises(ConfigError, match="two files for the color map 'sea'"):
        colormap.named("sea", str(tmp_path))


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="COLORMAPS must name a readable folder"):
        colormap.names(str(tmp_path / "nothing"))
