"""What is right and wrong about an answer, whatever was asked."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from xml.etree import ElementTree

import imagecodecs
import pypdfium2
import tifffile
from PIL import Image

from iipserve.http import Response

DOCUMENTED_ERRORS = {400, 404, 414, 415, 422, 501}
"""Statuses of refusals; 501 is IIIF's for sizes that a server does not enlarge to."""
MAX_ERROR_LENGTH = 2000
FORMATS = {
    "image/jpeg": "JPEG",
    "image/png": "PNG",
    "image/webp": "WEBP",
    "image/avif": "AVIF",
    "image/gif": "GIF",
    "image/jp2": "JPEG2000",
}
"""Pillow's names by media type."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What a valid request is to be answered with."""

    media_type: str
    sizes: tuple[tuple[int, int], ...] = ()
    """(width, height) of the picture, one of these; any if empty."""


def flaw(response: Response, expected: Expected | None, secret: str) -> str | None:
    """What is wrong with an answer; None if nothing is.

    Args:
        response: the answer, its body in one piece.
        expected: what the request has to be answered with; None for one that may be refused.
        secret: the folder of the images on the server, which no answer may show.
    """
    body = response.body
    assert isinstance(body, bytes)
    if response.status >= 500 and response.status not in DOCUMENTED_ERRORS:
        return f"status {response.status}: {body[:300]!r}"
    if response.status >= 400:
        return _refusal_flaw(int(response.status), body, expected, secret)
    if response.status == 303:
        return None if expected is None else "a redirect"
    return _content_flaw(dict(response.headers).get("Content-Type", ""), body, expected)


def _refusal_flaw(status: int, body: bytes, expected: Expected | None, secret: str) -> str | None:
    if expected is not None:
        return f"a valid request is refused with {status}: {body[:300]!r}"
    if status not in DOCUMENTED_ERRORS:
        return f"status {status} is no documented one"
    if secret.encode() in body or b"Traceback" in body or b'File "' in body:
        return f"the error shows the server's insides: {body[:300]!r}"
    if not body or len(body) > MAX_ERROR_LENGTH:
        return f"the error has {len(body)} bytes"
    return None


def _content_flaw(media_type: str, body: bytes, expected: Expected | None) -> str | None:
    if expected is not None and media_type.partition(";")[0] != expected.media_type:
        return f"{media_type} instead of {expected.media_type}"
    try:
        size = picture_size(media_type.partition(";")[0], body)
    except Exception as error:  # whatever a decoder says of what it cannot read
        return f"{media_type} that cannot be read: {error!r}"
    if size and expected is not None and expected.sizes and size not in expected.sizes:
        return f"{size[0]} x {size[1]} pixels instead of {expected.sizes}"
    return None


def picture_size(media_type: str, body: bytes) -> tuple[int, int] | None:
    """Read a body by its media type; the size of a picture.

    Raises:
        Exception: it is not what it is said to be.
    """
    if media_type in FORMATS:
        with Image.open(io.BytesIO(body), formats=[FORMATS[media_type]]) as picture:
            picture.load()
            return picture.size
    if media_type == "image/tiff":  # Pillow reads no colors of 16 bits
        height, width = tifffile.imread(io.BytesIO(body)).shape[:2]
        return width, height
    if media_type == "application/pdf":
        (image,) = pypdfium2.PdfDocument(body)[0].get_objects()
        width, height = image.get_px_size()
        return width, height
    if media_type == "image/jxl":
        height, width = imagecodecs.jpegxl_decode(body).shape[:2]
        return width, height
    if media_type in ("application/json", "application/ld+json"):
        json.loads(body)
    elif media_type in ("application/xml", "text/xml"):
        ElementTree.fromstring(body)
    elif media_type not in ("application/vnd.netfpx", "text/plain"):
        raise ValueError("no media type of this server")
    return None
