"""Heads of requests: what RFC 9112 and RFC 9110 allow, and what proxies could read in another way."""

from __future__ import annotations

import pytest

from iipserve.transport.http_chunks import ChunkReader
from iipserve.transport.http_head import Refused, parse_head, refuse_beginning

VALID = (
    b"GET / HTTP/1.1\r\nHost: a",
    b"GET /a%2Fb?c=d HTTP/1.1\r\nHost: a\r\nX-Empty:\r\nX-Space: \t x \t",
    b"OPTIONS * HTTP/1.1\r\nhost:a",
    b"GET / HTTP/1.0",
    b"M-SEARCH / HTTP/1.1\r\nHost: [::1]:8080",
)
REFUSED = {
    "section 3: two spaces": b"GET  / HTTP/1.1\r\nHost: a",
    "section 3: a tab": b"GET\t/ HTTP/1.1\r\nHost: a",
    "section 3: a space in the target": b"GET /a b HTTP/1.1\r\nHost: a",
    "section 3: a control character in the target": b"GET /a\x00b HTTP/1.1\r\nHost: a",
    "section 3.2: a fragment": b"GET /a#b HTTP/1.1\r\nHost: a",
    "section 3.2: no path": b"GET a HTTP/1.1\r\nHost: a",
    "section 3.2: another scheme": b"GET ftp://a/ HTTP/1.1\r\nHost: a",
    "section 3.2: a user": b"GET http://b@a/ HTTP/1.1\r\nHost: a",
    "section 3.2: an address without a host": b"GET http:///a HTTP/1.1\r\nHost: a",
    "section 3.2.3: a tunnel": b"CONNECT a:1 HTTP/1.1\r\nHost: a:1",
    "section 3.2.4: an asterisk for another method": b"GET * HTTP/1.1\r\nHost: a",
    "section 2.3: no version": b"GET /",
    "section 2.3: lower case": b"GET / http/1.1\r\nHost: a",
    "section 2.3: another version": b"GET / HTTP/2.0\r\nHost: a",
    "section 2.2: LF alone": b"GET / HTTP/1.1\nHost: a",
    "section 2.2: LF alone in a field": b"GET / HTTP/1.1\r\nHost: a\nX: y",
    "section 2.2: CR alone": b"GET / HTTP/1.1\r\nHost: a\rX: y",
    "section 2.2: a space before the first field": b"GET / HTTP/1.1\r\n Host: a",
    "section 3.2: no host": b"GET / HTTP/1.1\r\nX: y",
    "section 3.2: several hosts": b"GET / HTTP/1.1\r\nHost: a\r\nhost: a",
    "section 3.2: no host name": b"GET / HTTP/1.1\r\nHost: a b",
    "section 5.1: a space before the colon": b"GET / HTTP/1.1\r\nHost: a\r\nX : y",
    "section 5.1: no colon": b"GET / HTTP/1.1\r\nHost: a\r\nX",
    "section 5.1: no name": b"GET / HTTP/1.1\r\nHost: a\r\n: x",
    "section 5.2: a folded line": b"GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n z",
    "RFC 9110, section 5.5: a control character": b"GET / HTTP/1.1\r\nHost: a\r\nX: \x07",
    "section 6.1: both lengths": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked",
    "section 6.1: in HTTP/1.0": b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked",
    "section 6.1: twice": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
    "section 6.1: another coding": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked",
    "section 6.1: no coding": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:",
    "section 6.1: almost a coding": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \x0bchunked",
    "section 6.3: several lengths": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2",
    "section 6.3: the same length twice": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1",
    "section 6.3: a list of lengths": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 1",
    "section 6.3: a sign": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1",
    "section 6.3: a negative length": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1",
    "section 6.3: not ASCII": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: \xb2",
    "section 6.3: hexadecimal": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x1",
    "section 6.3: no length": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length:",
    "TLS": b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03",
    "HTTP/2": b"PRI * HTTP/2.0",
}


@pytest.mark.parametrize("data", VALID)
def test_valid_heads_are_read(data: bytes) -> None:
    head = parse_head(data, {})
    assert (head.chunked, head.length) == (False, 0)
    assert head.request.method == data.split()[0].decode()


@pytest.mark.parametrize("data", REFUSED.values(), ids=REFUSED)
def test_invalid_heads_are_refused(data: bytes) -> None:
    with pytest.raises(Refused):
        parse_head(data, {})


@pytest.mark.parametrize(
    "data", [b"\x16\x03\x01\x00\xa5", b"\x01\x01\x00\x01", b" GET", b"GET /\r\n", b"GET / HTTP/1.1\nX"]
)
def test_what_no_request_begins_with_is_refused_at_once(data: bytes) -> None:
    with pytest.raises(Refused):
        refuse_beginning(data + b"\r\n" * (b"\n" in data))


def test_every_beginning_of_a_valid_head_is_waited_for() -> None:
    for data in VALID:
        for end in range(1, len(data)):
            refuse_beginning(data[:end])


