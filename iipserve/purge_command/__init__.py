"""`iipserve purge`: lets images count as changed, in all workers, in memcached, and on all hosts that share it."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Mapping, Sequence
from functools import partial
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from time import time
from typing import Any, TextIO
from urllib.parse import quote, urlsplit

from iipserve.command_line import finished, settings
from iipserve.config import Config
from iipserve.config.addresses import parse_address
from iipserve.purge_command import fastcgi_client
from iipserve.purges.signature import METHOD, PATH, authorization

DESCRIPTION = """\
Lets images count as changed, whatever their files say: nothing that was kept of them is shown any more. Needs the PURGE_SECRET of
the server among its settings."""
USUAL_SERVER = "/run/iipserve/iipserve.sock"
SECONDS = 120.0
"""For the answer, which comes when all hosts have had time to know."""
OK = 200


def parser() -> argparse.ArgumentParser:
    """The arguments."""
    made = argparse.ArgumentParser(prog="iipserve purge", description=DESCRIPTION, allow_abbrev=False)
    made.add_argument(
        "names", nargs="+", metavar="NAME",
        help="an image as addresses name it, such as books/1.tif, a folder with a slash at its end, or / for all images",
    )  # fmt: skip
    made.add_argument(
        "--server", default=USUAL_SERVER, metavar="ADDRESS",
        help="of one of the hosts: the HOST:PORT or SOCKET_PATH of --bind, or http://HOST:PORT of --http "
        f"({USUAL_SERVER})",
    )  # fmt: skip
    return made


def main(arguments: Sequence[str], environ: Mapping[str, str], out: TextIO, err: TextIO) -> int:
    """Run the command. The exit status is 0, 1 if something may not be purged, and 2 for wrong usage.

    Args:
        arguments: after `purge`.
        environ: environment with the settings.
        out: stream for what was purged.
        err: stream for failures.
    """
    options = parser().parse_args(arguments)
    config = settings(environ, err)
    if config is None:
        return 1
    if not config.purge_secret:
        err.write("PURGE_SECRET is not set; the server answers only who knows it\n")
        return 1
    return finished(partial(_purge, options, config, out, err), err)


def _purge(options: argparse.Namespace, config: Config, out: TextIO, err: TextIO) -> int:
    query = "&".join(f"name={quote(os.fsencode(name), safe='/')}" for name in options.names)
    headers = {"Authorization": authorization(config.purge_secret, query, time())}
    try:
        status, body = _asked(options.server, f"{PATH}?{query}", headers)
        answer: dict[str, Any] = json.loads(body)
    except (ValueError, HTTPException) as error:
        err.write(f"{options.server} gives no answer to purges: {error}\n")
        return 1
    if status != OK:
        err.write(f"{options.server} refuses: {answer.get('error', status)}\n")
        return 1
    out.write(f"{', '.join(answer['purged'])} purged; {answer['bodies']} tiles removed from memcached\n")
    for address in answer["silent"]:
        err.write(f"memcached {address} does not answer, and may hold tiles of before when it comes back\n")
    return 1 if answer["silent"] else 0


def _asked(server: str, address: str, headers: Mapping[str, str]) -> tuple[int, bytes]:
    """Status and body of an answer.

    Raises:
        OSError, ValueError, HTTPException: there is none.
    """
    if "://" not in server:
        return fastcgi_client.ask(parse_address(server), METHOD, address, headers, SECONDS)
    parts = urlsplit(server)
    kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    connection = kind(parts.netloc, timeout=SECONDS)
    try:
        connection.request(
            METHOD, parts.path.rstrip("/") + address, headers={**headers, "Content-Length": "0"}
        )
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()
