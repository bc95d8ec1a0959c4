"""Warnings of `--check` about what will hurt; none of them changes the exit status."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from iipserve.check.hazards import hazards, readable_environment
from iipserve.check.limits import descriptors_needed
from iipserve.check.machine import memory_limit
from iipserve.check.nginx import short_connections
from iipserve.config import Config
from iipserve.config.memory import allowed_bytes
from tests.check.test_check import run
from tests.end_to_end.running import ROOT

MEGABYTES = 1e6


def warnings(report: str) -> list[str]:
    return [line.strip() for line in report.partition("\nWarnings\n")[2].splitlines()]


def test_usual_settings_warn_of_nothing(tmp_path: Path) -> None:
    few = {"THREADS": "1", "MAX_OPEN_IMAGES": "10"}
    code, out, _ = run(tmp_path, WORKERS="1", MAX_RENDER_MEMORY="1", **few)
    assert (code, warnings(out)) == (0, ["none"])


@pytest.mark.parametrize("prefix", ["", "/", "//", "/usr/.."])
def test_whole_disk(tmp_path: Path, prefix: str) -> None:
    code, out, mistakes = run(tmp_path, FILESYSTEM_PREFIX=prefix, SERVICES=f"{tmp_path}/services.toml")
    assert code == 1, "only because the service file, which spares the list of all layers, is missing"
    assert [line.split()[0] for line in mistakes] == ["SERVICES"]
    (line,) = (line for line in warnings(out) if line.startswith("FILESYSTEM_PREFIX"))
    assert "can ask for every image of this machine" in line


def test_memcached_that_does_not_answer(tmp_path: Path) -> None:
    """The server runs without it, so `--check` in a start script does not end that."""
    code, out, mistakes = run(tmp_path, MEMCACHED_SERVERS="127.0.0.1:1")
    assert (code, mistakes) == (0, [])
    (line,) = (line for line in warnings(out) if line.startswith("MEMCACHED_SERVERS"))
    assert "127.0.0.1:1, which does not answer" in line


def test_prefix_that_leads_to_the_root_by_a_link(tmp_path: Path) -> None:
    (tmp_path / "all").symlink_to("/")
    assert "every image of this machine" in hazards(Config(filesystem_prefix=f"{tmp_path}/all/"))[0]


SERVICES = """
[collections]
store = "{store}"
tokens = "tokens"
"""


@pytest.mark.parametrize(
    ("store", "modes", "expected"),
    [
        ("postgresql://maps:pa55word@localhost/maps", (0o644, 0o640), ["services.toml holds the password"]),
        ("postgresql://maps:pa55word@localhost/maps", (0o640, 0o600), []),
        ("postgresql://maps@localhost/maps", (0o644, 0o600), []),
        ("store.sqlite", (0o644, 0o604), ["tokens holds the hashes of tokens"]),
    ],
)
def test_secrets_that_others_can_read(
    tmp_path: Path, store: str, modes: tuple[int, int], expected: list[str]
) -> None:
    pytest.importorskip("pyproj")
    pytest.importorskip("sqlalchemy")
    services, tokens = tmp_path / "services.toml", tmp_path / "tokens"
    services.write_text(SERVICES.format(store=store))
    tokens.write_text("")
    for path, mode in zip((services, tokens), modes, strict=True):
        path.chmod(mode)
    found = hazards(Config(filesystem_prefix=f"{tmp_path}/", services=str(services), workers=1))
    shown = [line.removeprefix(f"{tmp_path}/") for line in found if " holds " in line]
    assert len(shown) == len(expected)
    for line, start in zip(shown, expected, strict=True):
        assert line.startswith(start)
        assert "pa55word" not in line


@pytest.mark.parametrize(
    ("mode", "text", "is_found"),
    [
        (0o644, "PURGE_SECRET=pa55word\n", True),
        (0o640, "PURGE_SECRET=pa55word\n", False),
        (0o644, "#\n", False),
    ],
)
def test_environment_file_that_others_can_read(
    tmp_path: Path, mode: int, text: str, *, is_found: bool
) -> None:
    path = tmp_path / "iipserve"
    path.write_text(text)
    path.chmod(mode)
    assert readable_environment(Config(purge_secret=""), str(path)) == []
    found = readable_environment(Config(purge_secret="pa55word"), str(path))
    line = f"{path} holds PURGE_SECRET, and every user of this machine can read it: chmod o-rwx {path}"
    assert found == ([line] if is_found else [])


def test_few_descriptors(tmp_path: Path) -> None:
    """In a shell that allows no more; the limit of this process could not be raised again."""
    needed = descriptors_needed(Config())
    shown = subprocess.run(
        ["sh", "-c", f'ulimit -n {needed - 1} && exec "$@"', "sh", sys.executable, str(ROOT / "iipserve.fcgi"), "--check"],
        env=os.environ | {"FILESYSTEM_PREFIX": f"{tmp_path}/", "LOGFILE": "-"}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    (line,) = (line for line in warnings(shown.stdout) if line.startswith("open files"))
    assert f"{needed - 1:,} are allowed" in line
    assert f"use {needed:,}" in line


def test_more_memory_than_there_is(tmp_path: Path) -> None:
    limit = memory_limit()
    assert limit
    each = allowed_bytes(Config())
    fitting, more = int(limit // each), int(limit // each) + 1
    usual = Config(filesystem_prefix=f"{tmp_path}/", threads=1, max_open_images=10)
    if fitting:
        assert hazards(replace(usual, workers=fitting)) == []
    (line,) = hazards(replace(usual, workers=more))
    numbers = [int(text.replace(",", "")) for text in re.findall(r"([\d,]+) (?:workers|MB)", line)]
    assert numbers == [more, round(more * each / MEGABYTES), round(limit / MEGABYTES)]


def test_memory_of_the_machine_is_the_limit_without_others(tmp_path: Path) -> None:
    own = re.search(r"^MemTotal: *(\d+) kB", Path("/proc/meminfo").read_text(), re.MULTILINE)
    assert own
    # a container may have a /proc/meminfo of its own
    assert (memory_limit(tmp_path, tmp_path / "missing") or 0) >= int(own[1]) * 1024


@pytest.mark.parametrize(
    ("own", "files"),
    [
        (
            "0::/system.slice/a.service",
            {"system.slice/a.service/memory.max": "max", "system.slice/memory.max": "5"},
        ),
        ("0::/", {"memory.max": "5"}),
        ("9:name=systemd:/a\n4:memory:/docker/b", {"memory/docker/b/memory.limit_in_bytes": "5"}),
        # in a container its own group appears as the root
        ("4:memory:/docker/b", {"memory/memory.limit_in_bytes": "5"}),
    ],
)
def test_limit_of_a_control_group(tmp_path: Path, own: str, files: dict[str, str]) -> None:
    groups = tmp_path / "cgroup"
    for name, text in files.items():
        (groups / name).parent.mkdir(parents=True, exist_ok=True)
        (groups / name).write_text(f"{text}\n")
    (tmp_path / "own").write_text(f"{own}\n")
    assert memory_limit(groups, tmp_path / "own") == 5


KEEPS = """
upstream images {
    server 127.0.0.1:9000;
    keepalive 64;
}
server {
    location / {
        fastcgi_pass images;
        fastcgi_keep_conn on;
    }
}
"""


@pytest.mark.parametrize(
    ("old", "new", "is_short"),
    [
        ("", "", False),
        ("keepalive 64;", "# keepalive 64;", True),
        ("fastcgi_keep_conn on;", "", True),
        ("fastcgi_keep_conn on;", "fastcgi_keep_conn off;", True),
        ("fastcgi_pass images;", "fastcgi_pass 127.0.0.1:9000;", True),
        ("fastcgi_pass images;", "fastcgi_pass localhost:9000;", True),
        ("fastcgi_pass images;", "# fastcgi_pass 127.0.0.1:9000;\nfastcgi_pass images;", False),
        ("server 127.0.0.1:9000;\n    keepalive 64;", "server 127.0.0.1:9001;", False),
        ("fastcgi_pass images;", "proxy_pass http://images;", False),
    ],
)
def test_nginx_that_keeps_no_connections(tmp_path: Path, old: str, new: str, *, is_short: bool) -> None:
    folder = tmp_path / "sites-enabled"
    folder.mkdir()
    (folder / "images").write_text(KEEPS.replace(old, new))
    found = short_connections("127.0.0.1:9000", tmp_path)
    assert bool(found) is is_short
    assert all(str(folder / "images") in line and "fastcgi_keep_conn" in line for line in found)


def test_nginx_over_a_socket(tmp_path: Path) -> None:
    (tmp_path / "nginx.conf").write_text("http { server { fastcgi_pass unix:/run/iipserve/iipserve.sock; } }")
    assert len(short_connections("/run/iipserve/iipserve.sock", tmp_path)) == 1
    assert short_connections("/run/other.sock", tmp_path) == []


def test_sample_of_nginx_keeps_connections(tmp_path: Path) -> None:
    (tmp_path / "nginx.conf").write_text((ROOT / "nginx-example.conf").read_text())
    assert short_connections("127.0.0.1:9000", tmp_path) == []
