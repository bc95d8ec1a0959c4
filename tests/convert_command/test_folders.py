"""Folders of images: names, failures, and what is left alone the second time."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from tests.convert_command.running import PATIENCE, convert, recorded, results
from tests.end_to_end.running import ROOT
from tests.images import smooth


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Images in folders, and other files."""
    images = tmp_path / "images"
    (images / "deep").mkdir(parents=True)
    (images / ".hidden").mkdir()
    Image.fromarray(smooth((90, 70))).save(images / "a.jpg")
    Image.fromarray(smooth((60, 50))).save(images / "deep/b.png")
    Image.fromarray(smooth((50, 60))).save(images / "deep/b.jpg")
    Image.fromarray(smooth((50, 60))).save(images / ".hidden/c.png")
    (images / "broken.jpg").write_bytes((images / "a.jpg").read_bytes()[:600])
    (images / "notes.txt").write_text("no image")
    return images


def test_all_images_of_a_folder(folder: Path, tmp_path: Path) -> None:
    target = tmp_path / "pyramids"
    done = convert(folder, target, "--jobs", "2", "--compression", "deflate")
    assert done.status == 1
    assert done.out == "3 converted, 0 unchanged, 1 failed\n"
    assert done.err.splitlines()[-1].startswith("broken.jpg: ")
    assert results(target) == ["a.tif", "deep/b.jpg.tif", "deep/b.png.tif"]
    np.testing.assert_array_equal(tifffile.imread(target / "deep/b.png.tif"), smooth((60, 50)))


def test_only_what_is_new_or_changed_is_converted_again(folder: Path, tmp_path: Path) -> None:
    target = tmp_path / "pyramids"
    (folder / "broken.jpg").unlink()
    assert convert(folder, target, "--jobs", "1").out == "3 converted, 0 unchanged, 0 failed\n"
    before = (target / "a.tif").stat().st_mtime_ns
    assert convert(folder, target, "--jobs", "1").out == "0 converted, 3 unchanged, 0 failed\n"
    Image.fromarray(smooth((30, 40))).save(folder / "deep/b.png")
    (target / "deep/b.jpg.tif").unlink()
    with (target / ".iipserve-convert").open("a") as record:
        record.write('{"target": "cut o')
    assert convert(folder, target, "--jobs", "1").out == "2 converted, 1 unchanged, 0 failed\n"
    assert (target / "a.tif").stat().st_mtime_ns == before
    assert tifffile.imread(target / "deep/b.png.tif").shape == (40, 30, 3)
    assert (
        convert(folder, target, "--quality", "60", "--jobs", "1").out
        == "3 converted, 0 unchanged, 0 failed\n"
    )


def test_one_command_at_a_time(folder: Path, tmp_path: Path) -> None:
    target = tmp_path / "pyramids"
    target.mkdir()
    with (target / ".iipserve-convert.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = convert(folder, target, "--jobs", "1")
    assert done.status == 1
    assert "another command converts into" in done.err
    assert "another folder" in convert(folder, folder).err


def test_a_killed_command_goes_on_where_it_was(tmp_path: Path) -> None:
    folder, target = tmp_path / "images", tmp_path / "pyramids"
    folder.mkdir()
    Image.fromarray(smooth((40, 30))).save(folder / "0.png")
    for number in range(1, 12):
        shutil.copy(folder / "0.png", folder / f"{number}.png")
    command = [sys.executable, "-m", "iipserve", "convert", str(folder), str(target), "--jobs", "1"]
    process = subprocess.Popen(command, cwd=ROOT, start_new_session=True, stderr=subprocess.DEVNULL)
    end = time.monotonic() + PATIENCE
    while not recorded(target) and process.poll() is None:
        assert time.monotonic() < end
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    before = recorded(target)
    assert before
    (target / ".5.tif.converting-left").mkdir()
    done = convert(folder, target, "--jobs", "1")
    assert done.status == 0, done
    assert f"{12 - len(before)} converted, {len(before)} unchanged" in done.out
    assert before.items() <= recorded(target).items()
    assert len(results(target)) == 12
    assert not (target / ".5.tif.converting-left").exists()
