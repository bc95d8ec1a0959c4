"""Servers with a store of collections, and requests of somebody who manages them."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from tests.end_to_end.running import map_server


class Answered(NamedTuple):
    """A response."""

    status: int
    value: Any
    """Of a body in JSON; None without a body."""
    headers: Mapping[str, str] = MappingProxyType({})


@contextmanager
def collection_server(folder: Path, work: Path, *lines: str, **settings: str) -> Iterator[str]:
    """Run a server over the images of `folder`; yields its address.

    Args:
        folder: of the images.
        work: where the store and the service file are.
        lines: further keys of `[collections]`.
        settings: further ones of the server.
    """
    services = work / "services.toml"
    services.write_text("\n".join(["[collections]", f'store = "{work}/collections.sqlite"', *lines, ""]))
    with map_server(folder, work, SERVICES=str(services), **settings) as origin:
        yield origin


def ask(address: str, method: str = "GET", value: Any = None, **headers: str) -> Answered:
    """The response to a request with a value in JSON."""
    content = None if value is None else json.dumps(value).encode()
    request = urllib.request.Request(address, content, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=120) as answer:
            return Answered(answer.status, _value(answer.read()), answer.headers)
    except urllib.error.HTTPError as error:
        with error:
            return Answered(error.code, _value(error.read()), error.headers)


def _value(body: bytes) -> Any:
    return json.loads(body) if body else None
