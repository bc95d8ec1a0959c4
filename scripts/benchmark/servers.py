"""The servers that the benchmark compares, each with nothing but what its row needs."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from scripts.benchmark import maps
from scripts.benchmark.cases import Case
from scripts.benchmark.images import CACHE, link_name
from scripts.benchmark.maps import layer_name, write_map_file

CHECKOUT = Path(__file__).resolve().parents[2]
MAPSERV = "/usr/lib/cgi-bin/mapserv"
IIPSRV = "/usr/lib/iipimage-server/iipsrv.fcgi"
TICKS = os.sysconf("SC_CLK_TCK")
SERVER_CORE, LOAD_CORE = ["taskset", "-c", "0"], ["taskset", "-c", "1"]
"""The servers run on one core, nginx and the load generator on another: neither disturbs the other."""

NGINX = """
worker_processes 1;
error_log {folder}/nginx-error.log;
pid {folder}/nginx.pid;
daemon off;
events {{ worker_connections 2048; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body; fastcgi_temp_path {folder}/fastcgi; proxy_temp_path {folder}/proxy;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  fastcgi_buffers 16 64k; fastcgi_buffer_size 64k; fastcgi_max_temp_file_size 0;
  keepalive_requests 1000000;
  upstream kept {{ server 127.0.0.1:{iipserve}; keepalive 32; }}
  upstream tiles {{ server 127.0.0.1:{memcached}; keepalive 32; }}
  fastcgi_cache_path {folder}/cache levels=1:2 keys_zone=benchmark:10m use_temp_path=off;
  uninitialized_variable_warn off;
  server {{
    listen 127.0.0.1:{nginx};
    fastcgi_param QUERY_STRING $query_string;
    fastcgi_param REQUEST_METHOD $request_method;
    fastcgi_param REQUEST_URI $request_uri;
    fastcgi_param SERVER_PROTOCOL $server_protocol;
    location /kept/ {{ fastcgi_pass kept; fastcgi_keep_conn on; }}
    fastcgi_param MEMCACHED_KEY $memcached_key if_not_empty;
    location /passed/ {{
      set $memcached_key "iipserve:$request_uri";
      memcached_pass tiles;
      memcached_buffer_size 64k;
      default_type image/jpeg;
      error_page 404 502 504 = @passed;
    }}
    location @passed {{ fastcgi_pass kept; fastcgi_keep_conn on; }}
    location /cached/ {{
      fastcgi_pass kept;
      fastcgi_keep_conn on;
      fastcgi_cache benchmark;
      fastcgi_cache_key $request_uri;
    }}
    location /new/ {{ fastcgi_pass 127.0.0.1:{iipserve}; }}
    location /iipsrv/ {{ fastcgi_pass 127.0.0.1:{partner}; }}
    location /MapServer/ {{ fastcgi_pass 127.0.0.1:{partner}; }}
    location /MapProxy/ {{ proxy_pass http://127.0.0.1:{partner}/; }}
  }}
}}
"""


@dataclass(frozen=True, slots=True)
class Ports:
    """Where everything listens, on the loopback address."""

    nginx: int
    iipserve: int
    partner: int
    """The server to compare with."""
    memcached: int

    @classmethod
    def free(cls) -> Ports:
        """Ports that nothing listens on."""
        return cls(*(free_port() for _ in range(4)))


def cpu_seconds(pid: int) -> float:
    """User and system time of a process and all its descendants that still live."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    own = (int(fields[11]) + int(fields[12])) / TICKS
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return own + sum(cpu_seconds(int(child)) for child in children)


@contextmanager
def iipserve(
    ports: Ports, folder: Path, case: Case, *, workers: int = 1, pinned: bool = True, over_http: bool = False
) -> Iterator[subprocess.Popen[bytes]]:
    """The daemon of this checkout, which speaks FastCGI, or HTTP instead."""
    environ = {
        "PATH": os.environ["PATH"], "FILESYSTEM_PREFIX": f"{folder}/", "LOGFILE": "-", "VERBOSITY": "1",
        "URI_MAP": "kept/iiif=>iiif,kept/deepzoom=>deepzoom,new/iiif=>iiif,new/deepzoom=>deepzoom",
        **_settings(case, ports),
    }  # fmt: skip
    if case.services:
        environ["SERVICES"] = str(write_layers(CACHE / "benchmark.map", folder, case))
    command = [
        *(SERVER_CORE if pinned else []),
        str(CHECKOUT / "iipserve.fcgi"),
        "--http" if over_http else "--bind",
        f"127.0.0.1:{ports.iipserve}",
        "--workers",
        str(workers),
    ]
    with _running(command, environ, ports.iipserve, "iipserve") as process:
        yield process


@contextmanager
def iipsrv(ports: Ports, folder: Path, case: Case) -> Iterator[subprocess.Popen[bytes]]:
    """Debian's iipsrv."""
    environ = {
        "FILESYSTEM_PREFIX": f"{folder}/", "LOGFILE": "/dev/null", "VERBOSITY": "0", "MEMCACHED_SERVERS": "",
        "URI_MAP": "iipsrv/iiif=>IIIF", "OMP_NUM_THREADS": "1", **_settings(case, ports),
    }  # fmt: skip
    command = [*SERVER_CORE, IIPSRV, "--bind", f"127.0.0.1:{ports.partner}"]
    with _running(command, environ, ports.partner, "iipsrv") as process:
        yield process


@contextmanager
def mapserver(ports: Ports, folder: Path, case: Case) -> Iterator[subprocess.Popen[bytes]]:
    """Debian's MapServer with a layer for each image of the row."""
    map_file, settings = write_layers(CACHE / "benchmark.map", folder, case), CACHE / "mapserver.conf"
    settings.write_text(f'CONFIG ENV MS_MAP_PATTERN "." MS_MAPFILE "{map_file}" END END\n')
    environ = {"MAPSERVER_CONFIG_FILE": str(settings), "PATH": os.environ["PATH"]}
    command = [*SERVER_CORE, "spawn-fcgi", "-n", "-a", "127.0.0.1", "-p", str(ports.partner), "--", MAPSERV]
    with _running(command, environ, ports.partner, "MapServer") as process:
        yield process


@contextmanager
def mapproxy(ports: Ports, folder: Path, case: Case) -> Iterator[subprocess.Popen[bytes]]:
    """MapProxy by gunicorn with one worker, with an empty cache of files in front of this server."""
    shutil.rmtree(CACHE / "mapproxy", ignore_errors=True)
    (CACHE / "mapproxy").mkdir()
    settings = CACHE / "mapproxy" / "mapproxy.yaml"
    origin = f"http://127.0.0.1:{ports.nginx}/kept/"
    settings.write_text(json.dumps(maps.mapproxy_settings(layer_name(case.image), origin, settings.parent)))
    application = f"mapproxy.wsgiapp:make_wsgi_app({str(settings)!r})"
    program = str(Path(sys.executable).with_name("gunicorn"))
    command = [*SERVER_CORE, program, "--workers", "1", "--bind", f"127.0.0.1:{ports.partner}", application]
    with _running(command, dict(os.environ), ports.partner, "MapProxy") as process:
        yield process


def write_layers(path: Path, folder: Path, case: Case) -> Path:
    """Write the map file of a row's layers; its path."""
    names = [link_name(case.image, number) for number in range(case.links)] or [case.image]
    write_map_file(path, folder, names, case.resampling)
    return path


def _settings(case: Case, ports: Ports) -> dict[str, str]:
    servers = {"MEMCACHED_SERVERS": f"127.0.0.1:{ports.memcached}"} if case.memcached else {}
    return {**servers, **case.settings}


@contextmanager
def memcached(ports: Ports) -> Iterator[subprocess.Popen[bytes]]:
    """An empty memcached, on the core of the server that waits for it: the other core is busy all the time."""
    command = [
        *SERVER_CORE, "memcached", "-u", "nobody", "-l", "127.0.0.1", "-p", str(ports.memcached), "-m", "256", "-t", "1",
    ]  # fmt: skip
    with _running(command, dict(os.environ), ports.memcached, "memcached") as process:
        yield process


@contextmanager
def nginx(ports: Ports) -> Iterator[subprocess.Popen[bytes]]:
    """nginx in front of both."""
    folder = CACHE / "nginx"
    folder.mkdir(parents=True, exist_ok=True)
    configuration = folder / "nginx.conf"
    configuration.write_text(
        NGINX.format(
            folder=folder,
            nginx=ports.nginx,
            iipserve=ports.iipserve,
            partner=ports.partner,
            memcached=ports.memcached,
        )
    )
    command = [
        *LOAD_CORE,
        shutil.which("nginx") or "nginx",
        "-c",
        str(configuration),
        "-e",
        str(folder / "nginx-error.log"),
    ]
    with _running(command, dict(os.environ), ports.nginx, "nginx") as process:
        yield process


@contextmanager
def _running(
    command: Sequence[str], environ: dict[str, str], port: int, name: str
) -> Iterator[subprocess.Popen[bytes]]:
    """A server process that listens, stopped at the end."""
    with open(CACHE / f"{name}.log", "wb") as log:
        process = subprocess.Popen(command, env=environ, stdout=log, stderr=log)
    try:
        _wait_for(port, process, name)
        yield process
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()


def _wait_for(port: int, process: subprocess.Popen[bytes], name: str) -> float:
    """Wait until something listens; the seconds that took."""
    started = time.monotonic()
    while time.monotonic() - started < 20:
        if process.poll() is not None:
            raise RuntimeError(f"{name} ended:\n{(CACHE / f'{name}.log').read_text()}")
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.01)
        else:
            return time.monotonic() - started
    raise RuntimeError(f"{name} does not listen")


def free_port() -> int:
    """A port of the loopback address that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
