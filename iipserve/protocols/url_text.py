"""Text of addresses: percent-decoding, identifiers, and file names for Content-Disposition."""

from __future__ import annotations

import re
from urllib.parse import quote, unquote_to_bytes

from iipserve.errors import InvalidRequest
from iipserve.http import Routed
from iipserve.image import ImageName

DOT_SEGMENTS = re.compile(r"(?<![^/])(?:\./)+")
"""Segments of a path that stand for the folder they are in; `..` is not among them."""


def path_target(routed: Routed) -> str:
    """The request's target without further query parameters, which path-like protocols ignore.

    In a query string (`?IIIF=a.tif/info.json&v=2`) they follow an ampersand; in a path an ampersand may
    belong to the identifier.
    """
    if "?" in routed.mount:
        return routed.target.partition("&")[0]
    return routed.target


def decoded(text: str) -> str:
    """A component of an address, percent-decoded once; malformed escapes are kept.

    Raises:
        InvalidRequest: the octets are not UTF-8, or one of them is 0.
    """
    result = text if "%" not in text and text.isascii() else _decoded_octets(text)
    if "\0" in result:
        raise InvalidRequest(f"{text!r} contains a zero byte; identifiers cannot")
    return result


def _decoded_octets(text: str) -> str:
    try:
        # Octets above 127 arrive as characters of the same code (PEP 3333).
        return unquote_to_bytes(text.encode("latin-1")).decode("utf-8")
    except UnicodeError as error:
        raise InvalidRequest(f"{text!r} is not UTF-8; percent-encode the UTF-8 form") from error


def decoded_identifier(text: str) -> str:
    """The identifier in a component of an address, without `.` segments.

    A plus sign means a space if others are encoded, as clients do that encode spaces so; else the library looks for
    an image whose name contains it first.

    Raises:
        InvalidRequest: it is empty, not UTF-8, or contains a zero byte.
    """
    if "+" in text and "%2b" in text.lower():
        text = text.replace("+", " ")
    identifier = decoded(text)
    if not identifier:
        raise InvalidRequest("the address names no image; an identifier is needed")
    return DOT_SEGMENTS.sub("", identifier) if "./" in identifier else identifier


def image_names(text: str) -> tuple[ImageName, ...]:
    """The names of a query about the one image whose identifier is a component of an address.

    Raises:
        InvalidRequest: it is empty, not UTF-8, or contains a zero byte.
    """
    return (ImageName(decoded_identifier(text)),)


def inline_disposition(identifier: str, suffix: str) -> str:
    """The Content-Disposition with which a browser displays an export and saves it under a suitable name.

    Args:
        identifier: its last segment, without the extension, is the first part of the name.
        suffix: the rest of the name, as in `_1000x700.jpg`.
    """
    name = identifier.rpartition("/")[2]
    stem = name.rpartition(".")[0] or name
    full = stem + suffix
    plain = "".join(character if _is_plain(character) else "_" for character in full)
    if plain == full:
        return f'inline; filename="{plain}"'
    # RFC 6266 section 4.3: filename for old clients, filename* (RFC 8187) for the exact name
    encoded = quote(full.encode("utf-8", "replace"), safe="!#$&+-.^_`|~")
    return f"inline; filename=\"{plain}\"; filename*=UTF-8''{encoded}"


def _is_plain(character: str) -> bool:
    """Whether a quoted file name may contain a character, also on systems that reserve some."""
    return " " <= character <= "~" and character not in '"\\/%:*?<>|;'
