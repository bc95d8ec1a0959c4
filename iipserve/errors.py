"""The error tree: every error that is reported to a client or an administrator.

Raised anywhere, turned into a response in one place (`iipserve.app`). A message is safe to send:
it names what came and what would do, never a path of the server.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import ClassVar

INTERNAL_ERROR = "internal server error (logged)"
"""All that a client learns of a fault of this server."""


class IIPServeError(Exception):
    """An error that is reported to the client; the message is safe to send."""

    status: ClassVar[HTTPStatus] = HTTPStatus.INTERNAL_SERVER_ERROR


class ConfigError(IIPServeError, ValueError):
    """The settings hold a mistake; the server does not start with it."""


class InvalidRequest(IIPServeError, ValueError):
    """The request does not follow its protocol's grammar."""

    status = HTTPStatus.BAD_REQUEST


class UnsupportedCommand(InvalidRequest):
    """A command that this server does not know or does not offer."""


class RegionOutOfBounds(InvalidRequest):
    """The requested region is empty or outside the image."""


class InvalidSize(InvalidRequest):
    """The size asked for is zero, or larger than the image or the limits allow."""


class UnsupportedEncoding(InvalidRequest):
    """The output format asked for is not one this server writes."""


class TooLarge(IIPServeError, MemoryError):
    """The answer would need more memory or more decoding than a request may use."""

    status = HTTPStatus.BAD_REQUEST


class Overloaded(IIPServeError):
    """Other requests hold what this one needs; it may succeed later."""

    status = HTTPStatus.SERVICE_UNAVAILABLE


class ImageUnavailable(IIPServeError):
    """The image cannot be read at present: its storage fails, or the system has no room or no descriptors left."""

    status = HTTPStatus.SERVICE_UNAVAILABLE


class StoreUnavailable(IIPServeError):
    """The database of the image collections cannot be used at present; it may be later."""

    status = HTTPStatus.SERVICE_UNAVAILABLE


class SearchTooLong(StoreUnavailable):
    """A search of the image collections was ended; the same one would be again."""


class Forbidden(IIPServeError):
    """The settings do not let this be answered."""

    status = HTTPStatus.FORBIDDEN


class Unauthorized(IIPServeError):
    """The request needs a token, or another one."""

    status = HTTPStatus.UNAUTHORIZED


class MethodNotAllowed(IIPServeError):
    """The protocol does not answer this method."""

    status = HTTPStatus.METHOD_NOT_ALLOWED

    def __init__(self, method: str, allowed: tuple[str, ...]) -> None:
        super().__init__(f"{method} is not answered here; {', '.join(allowed)} are")
        self.allowed = allowed


class PreconditionFailed(IIPServeError):
    """The answer is not the version that the client's conditions name."""

    status = HTTPStatus.PRECONDITION_FAILED


class RangeNotSatisfiable(IIPServeError):
    """The file does not have the part that the request is for."""

    status = HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE

    def __init__(self, length: int) -> None:
        super().__init__(f"the file has {length} bytes, none of which the range names")
        self.length = length


class BodyTooLarge(IIPServeError, ValueError):
    """The request's body is longer than its protocol reads."""

    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE


class UnsupportedBody(IIPServeError, ValueError):
    """The request's body is of a media type that its protocol does not read."""

    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE


class RequestTooLong(IIPServeError, ValueError):
    """The request's address is longer than the server reads."""

    status = HTTPStatus.REQUEST_URI_TOO_LONG


class UnknownProtocol(IIPServeError, LookupError):
    """Neither the path nor the query names a protocol of this server."""

    status = HTTPStatus.NOT_FOUND


class NotFound(IIPServeError, LookupError):
    """There is no such collection, item or resource."""

    status = HTTPStatus.NOT_FOUND


class Conflict(IIPServeError):
    """Something of that name or number is there already."""

    status = HTTPStatus.CONFLICT


class ImageNotFound(IIPServeError, FileNotFoundError):
    """The identifier names no readable image."""

    status = HTTPStatus.NOT_FOUND


class TileNotFound(IIPServeError, LookupError):
    """The pyramid has no such level or tile."""

    status = HTTPStatus.NOT_FOUND


class UnsupportedImage(IIPServeError, ValueError):
    """The file is no image, or of a kind this server does not read."""

    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE


class UnreadableSamples(UnsupportedImage):
    """The samples have no meaning that this server can show; other readers would show something else."""


class DecodeError(IIPServeError, ValueError):
    """The part of the file that was asked for is damaged or missing."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY


IMAGE_FAULTS = (ImageNotFound, ImageUnavailable, UnsupportedImage, DecodeError)
"""What is wrong with one image, while others can be read: it leaves its hole in pictures of several."""


class NotInstalled(IIPServeError):
    """The request needs a package that is not installed."""

    status = HTTPStatus.NOT_IMPLEMENTED
