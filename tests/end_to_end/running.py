"""Starts the daemon and the servers in front of it, for the length of a test."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.ports import free_port

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 120.0
END_SECONDS = 60.0
LOOK_SECONDS = 0.01
"""Between two looks at what a server does."""

NGINX = """
daemon off;
{user}
worker_processes 1;
pid {work}/nginx.pid;
error_log {work}/nginx-error.log;
events {{ worker_connections 256; }}
http {{
    access_log off;
    client_body_temp_path {work}/body;
    proxy_temp_path {work}/proxy;
    fastcgi_temp_path {work}/fastcgi;
    uwsgi_temp_path {work}/uwsgi;
    scgi_temp_path {work}/scgi;
    upstream iipserve {{
        server {fastcgi};
        keepalive 8;
    }}
    server {{
        listen 127.0.0.1:{port};
        location / {{
            fastcgi_pass iipserve;
            fastcgi_keep_conn on;
            fastcgi_param REQUEST_METHOD $request_method;
            fastcgi_param REQUEST_URI $request_uri;
            fastcgi_param QUERY_STRING $query_string;
            fastcgi_param SERVER_PROTOCOL $server_protocol;
            fastcgi_param CONTENT_LENGTH $content_length;
            fastcgi_param CONTENT_TYPE $content_type;
            fastcgi_param HTTPS $https if_not_empty;
        }}
        location /below/a/prefix/ {{
            proxy_pass http://{http}/;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Host $http_host;
            proxy_set_header X-Forwarded-Prefix /below/a/prefix;
        }}
    }}
}}
"""


def needed(command: str) -> str:
    """The path of a command; the test is skipped, by its name, where it is not installed."""
    path = shutil.which(command, path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin")
    if path is None:
        pytest.skip(f"{command} is not installed")
    return path


def runs(*command: str) -> None:
    """Skip the test where a command fails, and say why: a library may be missing."""
    tried = subprocess.run(command, capture_output=True, text=True, check=False)
    if tried.returncode:
        pytest.skip(tried.stderr.strip() or f"{' '.join(command)} fails")


@contextmanager
def running(
    command: list[str], ports: list[int], log: Path, *, ending: int = signal.SIGTERM, **environ: str
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server that listens on `ports`, until the block ends, by a signal; its output goes to `log`. Yields its process."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            env=os.environ | environ,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            for port in ports:
                _wait_for(port, process, log)
            yield process
        finally:
            process.send_signal(ending)
            try:
                process.wait(END_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(LOOK_SECONDS)
        else:
            return
    raise AssertionError(f"nothing listens on port {port}:\n{log.read_text(errors='replace')[-4000:]}")


@contextmanager
def daemon(
    folder: Path, work: Path, *arguments: str, ports: list[int], **settings: str
) -> Iterator[subprocess.Popen[bytes]]:
    """Run iipserve over the images of `folder` with these arguments and settings. Yields the process of the supervisor.

    It ends at once; TERM, which `test_daemon.py` sends, would keep connections that clients have left open for some seconds.
    """
    command = [sys.executable, str(ROOT / "iipserve.fcgi"), *arguments]
    settings = {"FILESYSTEM_PREFIX": f"{folder}/", "LOGFILE": "-", "WORKERS": "1"} | settings
    with running(command, ports, work / "iipserve.log", ending=signal.SIGINT, **settings) as process:
        yield process


@contextmanager
def map_server(folder: Path, work: Path, **settings: str) -> Iterator[str]:
    """Run iipserve over HTTP; yields its address once documents list all images of `folder`, which takes a moment."""
    port = free_port()
    with daemon(folder, work, "--http", f"127.0.0.1:{port}", ports=[port], **settings):
        origin = f"http://127.0.0.1:{port}"
        end = time.monotonic() + START_SECONDS
        while b"updateSequence=" not in _read(f"{origin}/wmts?SERVICE=WMTS&REQUEST=GetCapabilities"):
            assert time.monotonic() < end, "images are still being read"
            time.sleep(LOOK_SECONDS)
        yield origin


def _read(address: str) -> bytes:
    with urllib.request.urlopen(address, timeout=START_SECONDS) as answer:
        return bytes(answer.read(2000))


@contextmanager
def nginx(work: Path, *, fastcgi: str, http: str) -> Iterator[str]:
    """Run nginx before the daemon's two addresses; yields its own, `http://127.0.0.1:PORT`.

    FastCGI is at `/`, HTTP at `/below/a/prefix/`.
    """
    port = free_port()
    user = "user root;" if os.geteuid() == 0 else ""
    configuration = work / "nginx.conf"
    configuration.write_text(
        NGINX.format(work=work, user=user, port=port, fastcgi=fastcgi, http=http), encoding="utf-8"
    )
    command = [needed("nginx"), "-p", str(work), "-c", str(configuration), "-e", f"{work}/nginx-start.log"]
    with running(command, [port], work / "nginx.log"):
        yield f"http://127.0.0.1:{port}"
