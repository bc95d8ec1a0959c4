"""Commands that run as other users, who may not read root's folders."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
USER = "nobody"
"""A user of every system, without rights."""
PACKAGES = sysconfig.get_path("purelib")
SCRIPT = "import os; os.setresuid(1234, 1234, 1234); import asyncio, numpy, iipserve.app"


@cache
def interpreter_of_all() -> str:
    """An interpreter that every user may run, with `PYTHONPATH=PACKAGES`; the test is skipped where there is none."""
    for candidate in (sys.executable, f"/usr/bin/python{sys.version_info[0]}.{sys.version_info[1]}"):
        environ = {"PYTHONPATH": f"{ROOT}:{PACKAGES}"}
        try:
            tried = subprocess.run([candidate, "-c", SCRIPT], env=environ, check=False, capture_output=True)
        except FileNotFoundError:
            continue
        if tried.returncode == 0:
            return candidate
    pytest.skip("another user may not read this interpreter and its packages")


@contextmanager
def folder_of_all() -> Iterator[Path]:
    """A folder that other users may read: pytest's own are closed to them, again whenever another pytest starts."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder
