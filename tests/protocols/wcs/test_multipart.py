"""Answers of several parts, taken apart by the standard library."""

from __future__ import annotations

import email
import email.policy
from email.message import EmailMessage
from urllib.parse import unquote

import pytest

from iipserve.plan import Envelope
from iipserve.protocols.wcs.multipart import FilePart, content_id, mixed, reference, related

DOCUMENT = '<?xml version="1.0" encoding="UTF-8"?>\n<a href="é"/>'.encode()
BODY = bytes(range(256)) * 3 + b"\r\n--\r\n\r\n"


def taken_apart(envelope: Envelope, body: bytes) -> list[EmailMessage]:
    head = f"MIME-Version: 1.0\r\nContent-Type: {envelope.media_type}\r\n\r\n".encode()
    message = email.message_from_bytes(
        head + envelope.head + body + envelope.tail, policy=email.policy.default
    )
    assert message.is_multipart()
    assert not message.defects
    parts = list(message.iter_parts())
    assert all(not part.defects for part in parts)
    return parts


@pytest.mark.parametrize(("make", "kind"), [(related, "related"), (mixed, "mixed")])
@pytest.mark.parametrize(
    "name", ["dem.tif", "影像 2024.tif", 'a"b\r\nX: y.tif', ".hidden.tif", "", "n" * 500 + ".tif"]
)
@pytest.mark.parametrize("body", [b"", b"\r\n", BODY])
def test_parts_are_those_that_went_in(make, kind: str, name: str, body: bytes) -> None:  # type: ignore[no-untyped-def]
    envelope = make(DOCUMENT, FilePart(name, "image/tiff"))
    document, file = taken_apart(envelope, body)
    assert document.get_content_type() == ("application/gml+xml" if kind == "related" else "text/xml")
    assert document.get_payload(decode=True) == DOCUMENT
    assert file.get_content_type() == "image/tiff"
    assert file.get_payload(decode=True) == body
    assert file["Content-ID"] == f"<{content_id(name)}>"
    assert unquote(reference(name)) == f"cid:{content_id(name)}"
    assert file.get_content_disposition() == "inline"
    assert len(file) <= 5


def test_root_of_related_is_named() -> None:
    envelope = related(DOCUMENT, FilePart("dem.tif", "image/tiff"))
    document, _ = taken_apart(envelope, BODY)
    head = EmailMessage(policy=email.policy.default)
    head["Content-Type"] = envelope.media_type
    parameters = head["Content-Type"].params
    assert parameters["type"] == "application/gml+xml"
    assert parameters["start"] == document["Content-ID"]


def test_file_names_of_other_scripts_are_kept() -> None:
    envelope = mixed(DOCUMENT, FilePart("影像 2024.tif", "image/tiff"))
    assert b"; filename*=UTF-8''%E5%BD%B1%E5%83%8F%202024.tif\r\n" in envelope.head
    assert taken_apart(envelope, BODY)[1].get_filename() == "_2024.tif"


def test_equal_answers_are_equal_bytes_and_others_have_other_boundaries() -> None:
    part = FilePart("dem.tif", "image/tiff")
    assert related(DOCUMENT, part) == related(DOCUMENT, part)
    assert related(DOCUMENT, part).tail != related(DOCUMENT + b" ", part).tail
