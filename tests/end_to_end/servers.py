"""The web servers of the samples, each with its own folder and ports.

The samples are used as they stand; only their ports and paths are replaced.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cache.servers import Memcached, started
from tests.end_to_end.running import ROOT, daemon, needed, running
from tests.ports import free_port

APACHE_MODULES = Path("/usr/lib/apache2/modules")
APACHE = """
ServerRoot {work}
ServerName localhost
PidFile {work}/apache.pid
ErrorLog {work}/apache-error.log
DocumentRoot {work}
Mutex pthread
Listen 127.0.0.1:{port}
LoadModule mpm_event_module {modules}/mod_mpm_event.so
ServerLimit 2
StartServers 2
ThreadsPerChild 32
MaxRequestWorkers 64
MaxSpareThreads 64
LoadModule authz_core_module {modules}/mod_authz_core.so
LoadModule alias_module {modules}/mod_alias.so
"""
"""Two processes of threads, none of which is started or ended between requests. With locks on files in place of mutexes of
threads the kernel sees deadlocks where threads of both wait, and mod_fcgid ends a process, with the connections it has."""
LIGHTTPD = """
server.document-root = "{work}"
server.bind = "127.0.0.1"
server.port = {port}
server.errorlog = "{work}/lighttpd-error.log"
server.modules = ( "mod_fastcgi" )
"""
HERE = "http://127.0.0.1:{port}"


def replaced(text: str, replacements: dict[str, str]) -> str:
    """A sample with other ports and paths; each must occur in it."""
    for old, new in replacements.items():
        assert old in text, f"the sample no longer holds {old!r}"
        text = text.replace(old, new)
    return text


def starter(work: Path, command: str = f"{shlex.quote(str(ROOT))}/iipserve.fcgi") -> Path:
    """A folder with `bin/iipserve`, as pip makes it, that runs the checkout's with the interpreter of the tests.

    Or another Python command line, in the checkout's folder.
    """
    folder = work / "starter"
    launcher = folder / "bin" / "iipserve"
    launcher.parent.mkdir(parents=True)
    launcher.write_text(
        f'#!/bin/sh\ncd {shlex.quote(str(ROOT))}\nexec {shlex.quote(sys.executable)} {command} "$@"\n'
    )
    launcher.chmod(0o755)
    return folder


SERVER_BLOCK = re.compile(r"    server \{\n.*?\n    \}\n", re.DOTALL)
"""In nginx-example.conf."""


@contextmanager
def nginx_example(
    work: Path, fastcgi: str, changes: dict[str, str] | None = None, part: str = ""
) -> Iterator[str]:
    """nginx with nginx-example.conf, with some changes, before iipserve at `fastcgi`.

    With `part`, a file of conf/ is in place of the block `server`.
    """
    port = free_port()
    text = (ROOT / "nginx-example.conf").read_text()
    if part:
        text = SERVER_BLOCK.sub(lambda _: (ROOT / "conf" / part).read_text(), text, count=1)
    text = replaced(
        text,
        {
            **(changes or {}),
            "/tmp/iipserve-nginx": f"{work}/nginx",
            "127.0.0.1:9000;": f"{fastcgi};",
            "listen      8080;": f"listen 127.0.0.1:{port};",
            "listen      [::]:8080;": "",
        },
    )
    (work / "nginx.conf").write_text(text)
    # As root nginx would hand its work to a user who may not enter the test's folder.
    options = "daemon off; user root;" if os.geteuid() == 0 else "daemon off;"
    command = [
        needed("nginx"),
        "-c",
        str(work / "nginx.conf"),
        "-e",
        f"{work}/nginx-start.log",
        "-g",
        options,
    ]
    with running(command, [port], work / "nginx.log"):
        yield HERE.format(port=port)


@contextmanager
def nginx_over_tcp(folder: Path, work: Path) -> Iterator[str]:
    """nginx and iipserve, joined by a port."""
    port = free_port()
    address = f"127.0.0.1:{port}"
    with daemon(folder, work, "--bind", address, ports=[port]), nginx_example(work, address) as site:
        yield site


@contextmanager
def nginx_over_unix(folder: Path, work: Path) -> Iterator[str]:
    """nginx and iipserve, joined by a Unix socket; a port of HTTP shows that iipserve is there."""
    port, path = free_port(), work / "socket"
    arguments = ("--bind", str(path), "--http", f"127.0.0.1:{port}", "--workers", "2")
    with daemon(folder, work, *arguments, ports=[port]), nginx_example(work, f"unix:{path}") as site:
        yield site


@contextmanager
def nginx_with_cache(folder: Path, work: Path) -> Iterator[str]:
    """nginx that keeps answers on its disk."""
    port = free_port()
    address = f"127.0.0.1:{port}"
    with (
        daemon(folder, work, "--bind", address, ports=[port]),
        nginx_example(work, address, part="nginx-cache.conf") as site,
    ):
        yield site


MEMCACHED_SERVER = re.compile(r"    server     127\.0\.0\.1:11211 (.*)\n")
"""In conf/nginx-memcached.conf."""


@contextmanager
def nginx_before_memcached(
    folder: Path, work: Path, memcacheds: Sequence[Memcached], **settings: str
) -> Iterator[str]:
    """nginx that takes tiles from memcached servers, however long those take, before iipserve."""
    names = [f"127.0.0.1:{memcached.port}" for memcached in memcacheds]
    (line,) = MEMCACHED_SERVER.finditer((ROOT / "conf" / "nginx-memcached.conf").read_text())
    changes = {line[0]: "".join(f"    server {name} {line[1]}\n" for name in names)}
    changes |= {" 100ms;": " 60s;", " 200ms;": " 60s;"}
    settings = {"MEMCACHED_SERVERS": ",".join(names), "MEMCACHED_PASS": "86400"} | settings
    port = free_port()
    address = f"127.0.0.1:{port}"
    with (
        daemon(folder, work, "--bind", address, ports=[port], **settings),
        nginx_example(work, address, changes, part="nginx-memcached.conf") as site,
    ):
        yield site


@contextmanager
def nginx_with_memcached(folder: Path, work: Path) -> Iterator[str]:
    """nginx that takes tiles from a memcached."""
    with started() as memcached, nginx_before_memcached(folder, work, [memcached]) as site:
        yield site


@contextmanager
def nginx_and_spawn_fcgi(folder: Path, work: Path) -> Iterator[str]:
    """nginx, and iipserve started on descriptor 0 by spawn-fcgi."""
    port = free_port()
    command = [
        needed("spawn-fcgi"),
        "-n",
        "-a",
        "127.0.0.1",
        "-p",
        str(port),
        "--",
        str(starter(work) / "bin" / "iipserve"),
    ]
    settings = {"FILESYSTEM_PREFIX": f"{folder}/", "LOGFILE": f"{work}/iipserve.log"}
    with (
        running(command, [port], work / "spawn-fcgi.log", **settings),
        nginx_example(work, f"127.0.0.1:{port}") as site,
    ):
        yield site


@contextmanager
def lighttpd(work: Path, sample: str, replacements: dict[str, str]) -> Iterator[str]:
    """lighttpd with one of the samples."""
    port = free_port()
    text = replaced((ROOT / "conf" / sample).read_text(), replacements)
    (work / "lighttpd.conf").write_text(LIGHTTPD.format(work=work, port=port) + text)
    with running(
        [needed("lighttpd"), "-D", "-f", str(work / "lighttpd.conf")], [port], work / "lighttpd.log"
    ):
        yield HERE.format(port=port)


@contextmanager
def lighttpd_bin_path(folder: Path, work: Path) -> Iterator[str]:
    """lighttpd, which starts iipserve itself."""
    replacements = {
        "/opt/iipserve": str(starter(work)),
        "/tmp/iipserve-lighttpd.socket": f"{work}/socket",
        "/srv/images/": f"{folder}/",
        "/var/log/iipserve/iipserve.log": f"{work}/iipserve.log",
    }
    with lighttpd(work, "lighttpd-bin-path.conf", replacements) as site:
        yield site


@contextmanager
def lighttpd_host(folder: Path, work: Path) -> Iterator[str]:
    """lighttpd before a running iipserve."""
    port = free_port()
    with (
        daemon(folder, work, "--bind", f"127.0.0.1:{port}", ports=[port], TRUST_FORWARDED="0"),
        lighttpd(work, "lighttpd-host.conf", {'"port" => 9000': f'"port" => {port}'}) as site,
    ):
        yield site


def apache_command() -> list[str]:
    """How to run Apache, which will not serve as root, as whoever runs the tests.

    Under another user it could not enter the test's folder; so root becomes one by name only.
    """
    command = [needed("apache2")]
    if os.geteuid() != 0:
        return command
    disguise = [needed("unshare"), "--user", "--map-user=1000", "--map-group=1000"]
    if subprocess.run([*disguise, "true"], capture_output=True, check=False).returncode:
        pytest.skip("apache2 does not run as root, and unshare may not give it another user's number")
    return disguise + command


@contextmanager
def apache(work: Path, modules: tuple[str, ...], configuration: str) -> Iterator[str]:
    """Apache with further modules and one of the samples."""
    port = free_port()
    for module in modules:
        if not (APACHE_MODULES / f"mod_{module}.so").exists():
            pytest.skip(f"mod_{module} is not installed")
    lines = [f"LoadModule {module}_module {APACHE_MODULES}/mod_{module}.so" for module in modules]
    text = APACHE.format(work=work, port=port, modules=APACHE_MODULES) + "\n".join([*lines, configuration])
    (work / "apache.conf").write_text(text)
    command = [*apache_command(), "-f", str(work / "apache.conf"), "-DFOREGROUND"]
    with running(command, [port], work / "apache.log"):
        yield HERE.format(port=port)


@contextmanager
def apache_fcgid(folder: Path, work: Path) -> Iterator[str]:
    """Apache, which starts iipserve itself through mod_fcgid."""
    sample = replaced(
        (ROOT / "conf" / "apache-mod_fcgid.conf").read_text(),
        {
            "/opt/iipserve": str(starter(work)),
            "/srv/images/": f"{folder}/",
            "/var/log/iipserve/iipserve.log": f"{work}/iipserve.log",
        },
    )
    own = f"FcgidIPCDir {work}\nFcgidProcessTableFile {work}/fcgid_shm\n"
    with apache(work, ("fcgid",), own + sample) as site:
        yield site


@contextmanager
def apache_proxy_fcgi(folder: Path, work: Path) -> Iterator[str]:
    """Apache before a running iipserve, through mod_proxy_fcgi."""
    port = free_port()
    sample = (ROOT / "conf" / "apache-mod_proxy_fcgi.conf").read_text()
    sample = re.sub(r"127\.0\.0\.1:9000", f"127.0.0.1:{port}", sample)
    with (
        daemon(folder, work, "--bind", f"127.0.0.1:{port}", ports=[port]),
        apache(work, ("headers", "proxy", "proxy_fcgi"), sample) as site,
    ):
        yield site


@contextmanager
def http_alone(folder: Path, work: Path) -> Iterator[str]:
    """iipserve's own HTTP, without a proxy that could set X-Forwarded-*."""
    port = free_port()
    with daemon(folder, work, "--http", f"127.0.0.1:{port}", ports=[port], TRUST_FORWARDED="0"):
        yield HERE.format(port=port)
