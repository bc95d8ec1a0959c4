"""The head of an HTTP/1.1 request, read strictly: what proxies could read in another way is refused.

Section numbers are those of RFC 9112.
"""

from __future__ import annotations

import re
from functools import lru_cache
from http import HTTPStatus
from typing import NamedTuple

from iipserve.http import Request
from iipserve.http.public_address import HOST
from iipserve.transport.bodies import declared_length

MAX_REQUEST_LINE = 8190
MAX_FIELD_LINE = 8190
MAX_FIELDS = 100
MAX_HEAD_LENGTH = 65536
"""Bytes of a request line and header fields."""
MAX_REMEMBERED_LENGTH = 2048
"""Bytes of header fields that are read once only: a client sends the same ones with each request."""
END = b"\r\n\r\n"

TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]++"
TEXT = r"[\t\x20-\x7e\x80-\xff]*+"
REQUEST_LINE = re.compile(rf"({TOKEN}) ([!\"$-~\x80-\xff]++) HTTP/1\.([01])")
"""Method, target (without a fragment) and minor version (section 3)."""
FIELD = re.compile(rf"{TOKEN}:{TEXT}")
"""No two parts of it match the same character: a long line that does not match is refused in microseconds."""
BEGINNING = re.compile(rf"{TOKEN}(?: |\Z)")
HALF_LINE_END = re.compile(rb"(?<!\r)\n|\r(?!\n|\Z)")
"""LF or CR alone."""
ABSOLUTE = re.compile(r"https?://(?P<host>[^/?]+)(?P<path>.*)", re.IGNORECASE)
"""The absolute form of a request target (section 3.2.2)."""
SINGLE = frozenset(("HTTP_HOST", "CONTENT_LENGTH", "CONTENT_TYPE", "HTTP_TRANSFER_ENCODING", "HTTP_EXPECT"))
"""Fields that may come once only."""


class Refused(Exception):
    """A request that is not read on; its connection is to be closed."""

    def __init__(self, status: HTTPStatus, message: str) -> None:
        """With what is to be answered."""
        super().__init__(message)
        self.status = status


class Head(NamedTuple):
    """What a head says."""

    request: Request
    """Without its body."""
    chunked: bool
    """The body comes in chunks (section 7.1)."""
    length: int
    """Of a body that does not, in bytes."""
    keep: bool
    """The client may send another request on the same connection (section 9.3)."""
    minor: int
    """Version 1.0 or 1.1 of the protocol."""
    waits: bool
    """The client waits for 100 (Continue) before it sends the body (RFC 9110, section 10.1.1)."""


class Fields(NamedTuple):
    """What the header fields say."""

    variables: dict[str, str]
    """CGI's (RFC 3875, section 4.1.18); shared by requests."""
    chunked: bool
    length: int
    keep: bool
    waits: bool


def refuse_beginning(data: bytes) -> None:
    """Refuse the beginning of a head as soon as it cannot become a valid one.

    Raises:
        Refused: it is too long, or does not begin like a request.
    """
    if len(data) > MAX_HEAD_LENGTH:
        raise _too_long()
    if HALF_LINE_END.search(data):
        raise _invalid("a line ends in CR or LF alone")
    line, separator, _ = data[: MAX_REQUEST_LINE + 2].decode("latin-1").partition("\r\n")
    if separator or len(line) > MAX_REQUEST_LINE:
        _read_request_line(line)
    elif not BEGINNING.match(line):
        raise _invalid("the request line is malformed")


def parse_head(data: bytes, connection: dict[str, str]) -> Head:
    """Read a complete head, without the empty line at its end.

    Args:
        data: the request line and the header fields.
        connection: variables of the connection, which the request's environment begins with.

    Raises:
        Refused: it is malformed, ambiguous, or too long.
    """
    if len(data) > MAX_HEAD_LENGTH:
        raise _too_long()
    line, _, rest = data.decode("latin-1").partition("\r\n")
    method, target, minor = _read_request_line(line)
    fields = (read_remembered if len(rest) <= MAX_REMEMBERED_LENGTH else read_fields)(rest, minor)
    environ = {**connection, **fields.variables}
    environ["REQUEST_METHOD"] = method
    environ["SERVER_PROTOCOL"] = "HTTP/1.1" if minor else "HTTP/1.0"
    environ["REQUEST_URI"] = target if target[0] == "/" else _path_of(target, method, environ)
    return Head(
        Request.from_environ(environ), fields.chunked, fields.length, fields.keep, minor, fields.waits
    )


def _read_request_line(line: str) -> tuple[str, str, int]:
    if len(line) > MAX_REQUEST_LINE:
        message = f"the request line is longer than {MAX_REQUEST_LINE} bytes"
        raise Refused(HTTPStatus.REQUEST_URI_TOO_LONG, message)
    match = REQUEST_LINE.fullmatch(line)
    if match is None:
        raise _invalid("the request line is malformed")
    return match[1], match[2], 1 if match[3] == "1" else 0


def read_fields(text: str, minor: int) -> Fields:
    """Read header fields. Names with underscores, which look like others as CGI variables, are left out.

    Args:
        text: one character for each octet; lines end in CRLF, but for the last one.
        minor: version 1.0 or 1.1 of the protocol.

    Raises:
        Refused: they are malformed, ambiguous, or too long.
    """
    lines = text.split("\r\n") if text else []
    if len(lines) > MAX_FIELDS or max(map(len, lines), default=0) > MAX_FIELD_LINE:
        raise _too_long()
    variables: dict[str, str] = {}
    for line in lines:
        if not FIELD.fullmatch(line):
            raise _invalid("a header is malformed")
        name, _, value = line.partition(":")
        if "_" not in name:
            _add(variables, name, value.strip(" \t"))
    host = variables.get("HTTP_HOST")
    if host is None and minor:
        raise Refused(HTTPStatus.BAD_REQUEST, "a request of HTTP/1.1 needs a Host header")
    _check_host(host or "")
    chunked, length = _framing(variables, minor)
    options = [option.strip(" \t").lower() for option in variables.get("HTTP_CONNECTION", "").split(",")]
    keep = "close" not in options and (minor == 1 or "keep-alive" in options)
    return Fields(variables, chunked, length, keep, _waits(variables, minor))


read_remembered = lru_cache(maxsize=128)(read_fields)


def _add(variables: dict[str, str], name: str, value: str) -> None:
    variable = name.upper().replace("-", "_")
    if variable not in ("CONTENT_LENGTH", "CONTENT_TYPE"):
        variable = f"HTTP_{variable}"
    if variable in variables:
        if variable in SINGLE:
            raise _invalid(f"there are several headers {name}")
        value = f"{variables[variable]},{value}"
    variables[variable] = value


def _path_of(target: str, method: str, environ: dict[str, str]) -> str:
    """The path of a target that does not begin with it (section 3.2).

    That of the absolute form; its host replaces that of the header (section 3.2.2).
    """
    if method == "CONNECT":
        raise Refused(HTTPStatus.NOT_IMPLEMENTED, "this server makes no connections to others")
    absolute = ABSOLUTE.fullmatch(target)
    if absolute is not None:
        _check_host(absolute["host"])
        environ["HTTP_HOST"] = absolute["host"]
        path = absolute["path"]
        return path if path.startswith("/") else f"/{path}"
    if target == "*" and method == "OPTIONS":
        return target
    raise _invalid("the target of the request is neither a path nor an address of http or https")


def _check_host(host: str) -> None:
    """Refuse what is neither empty nor a host with an optional port (section 3.2)."""
    if host and not HOST.fullmatch(host):
        message = f"the host {host!r} is not one host name with an optional port"
        raise Refused(HTTPStatus.BAD_REQUEST, message)


def _framing(environ: dict[str, str], minor: int) -> tuple[bool, int]:
    """Whether the body is chunked, and its length if it is not (section 6.3)."""
    coding, length = environ.get("HTTP_TRANSFER_ENCODING"), environ.get("CONTENT_LENGTH")
    if coding is not None:
        if length is not None or minor == 0:
            raise _invalid("Transfer-Encoding stands next to Content-Length, or in HTTP/1.0")
        if coding.lower() != "chunked":
            raise Refused(HTTPStatus.NOT_IMPLEMENTED, "the only transfer coding known here is chunked")
        return True, 0
    declared = declared_length(environ)
    if length is not None and declared is None:
        raise _invalid("Content-Length is not a number")
    return False, declared or 0


def _waits(environ: dict[str, str], minor: int) -> bool:
    expectation = environ.get("HTTP_EXPECT")
    if expectation is None or minor == 0:
        return False
    if expectation.lower() != "100-continue":
        raise Refused(HTTPStatus.EXPECTATION_FAILED, "the only expectation known here is 100-continue")
    return True


def _too_long() -> Refused:
    message = "the request has too many or too long headers"
    return Refused(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, message)


def _invalid(what: str) -> Refused:
    return Refused(HTTPStatus.BAD_REQUEST, f"the request is not valid HTTP: {what}")
