"""In what form a resource is asked for: by the parameter `f`, or by the Accept header."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import NamedTuple

from iipserve.errors import IIPServeError, InvalidRequest
from iipserve.http.negotiation import negotiated


class NotAcceptable(IIPServeError):
    """The Accept header excludes all forms of the resource."""

    status = HTTPStatus.NOT_ACCEPTABLE


class Form(NamedTuple):
    """In what form a resource is asked for."""

    media_type: str
    is_negotiated: bool = False
    """By the Accept header."""


def stated_form(text: str, names: Mapping[str, str], offers: Sequence[str]) -> Form:
    """The form that `f` names, by a word or as a media type.

    Args:
        text: the value of `f`.
        names: media types by words.
        offers: the media types of the resource.

    Raises:
        InvalidRequest: the resource has no such form.
    """
    wanted = names.get(text.lower(), text.lower())
    if wanted not in offers:
        known = " and ".join(name for name, media_type in names.items() if media_type in offers)
        raise InvalidRequest(f"f={text!r} is not a form of this resource; {known} are")
    return Form(wanted)


def preferred_form(accept: str | None, offers: Sequence[str]) -> Form:
    """The form that the Accept header prefers.

    Args:
        accept: the header.
        offers: the media types of the resource, in the server's order of preference.

    Raises:
        NotAcceptable: it excludes all of them.
    """
    found = negotiated(accept, offers)
    if found is None:
        raise NotAcceptable(f"Accept: {accept!r} excludes all forms of this resource: {', '.join(offers)}")
    return Form(found, is_negotiated=True)
