"""Variables that are no settings and are taken for some."""

from __future__ import annotations

from itertools import product

import pytest

from iipserve.config import load, settings
from iipserve.config.names import WITHOUT_EFFECT, is_one_letter_away


def distance(one: str, other: str) -> int:
    """The optimal string alignment distance, by its recurrence."""
    table = {(row, 0): row for row in range(len(one) + 1)} | {
        (0, column): column for column in range(len(other) + 1)
    }
    for row, column in product(range(1, len(one) + 1), range(1, len(other) + 1)):
        same = one[row - 1] == other[column - 1]
        choices = [
            table[row - 1, column] + 1,
            table[row, column - 1] + 1,
            table[row - 1, column - 1] + (not same),
        ]
        if row > 1 and column > 1 and one[row - 2 : row] == other[column - 2 : column][::-1]:
            choices.append(table[row - 2, column - 2] + 1)
        table[row, column] = min(choices)
    return table[len(one), len(other)]


def test_distance_is_that_of_the_recurrence() -> None:
    words = ["".join(letters) for length in range(5) for letters in product("AB", repeat=length)]
    words += ["ABC", "ACB", "BAC", "ABCD", "ABDC", "BADC", "CABD"]
    for one, other in product(words, repeat=2):
        assert is_one_letter_away(one, other) == (distance(one, other) <= 1), (one, other)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("JPEG_QUALTY", "JPEG_QUALITY"),
        ("JPEG_QUALITYY", "JPEG_QUALITY"),
        ("JPEG_QUALIYT", "JPEG_QUALITY"),
        ("JPEG-QUALITY", "JPEG_QUALITY"),
        ("jpeg_quality", "JPEG_QUALITY"),
        ("FILESYSTEM_PREFX", "FILESYSTEM_PREFIX"),
        ("MAX_IMAGE_METADATA_CACHE_SIZ", "MAX_IMAGE_METADATA_CACHE_SIZE"),
    ],
)
def test_misspelled_setting_is_named(name: str, meant: str) -> None:
    assert load({name: "1"}).warnings == (f"{name} is not a setting; {meant} is",)


def test_variables_of_iipsrv_are_named() -> None:
    lines = load(dict.fromkeys(WITHOUT_EFFECT, "1")).warnings
    assert [line.split()[0] for line in lines] == sorted(WITHOUT_EFFECT)
    assert all("no effect" in line for line in lines)


def test_usual_variables_and_settings_are_not_named() -> None:
    usual = [
        "HOME",
        "PATH",
        "SHELL",
        "USER",
        "LOGNAME",
        "LANG",
        "LC_ALL",
        "TERM",
        "PWD",
        "OLDPWD",
        "SHLVL",
        "TMPDIR",
        "EDITOR",
        "HOST",
        "PORT",
        "WORKDIR",
    ]
    names = [name for known in settings().values() for name in (known.variable, *known.others)]
    assert not load(dict.fromkeys(usual, "x")).warnings
    assert not [line for line in load(dict.fromkeys(names, "1")).warnings if "not a setting" in line]
