"""A fresh clone in which commands of the documents run, as the user of the tests or as another one."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from PIL import Image

from tests.end_to_end.running import ROOT, running
from tests.images import smooth, write_jp2, write_tiff_pyramid
from tests.ports import free_port

PLACES = (
    "/opt/iipserve",
    "/srv/images",
    "/etc/systemd/system",
    "/etc/default",
    "/var/log/iipserve",
    "/run/iipserve",
)
"""Paths of the documents that get another root in the tests."""
PORT = re.compile(r"(?<=:)(9000|8080)\b")
PACKAGES = sysconfig.get_path("purelib")
"""What `pip install` would fetch from the index."""


class Clone:
    """The files of the checkout that belong to the repository, and folders in place of the system's."""

    def __init__(self, work: Path, prefix: list[str]) -> None:
        """Copy the files; commands run with `prefix` before them."""
        self.work = work
        self.folder = work / "clone"
        self.done: set[str] = set()
        """Commands that have been run."""
        self.is_another_user = bool(prefix)
        self._prefix = prefix
        self._ports: dict[str, int] = {}
        for name in repository_files():
            target = self.folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target, follow_symlinks=False)
        self._make_environment()
        for place in PLACES:
            (work / place[1:]).mkdir(parents=True, exist_ok=True)
        images = work / "srv/images"
        write_tiff_pyramid(images / "a.tif", smooth((600, 500)), compression="jpeg")
        shutil.copytree(images, work / "home" / "scans")
        write_tiff_pyramid(self.folder / "map.tif", smooth((300, 200)), compression="zlib")
        for number in (1, 2):
            write_jp2(self.folder / f"page-{number}.jp2", smooth((300, 200)))
        Image.fromarray(smooth((600, 500))).save(self.folder / "scan.png")
        (self.folder / "scans").mkdir()
        shutil.copy(self.folder / "scan.png", self.folder / "scans")

    def _make_environment(self) -> None:
        """What `scripts/setup` makes, from what is installed: nothing that runs here may change the checkout's."""
        folder = self.folder / ".venv"
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
        packages = next(folder.glob("lib/python*/site-packages"))
        (packages / "checkout.pth").write_text(f"{PACKAGES}\n")
        (folder / "share").symlink_to(ROOT / ".venv" / "share")
        texts = "cat setup.cfg pyproject.toml | cksum"
        stamp = subprocess.run(
            ["sh", "-c", texts], cwd=self.folder, capture_output=True, text=True, check=True
        )
        for name in ("server", "test", "bench"):
            (folder / f".installed-{name}").write_text(stamp.stdout)

    def here(self, text: str) -> str:
        """A text with the tests' folders and ports in place of the documents'."""
        for place in PLACES:
            text = re.sub(rf"(?<![\w.]){place}\b", f"{self.work}{place}", text)
        text = text.replace("http://localhost/", "http://127.0.0.1:8080/")
        return PORT.sub(lambda match: str(self.port(match[1])), text)

    def port(self, documented: str) -> int:
        """The port in place of a documented one."""
        return self._ports.setdefault(documented, free_port())

    @property
    def environ(self) -> dict[str, str]:
        """Of the commands."""
        path = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"
        return {
            "PATH": path, "HOME": f"{self.work}/home", "LOGFILE": "-", "PYTHONPATH": PACKAGES, "WORKERS": "1",
            "PIP_DISABLE_PIP_VERSION_CHECK": "1", "FILESYSTEM_PREFIX": f"{self.work}/srv/images/",
        }  # fmt: skip

    def run(self, command: str, **environ: str) -> str:
        """What a command writes to standard output; it must succeed."""
        done = subprocess.run(
            [*self._prefix, "bash", "-c", self.here(command)], cwd=self.folder, env=self.environ | environ, capture_output=True, text=True,
            timeout=300, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{command}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
        return done.stdout

    @contextmanager
    def serving(self, command: str, port: int) -> Iterator[None]:
        """Run a command that listens on a port until the block ends."""
        environ = {name: "" for name in os.environ if name not in self.environ} | self.environ
        # exec: signals are to reach the command
        text = f"cd '{self.folder}' && exec env {self.here(command)}"
        with running([*self._prefix, "bash", "-c", text], [port], self.work / "serving.log", **environ):
            yield


def another_user() -> list[str]:
    """A command that runs another as a user other than root; the files of the tests are its own."""
    prefix = ["unshare", "--user", "--map-user=1000", "--map-group=1000"]
    tried = subprocess.run([*prefix, "true"], capture_output=True, text=True, check=False)
    if tried.returncode:
        pytest.skip(f"unshare may not make another user: {tried.stderr.strip()}")
    return prefix


def repository_files() -> list[str]:
    """The files of the checkout that belong to the repository, or would if they were added."""
    listed = subprocess.run(
        ["git", "-C", str(ROOT), "ls-files", "-co", "--exclude-standard", "-z"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if listed.returncode:
        pytest.skip("the checkout is not a git repository")
    return [name for name in listed.stdout.split("\0") if name and (ROOT / name).exists()]
