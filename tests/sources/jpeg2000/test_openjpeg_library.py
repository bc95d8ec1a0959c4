"""Which OpenJPEG library is used."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

import iipserve
from iipserve.sources.jpeg2000 import openjpeg_library
from tests.images import gradient, write_jp2

# -- the library -----------------------------------------------------------------------------------


def test_without_a_system_library_the_one_in_imagecodecs_is_used(tmp_path: Path) -> None:
    picture = gradient((600, 400), 4)
    write_jp2(tmp_path / "a.jp2", picture, tilesize=(256, 256), mct=False)
    script = """
        import ctypes.util, hashlib, sys
        ctypes.util.find_library = lambda name: None
        from iipserve.sources.jpeg2000 import openjpeg
        from iipserve.sources.jpeg2000 import FORMAT
        from iipserve.sources.jpeg2000.openjpeg_library import glymur, lib
        from tests.contracts.source import open_source
        assert "imagecodecs" in lib.OPENJP2._name
        assert glymur.version.openjpeg_version == openjpeg.library_version() >= "2.5"
        source = open_source(FORMAT, sys.argv[1])
        print(hashlib.md5(source.read_tile(0, 1, 1).tobytes()).hexdigest())
    """
    result = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script), str(tmp_path / "a.jp2")],
        capture_output=True, text=True, timeout=300, check=False, cwd=Path(iipserve.__file__).parents[1],
    )  # fmt: skip
    expected = hashlib.md5(np.ascontiguousarray(picture[256:400, 256:512]).tobytes()).hexdigest()
    assert (result.returncode, result.stdout.strip(), result.stderr) == (0, expected, "")


def test_the_newer_of_two_libraries_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    bundled = openjpeg_library.bundled_library()
    assert bundled is not None
    assert openjpeg_library.version_of(None) < (2, 5) <= openjpeg_library.version_of(bundled)
    newest = openjpeg_library.newest_library("openjp2")
    assert openjpeg_library.version_of(newest) >= openjpeg_library.version_of(bundled)
    monkeypatch.setattr(openjpeg_library, "version_of", ["", bundled, "the system's"].index)
    monkeypatch.setattr(openjpeg_library, "_find_on_system", lambda name: "the system's")
    assert openjpeg_library.newest_library("openjp2") == "the system's"
    monkeypatch.setattr(openjpeg_library, "version_of", ["", "the system's", bundled].index)
    assert openjpeg_library.newest_library("openjp2") == bundled


def test_without_any_library_the_format_is_left_out(tmp_path: Path) -> None:
    script = """
        import ctypes.util, importlib.util, sys
        ctypes.util.find_library = importlib.util.find_spec = lambda name: None
        try:
            from iipserve.sources.jpeg2000 import openjpeg
        except ModuleNotFoundError as error:
            sys.exit(error.name)
    """
    result = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        capture_output=True, text=True, timeout=300, check=False, cwd=Path(iipserve.__file__).parents[1],
        env=os.environ | {"HOME": str(tmp_path)},
    )  # fmt: skip
    assert (result.returncode, result.stderr.strip()) == (1, "libopenjp2")
