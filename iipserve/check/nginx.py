"""Whether nginx on this machine keeps its connections to the server, by its configuration."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

FILES = ("nginx.conf", "conf.d/*.conf", "sites-enabled/*")
"""Below nginx's folder, those that Debian's nginx reads."""
MAX_LENGTH = 1_000_000
COMMENT = re.compile(r"(^|[\s;{}])#[^\n]*")
UPSTREAM = re.compile(r"\bupstream\s+(?P<name>[^\s{;]+)\s*\{(?P<body>[^{}]*)\}")


def short_connections(address: str, folder: Path = Path("/etc/nginx")) -> list[str]:
    """A line for each file that passes requests to an address over connections that end with each of them.

    Args:
        address: as `--bind` has it; empty if it is not known.
        folder: of nginx's configuration.
    """
    if not address:
        return []
    spellings = _spellings(address)
    return [
        f"{path} lets nginx open a connection for each request to {address}: `fastcgi_keep_conn on` and an "
        "`upstream` with `keepalive` save almost half of the time of a cached tile"
        for path, text in _texts(folder)
        if _is_short(text, spellings)
    ]


def _spellings(address: str) -> str:
    """A pattern of the address in nginx's configuration."""
    if "/" in address:
        return rf"unix:{re.escape(address)}:?"
    host, _, port = address.rpartition(":")
    hosts = {host, "127.0.0.1", "localhost", "[::1]"} if host in ("", "0.0.0.0", "[::]") else {host}
    hosts |= {"localhost"} if host == "127.0.0.1" else set()
    return rf"(?:{'|'.join(re.escape(each) for each in sorted(hosts - {''}))}):{port}"


def _texts(folder: Path) -> Iterator[tuple[Path, str]]:
    for pattern in FILES:
        for path in sorted(folder.glob(pattern)):
            try:
                with path.open(encoding="utf-8", errors="replace") as file:
                    yield path, COMMENT.sub(r"\1", file.read(MAX_LENGTH))
            except OSError:
                continue


def _is_short(text: str, spellings: str) -> bool:
    if re.search(rf"\bfastcgi_pass\s+{spellings}\s*;", text):
        return True
    for upstream in UPSTREAM.finditer(text):
        if not re.search(rf"\bserver\s+{spellings}[\s;]", upstream["body"]):
            continue
        if not re.search(rf"\bfastcgi_pass\s+{re.escape(upstream['name'])}\s*;", text):
            continue
        keeps = (
            re.search(r"\bkeepalive\s+\d", upstream["body"]),
            re.search(r"\bfastcgi_keep_conn\s+on\b", text),
        )
        if not all(keeps):
            return True
    return False
