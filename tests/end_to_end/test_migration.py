"""Debian's files for iipsrv, changed as docs/migration.md says."""

from __future__ import annotations

import re
import urllib.request
from pathlib import Path

import pytest

from iipserve import __version__
from tests.end_to_end import servers
from tests.end_to_end.running import ROOT
from tests.images import smooth, write_tiff_pyramid

APACHE = Path("/etc/apache2/mods-available/iipsrv.conf")
UNIT = Path("/usr/lib/systemd/system/iipsrv.service")
PAGE = (ROOT / "docs" / "migration.md").read_text()


def debian(file: Path) -> str:
    if not file.exists():
        pytest.skip(f"{file} of Debian's iipimage-server is not installed")
    return file.read_text()


def block(language: str) -> str:
    (found,) = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    return str(found)


def got(address: str) -> bytes:
    with urllib.request.urlopen(address, timeout=60) as answer:
        return bytes(answer.read())


def test_apache_module_with_two_lines_replaced(tmp_path: Path) -> None:
    images = tmp_path / "images"
    images.mkdir()
    write_tiff_pyramid(images / "a.tif", smooth((300, 200)))
    changes = dict(re.findall(r"# instead of (.*)\n(.*)\n", block("apache")))
    assert len(changes) == 2
    paths = {"/opt/iipserve": str(servers.starter(tmp_path)), "/var/log/iipsrv.log": f"{tmp_path}/log"}
    changed = servers.replaced(servers.replaced(debian(APACHE), changes), paths)
    own = f'FcgidIPCDir {tmp_path}\nFcgidProcessTableFile {tmp_path}/shm\nFcgidInitialEnv FILESYSTEM_PREFIX "{images}/"\n'
    with servers.apache(tmp_path, ("fcgid",), own + changed) as site:
        assert got(f"{site}/iipsrv/iipsrv.fcgi") == f"iipserve {__version__}, an image server\n".encode()
        assert got(f"{site}/iipsrv/iipsrv.fcgi?FIF=a.tif&OBJ=Max-size") == b"Max-size:300 200\r\n"
        assert got(f"{site}/iipsrv/iipsrv.fcgi?FIF=a.tif&WID=90&CVT=jpeg").startswith(b"\xff\xd8")


def test_unit_gets_the_command_line_of_iipsrv() -> None:
    program, arguments = re.findall(r"^ExecStart=(\S+) (.*)$", debian(UNIT), re.MULTILINE)[0]
    assert program.endswith("/iipsrv.fcgi")
    assert f"ExecStart=\nExecStart=/opt/iipserve/bin/iipserve {arguments}\n" in block("ini")
