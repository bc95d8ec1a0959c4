"""The order in which people expect names, and how they are searched."""

from __future__ import annotations

import random
import unicodedata

import pytest

from iipserve.engine.natural_order import folded, natural_key

ORDERED = [
    "0.tif",
    "1.tif",
    "2 b.tif",
    "02.tif",
    "10.tif",
    "99999999999999999999.tif",
    "100000000000000000000.tif",
    "Apfel 2.tif",
    "Äpfel 3.tif",
    "apfel 10.tif",
    "IMG_2.tif",
    "img_3.tif",
    "IMG_10.tif",
    "IMG_10_b2.tif",
    "IMG_10_b12.tif",
    "Zebra.tif",
    "Ж.tif",
    "漢字 2.tif",
    "漢字 10.tif",
]


def test_numbers_count_as_numbers_and_case_and_accents_do_not() -> None:
    assert sorted(set(ORDERED), key=natural_key) == ORDERED


def test_order_does_not_depend_on_the_order_before() -> None:
    names = [
        *ORDERED,
        "a.TIF",
        "A.tif",
        "a.tif",
        "A.TIF",
        "a\N{COMBINING DIAERESIS}.tif",
        "ä.tif",
        "1.tif",
        "01.tif",
    ]
    once = sorted(names, key=natural_key)
    generator = random.Random(1)
    for _ in range(20):
        generator.shuffle(names)
        assert sorted(names, key=natural_key) == once


@pytest.mark.parametrize(
    ("some", "other"),
    [
        ("Köln", "KOLN"),
        ("Köln", unicodedata.normalize("NFD", "köln")),
        ("Straße", "STRASSE"),
        ("\N{FULLWIDTH LATIN CAPITAL LETTER A}1", "a1"),
        ("Ελλάς", "ΕΛΛΑΣ"),
    ],
)
def test_spellings_that_are_equal(some: str, other: str) -> None:
    assert folded(some) == folded(other)


@pytest.mark.parametrize(("some", "other"), [("a", "b"), ("か", "が"), ("कि", "क")])
def test_letters_that_differ(some: str, other: str) -> None:
    assert folded(some) != folded(other)


def test_bytes_that_are_no_text_have_an_order() -> None:
    name = b"K\xf6ln 10.tif".decode("utf-8", "surrogateescape")
    assert sorted(["Kz.tif", name], key=natural_key) == sorted([name, "Kz.tif"], key=natural_key)
