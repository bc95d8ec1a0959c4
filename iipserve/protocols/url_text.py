"""Text as it stands in an address, and what it means."""

from __future__ import annotations

from urllib.parse import quote, unquote_to_bytes

from iipserve.errors import InvalidRequest
from iipserve.http import Routed


def path_target(routed: Routed) -> str:
    """The request's target without further query parameters, which no path-like protocol reads.

    In a query string (`?IIIF=a.tif/info.json&v=2`) they follow an ampersand; in a path an ampersand may
    belong to the identifier.
    """
    if "?" in routed.mount:
        return routed.target.partition("&")[0]
    return routed.target


def decoded(text: str) -> str:
    """A component of an address, percent-decoded once; malformed escapes stay as they are.

    Raises:
        InvalidRequest: the octets are not UTF-8, or one of them is 0.
    """
    result = text if "%" not in text and text.isascii() else _decoded_octets(text)
    if "\0" in result:
        raise InvalidRequest(f"{text!r} contains a zero byte; names of images have none")
    return result


def _decoded_octets(text: str) -> str:
    try:
        # Octets above 127 arrive as the characters of the same number (PEP 3333).
        return unquote_to_bytes(text.encode("latin-1")).decode("utf-8")
    except UnicodeError as error:
        raise InvalidRequest(
            f"{text!r} is not UTF-8, which percent-encoded text in addresses is to be"
        ) from error


def decoded_identifier(text: str) -> str:
    """The identifier in a component of an address.

    Raises:
        InvalidRequest: it is empty, not UTF-8, or contains a zero byte.
    """
    identifier = decoded(text)
    if not identifier:
        raise InvalidRequest("the address names no image; its identifier would stand before the last slash")
    return identifier


def inline_disposition(identifier: str, suffix: str) -> str:
    """The Content-Disposition under which a browser shows an export, and saves it by a fitting name.

    Args:
        identifier: its last segment, without the extension, begins the name.
        suffix: ends the name, as in `_1000x700.jpg`.
    """
    name = identifier.rpartition("/")[2]
    stem = name.rpartition(".")[0] or name
    full = stem + suffix
    plain = "".join(character if _is_plain(character) else "_" for character in full)
    if plain == full:
        return f'inline; filename="{plain}"'
    # RFC 6266 section 4.3: filename for old readers, filename* (RFC 8187) for the true name
    encoded = quote(full.encode("utf-8", "replace"), safe="!#$&+-.^_`|~")
    return f"inline; filename=\"{plain}\"; filename*=UTF-8''{encoded}"


def _is_plain(character: str) -> bool:
    """Whether a character may stand in a quoted file name as it is (also on systems with reserved ones)."""
    return " " <= character <= "~" and character not in '"\\/%:*?<>|;'
