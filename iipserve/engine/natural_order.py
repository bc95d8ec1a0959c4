"""The order of names in which numbers count as numbers, and the spelling by which names are searched."""

from __future__ import annotations

import re
import unicodedata

NUMBER = re.compile("[0-9]+")
ACCENTS = re.compile("[\u0300-\u036f]+")
"""Combining diacritical marks, which NFKD separates from their letters."""


def folded(text: str) -> str:
    """A text without case and accents, the same for all ways to compose its characters: `Köln` and `KOLN` are equal."""
    if text.isascii():
        return text.lower()
    return ACCENTS.sub("", unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold()))


def natural_key(name: str) -> tuple[str, str]:
    """Key of the natural order: `IMG_2` before `IMG_10`, whatever the case; names that differ have different keys."""
    return NUMBER.sub(_number, folded(name)), name


def _number(match: re.Match[str]) -> str:
    """A number as text whose order is that of its value: its count of digits precedes them."""
    digits = match[0].lstrip("0")
    return f"0{chr(len(digits))}{digits}"
