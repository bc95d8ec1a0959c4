"""Editing through web servers: over FastCGI and HTTP, with and without tokens, by several workers."""

from __future__ import annotations

import hashlib
import http.client
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import pytest

from tests.end_to_end.running import daemon, nginx
from tests.geo_rasters import KINDS
from tests.ports import free_port

pytest.importorskip("sqlalchemy")
TOKEN = "token-of-an-editor"


class Answer(NamedTuple):
    status: int
    body: bytes
    headers: http.client.HTTPMessage

    @property
    def value(self) -> Any:
        return json.loads(self.body)


class Addresses(NamedTuple):
    """Of one service: its own, and those of a web server before it."""

    direct: str
    fastcgi: str
    proxied: str


@contextmanager
def served(folder: Path, *lines: str) -> Iterator[Addresses]:
    """A service with two workers and nginx before it."""
    (folder / "tokens").write_text(f"{hashlib.sha256(TOKEN.encode()).hexdigest()} editor\n")
    (folder / "service.toml").write_text(
        "\n".join(("[collections]", 'store = "c.sqlite"', "editable = true", *lines))
    )
    fastcgi, own = free_port(), free_port()
    arguments = ("--bind", f"127.0.0.1:{fastcgi}", "--http", f"127.0.0.1:{own}")
    settings = {"SERVICES": str(folder / "service.toml"), "WORKERS": "2"}
    with (
        daemon(folder, folder, *arguments, ports=[fastcgi, own], **settings),
        nginx(folder, fastcgi=f"127.0.0.1:{fastcgi}", http=f"127.0.0.1:{own}") as origin,
    ):
        yield Addresses(f"http://127.0.0.1:{own}", origin, f"{origin}/below/a/prefix")


def send(method: str, address: str, body: Any = None, token: str = "", **headers: str) -> Answer:
    parts = urlsplit(address)
    assert parts.hostname
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=120)
    content = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
    stated = {"Content-Type": "application/json", **headers}
    if token:
        stated["Authorization"] = f"Bearer {token}"
    try:
        connection.request(method, parts.path, content, stated)
        answer = connection.getresponse()
        return Answer(answer.status, answer.read(), answer.headers)
    finally:
        connection.close()


def test_without_tokens_only_who_asks_the_server_itself_edits(tmp_path: Path) -> None:
    KINDS["utm"](tmp_path)
    with served(tmp_path) as addresses:
        for address in (addresses.fastcgi, addresses.proxied):
            for token in ("", TOKEN):
                refused = send("POST", f"{address}/stac/collections", {"id": "c"}, token)
                assert (refused.status, refused.value["code"]) == (403, "Forbidden")
        assert send("POST", f"{addresses.direct}/stac/collections", {"id": "c"}).status == 201
        page = send("POST", f"{addresses.direct}/stac/collections", {"id": "d"}, Origin="http://example.org")
        assert page.status == 403
        found = send("GET", f"{addresses.fastcgi}/stac/collections").value
        assert [each["id"] for each in found["collections"]] == ["c"]


def test_with_a_token_everybody_edits_by_every_way(tmp_path: Path) -> None:
    image = KINDS["utm"](tmp_path).read_bytes()
    with served(
        tmp_path, 'tokens = "tokens"', "downloadable = true", f'upload_folder = "{tmp_path}/up"'
    ) as addresses:
        for number, address in enumerate(addresses):
            root = f"{address}/stac/collections"
            assert (
                send("POST", root, {"id": f"c{number}"}).headers["WWW-Authenticate"]
                == 'Bearer realm="iipserve"'
            )
            created = send("POST", root, {"id": f"c{number}"}, TOKEN)
            assert (created.status, created.headers["Location"]) == (201, f"{root}/c{number}")
            item = f"{root}/c{number}/items/a.tif"
            assert (
                send("PUT", f"{item}/assets/image", image, TOKEN, **{"Content-Type": "image/tiff"}).status
                == 201
            )
            # by whichever worker
            for _ in range(8):
                assert send("GET", item).value["properties"]["proj:code"] == "EPSG:32633"
            part = send("GET", f"{item}/assets/image", Range="bytes=10-19")
            assert (part.status, part.body) == (206, image[10:20])
            tag = send("GET", item).headers["ETag"]
            patch = {"properties": {"title": "T"}}
            assert send("PATCH", item, patch, TOKEN, **{"If-Match": tag}).status == 204
            assert send("PATCH", item, patch, TOKEN, **{"If-Match": tag}).status == 412
            assert send("DELETE", item, token=TOKEN).status == 204
            assert {send("GET", item).status for _ in range(8)} == {404}


def test_a_large_body_of_who_may_not_edit_is_refused_before_it_is_read(tmp_path: Path) -> None:
    with served(tmp_path, 'tokens = "tokens"', f'upload_folder = "{tmp_path}/up"') as addresses:
        address = f"{addresses.direct}/stac/collections/c/items/a.tif/assets/image"
        parts = urlsplit(address)
        assert parts.hostname
        connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=120)
        connection.putrequest("PUT", parts.path)
        connection.putheader("Content-Length", str(4 << 30))
        connection.endheaders(b"x" * 1000)
        answer = connection.getresponse()
        assert (answer.status, json.loads(answer.read())["code"]) == (401, "Unauthorized")
        connection.close()