@pytest.mark.parametrize(
    ("line", "keep"),
    [
        (b"1.1\r\nHost: a", True),
        (b"1.1\r\nHost: a\r\nConnection: close", False),
        (b"1.1\r\nHost: a\r\nConnection: TE, Close", False),
        (b"1.1\r\nHost: a\r\nConnection: closed", True),
        (b"1.0", False),
        (b"1.0\r\nConnection: Keep-Alive", True),
    ],
)
def test_whether_the_connection_is_kept(line: bytes, keep: bool) -> None:
    """RFC 9112, section 9.3."""
    assert parse_head(b"GET / HTTP/" + line, {}).keep is keep


def test_requests_with_the_same_fields_share_nothing_else() -> None:
    fields = b" HTTP/1.1\r\nHost: a\r\nX: y"
    first = parse_head(b"GET http://b/c" + fields, {"REMOTE_ADDR": "192.0.2.1"}).request.environ
    second = parse_head(b"PUT /d" + fields, {}).request.environ
    assert (first["HTTP_HOST"], first["REQUEST_METHOD"], first["REMOTE_ADDR"]) == ("b", "GET", "192.0.2.1")
    assert (second["HTTP_HOST"], second["REQUEST_METHOD"], second["REQUEST_URI"]) == ("a", "PUT", "/d")
    assert "REMOTE_ADDR" not in second


def test_fields_are_variables() -> None:
    data = (
        b"POST /a HTTP/1.1\r\nHost: a\r\nX-A: 1\r\nx-a: 2\r\nX_A: 3\r\nContent-Type: b\r\nContent-Length: 04"
    )
    head = parse_head(data, {"REMOTE_ADDR": "192.0.2.1"})
    environ = head.request.environ
    assert (environ["HTTP_X_A"], environ["CONTENT_TYPE"], environ["REMOTE_ADDR"]) == ("1,2", "b", "192.0.2.1")
    assert head.length == 4


@pytest.mark.parametrize(
    ("target", "path", "query", "host"),
    [
        ("/a%2Fb%20c/full?x=%26&y", "/a%2Fb%20c/full", "x=%26&y", "other.org"),
        ("http://example.org/a", "/a", "", "example.org"),
        ("HTTPS://example.org:8080/e?q", "/e", "q", "example.org:8080"),
        ("http://example.org", "/", "", "example.org"),
        ("http://example.org?q", "/", "q", "example.org"),
        ("//b", "//b", "", "other.org"),
        ("/http://example.org/", "/http://example.org/", "", "other.org"),
    ],
)
def test_targets(target: str, path: str, query: str, host: str) -> None:
    """RFC 9112, section 3.2: the host of the absolute form replaces that of the header."""
    request = parse_head(f"GET {target} HTTP/1.1\r\nHost: other.org".encode(), {}).request
    assert (request.path, request.query, request.environ["HTTP_HOST"]) == (path, query, host)


@pytest.mark.parametrize(
    ("host", "valid"),
    [
        ("", True),
        ("[2001:db8::1]:8080", True),
        ("example.org:", True),
        ("b%C3%BCcher.example", True),
        ("example.org,example.com", False),
        ("example.org/path", False),
        ("user@example.org", False),
        ("b\u00fccher.example", False),
        ("example.org:port", False),
    ],
)
def test_hosts(host: str, valid: bool) -> None:
    data = f"GET / HTTP/1.1\r\nHost: {host}".encode("latin-1")
    if valid:
        assert parse_head(data, {}).request.environ["HTTP_HOST"] == host
    else:
        with pytest.raises(Refused):
            parse_head(data, {})


@pytest.mark.parametrize(
    "body",
    [
        b"-1\r\n", b"+1\r\na\r\n", b"0x1\r\na\r\n", b"\r\n", b" 1\r\na\r\n", b"1 \r\na\r\n", b"1\na\n\r\n", b"g\r\n",
        b"1\r\nab\r\n", b"1\r\na\n0\r\n", b"1_0\r\n", b"11111111111111111\r\n", b"1;\x00\r\na\r\n",
        b"1;" + b"x" * 300, b"0\r\nno field\r\n", b"0\r\nX: " + b"x" * 9000, b"0\r\n" + b"X: y\r\n" * 3000,
    ],
)  # fmt: skip
def test_malformed_chunks_are_refused(body: bytes) -> None:
    """RFC 9112, section 7.1."""
    with pytest.raises(Refused):
        list(ChunkReader().read(bytearray(body)))


@pytest.mark.parametrize("step", [1, 2, 3, 7, 100])
def test_chunks_that_arrive_in_pieces(step: int) -> None:
    body = b"5\r\nfirst\r\n00B ; a=b\r\n and second\r\n0;x\r\nA: b\r\nC: d\r\n\r\nGET"
    reader, data, content = ChunkReader(), bytearray(), b""
    for start in range(0, len(body), step):
        data += body[start : start + step]
        content += b"".join(reader.read(data))
    assert (content, bytes(data), reader.ended) == (b"first and second", b"GET", True)
