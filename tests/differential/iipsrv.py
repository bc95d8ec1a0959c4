"""Debian's iipsrv 1.1 as a partner for comparison: started live, asked over FastCGI, started anew if it dies."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.differential.replies import Died, Reply, output, read_reply
from tests.ports import free_port
from tests.transport.client import connect, request

PROGRAM = Path("/usr/lib/iipimage-server/iipsrv.fcgi")
START_SECONDS = 120.0


class Iipsrv:
    """One process of Debian's server over a folder of images."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self._environ = {
            "FILESYSTEM_PREFIX": f"{folder}/",
            "LOGFILE": "/dev/null",
            "VERBOSITY": "0",
            "MEMCACHED_SERVERS": "",
            "OMP_NUM_THREADS": "1",
        } | settings
        self._process: subprocess.Popen[bytes] | None = None
        self._port = 0

    def __enter__(self) -> Self:
        self._start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def ask(self, query: str) -> Reply:
        """The answer to a query string; see `ask_at`."""
        return self.ask_at(f"/iipsrv.fcgi?{query}")

    def ask_at(self, address: str) -> Reply:
        """The answer at an address, path and query.

        Raises:
            Died: there is none; the server runs again afterwards.
        """
        query = address.partition("?")[2]
        try:
            with connect(("127.0.0.1", self._port)) as peer:
                peer.send(request(address, keep=False, QUERY_STRING=query, HTTP_HOST="images.example.org"))
                return read_reply(output(peer))
        except (OSError, Died, AssertionError) as error:
            self._stop()
            self._start()
            raise Died(f"no answer to {address}") from error

    def _start(self) -> None:
        self._port = free_port()
        self._process = subprocess.Popen(
            [str(PROGRAM), "--bind", f"127.0.0.1:{self._port}"],
            env=os.environ | self._environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end:
            try:
                connect(("127.0.0.1", self._port)).sock.close()
            except OSError:
                time.sleep(0.02)
            else:
                return
        raise AssertionError("iipsrv does not listen")

    def _stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
