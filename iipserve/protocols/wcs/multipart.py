"""Answers of several parts: a document, and the file it refers to (RFC 2046, 5.1; RFC 2387; RFC 2392; OGC 09-110r4, 8.4)."""

from __future__ import annotations

import hashlib
import re
from typing import NamedTuple
from urllib.parse import quote

from iipserve.plan import Envelope

LINE = b"\r\n"
FOLDER = "coverage/"
"""Content-IDs begin with it, as clients know them from other servers."""
MAX_NAME = 120
"""Characters of a file name."""
UNSAFE = re.compile(r"[^A-Za-z0-9._-]+", re.ASCII)


class FilePart(NamedTuple):
    """The file of an answer."""

    name: str
    """Of the file, with its extension, as the client may keep it: in any script."""
    media_type: str


def content_id(name: str) -> str:
    """The identifier of a file in its answer, without brackets: `coverage/dem.tif`."""
    return FOLDER + safe_name(name)


def reference(name: str) -> str:
    """The address of a file in the document of its answer (RFC 2392): `cid:coverage/dem.tif`."""
    return f"cid:{content_id(name)}"


def safe_name(name: str) -> str:
    """A file name of letters, digits, `.`, `_` and `-`, not hidden; its end, and with it the extension, is kept."""
    return UNSAFE.sub("_", name)[-MAX_NAME:].lstrip(".") or "coverage"


def related(document: bytes, file: FilePart, media_type: str = "application/gml+xml") -> Envelope:
    """The answer of WCS 2.0: `multipart/related`, whose root is GML (OGC 09-110r4, 8.4.2), or an envelope around it."""
    return _enclosed(document, media_type, file, "related", f'type="{media_type}"')


def mixed(document: bytes, file: FilePart) -> Envelope:
    """The answer of WCS 1.1: `multipart/mixed`, that begins with a `Coverages` document (OGC 07-067r5, 10.3)."""
    return _enclosed(document, "text/xml", file, "mixed")


def _enclosed(document: bytes, media_type: str, file: FilePart, kind: str, *parameters: str) -> Envelope:
    boundary = _boundary(document, file)
    root = hashlib.blake2b(document, digest_size=8).hexdigest()
    head = LINE.join(
        (
            b"--" + boundary,
            f"Content-Type: {media_type}; charset=UTF-8".encode(),
            f"Content-ID: <{root}.xml>".encode(),
            b"",
            document,
            b"--" + boundary,
            f"Content-Type: {file.media_type}".encode(),
            b"Content-Description: coverage data",
            b"Content-Transfer-Encoding: binary",
            f"Content-ID: <{content_id(file.name)}>".encode(),
            f"Content-Disposition: {disposition(file.name, 'inline')}".encode(),
            b"",
            b"",
        )
    )
    start = f'start="<{root}.xml>"' if kind == "related" else ""
    described = "; ".join(
        (f"multipart/{kind}", f"boundary={boundary.decode()}", *parameters, *filter(None, [start]))
    )
    return Envelope(head, b"\r\n--" + boundary + b"--\r\n", described)


def _boundary(document: bytes, file: FilePart) -> bytes:
    """A line that is in neither part.

    It follows from the document, so that equal requests have equal answers, and is tried against it; in a file, 120 bits are
    not met by chance, and the file cannot know the digest of a document that is made after it.
    """
    counter = 0
    while True:
        text = f"{counter} {file.name} {file.media_type} ".encode() + document
        boundary = b"wcs-" + hashlib.blake2b(text, digest_size=15).hexdigest().encode()
        if boundary not in document:
            return boundary
        counter += 1


def disposition(name: str, kind: str) -> str:
    """The value of Content-Disposition; names of other scripts by RFC 6266 too."""
    plain = f'{kind}; filename="{safe_name(name)}"'
    return (
        plain if safe_name(name) == name else f"{plain}; filename*=UTF-8''{quote(name[-MAX_NAME:], safe='')}"
    )
