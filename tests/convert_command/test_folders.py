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


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A folder of one picture, a.png."""
    made = tmp_path / "pictures"
    made.mkdir()
    Image.fromarray(smooth((40, 30))).save(made / "a.png")
    return made


def test_files_of_others_are_replaced_only_on_demand(pictures: Path, tmp_path: Path) -> None:
    target = tmp_path / "archive"
    target.mkdir()
    (target / "a.tif").write_bytes(b"of somebody else")
    Image.fromarray(smooth((50, 40))).save(pictures / "b.png")
    done = convert(pictures, target, "--jobs", "2")
    assert (done.status, done.out) == (1, "1 converted, 0 unchanged, 1 failed\n")
    assert "a.png: " in done.err
    assert "--overwrite replaces it" in done.err
    assert (target / "a.tif").read_bytes() == b"of somebody else"
    done = convert(pictures, target, "--jobs", "1", "--overwrite")
    assert (done.status, done.out) == (0, "1 converted, 1 unchanged, 0 failed\n")
    assert tifffile.imread(target / "a.tif").shape == (30, 40, 3)


def test_results_of_other_folders_are_kept(pictures: Path, tmp_path: Path) -> None:
    other, target = tmp_path / "other", tmp_path / "archive"
    shutil.copytree(pictures, other)
    assert convert(pictures, target, "--jobs", "1").status == 0
    before = (target / "a.tif").stat().st_mtime_ns
    assert convert(other, target, "--jobs", "1").out == "0 converted, 0 unchanged, 1 failed\n"
    assert (target / "a.tif").stat().st_mtime_ns == before
    (tmp_path / "link").symlink_to(pictures)
    assert convert(tmp_path / "link", target, "--jobs", "1").out == "1 converted, 0 unchanged, 0 failed\n"
    shutil.rmtree(pictures)  # now the result is all there is of it
    assert convert(other, target, "--jobs", "1").out == "0 converted, 0 unchanged, 1 failed\n"


def test_a_result_that_was_not_noted_any_more_is_made_again(pictures: Path, tmp_path: Path) -> None:
    target = tmp_path / "archive"
    assert convert(pictures, target, "--jobs", "1").status == 0
    record = target / ".iipserve-convert"
    lines = record.read_text().splitlines()
    record.write_text("\n".join(line for line in lines if '"was"' not in line))
    assert convert(pictures, target, "--jobs", "1").out == "1 converted, 0 unchanged, 0 failed\n"


def test_a_place_where_nothing_was_made_is_free_for_others(pictures: Path, tmp_path: Path) -> None:
    target = tmp_path / "archive"
    whole = (pictures / "a.png").read_bytes()
    (pictures / "a.png").write_bytes(whole[:100])
    assert convert(pictures, target, "--jobs", "1").status == 1
    (pictures / "a.png").write_bytes(whole)
    (target / "a.tif").write_bytes(b"of somebody else")
    assert convert(pictures, target, "--jobs", "1").out == "0 converted, 0 unchanged, 1 failed\n"
    assert (target / "a.tif").read_bytes() == b"of somebody else"


def test_no_source_is_replaced(pictures: Path) -> None:
    (pictures / "pictures").mkdir()
    tifffile.imwrite(pictures / "a.tif", smooth((60, 50)), photometric="rgb")
    (pictures / "a.png").rename(pictures / "pictures/a.png")
    before = (pictures / "a.tif").read_bytes()
    inner = pictures / "inner"
    inner.mkdir()
    (inner / "a.tif").symlink_to(pictures / "a.tif")
    done = convert(pictures, inner, "--jobs", "1", "--overwrite")
    assert done.out == "1 converted, 0 unchanged, 1 failed\n"
    assert "a.tif: " in done.err
    assert "is itself one of the files that are converted" in done.err
    assert (inner / "a.tif").is_symlink()
    assert (pictures / "a.tif").read_bytes() == before


def test_a_folder_below_its_target_keeps_its_files(pictures: Path) -> None:
    (pictures / "in").mkdir()
    shutil.copy(pictures / "a.png", pictures / "in/b.png")
    (pictures / "in/in").mkdir()
    shutil.copy(pictures / "a.png", pictures / "in/in/c.png")
    tifffile.imwrite(pictures / "in/c.tif", smooth((60, 50)), photometric="rgb")
    before = (pictures / "in/c.tif").read_bytes()
    done = convert(pictures / "in", pictures, "--jobs", "1", "--overwrite")
    assert done.out == "2 converted, 0 unchanged, 1 failed\n"
    assert "in/c.png: " in done.err
    assert (pictures / "in/c.tif").read_bytes() == before


def test_a_folder_is_not_converted_into_a_link_to_it(pictures: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(pictures)
    done = convert(pictures, tmp_path / "link", "--jobs", "1")
    assert done.status == 1
    assert "another folder" in done.err
    assert [path.name for path in pictures.iterdir()] == ["a.png"]


def test_results_below_the_source_are_no_images_to_convert(pictures: Path, tmp_path: Path) -> None:
    (pictures / "made").mkdir()
    (tmp_path / "link").symlink_to(pictures / "made")
    assert convert(pictures, tmp_path / "link", "--jobs", "1").out == "1 converted, 0 unchanged, 0 failed\n"
    assert convert(pictures, tmp_path / "link", "--jobs", "1").out == "0 converted, 1 unchanged, 0 failed\n"


def test_all_results_have_different_names(pictures: Path, tmp_path: Path) -> None:
    Image.fromarray(smooth((50, 40))).save(pictures / "a.jpg")
    tifffile.imwrite(pictures / "a.png.tif", smooth((60, 50)), photometric="rgb")
    target = tmp_path / "pyramids"
    assert convert(pictures, target, "--jobs", "1").out == "3 converted, 0 unchanged, 0 failed\n"
    assert results(target) == ["a.jpg.tif", "a.png.tif", "a.png.tif.tif"]
    shapes = [tifffile.imread(target / name).shape[:2] for name in results(target)]
    assert shapes == [(40, 50), (30, 40), (50, 60)]


def test_the_folder_of_the_server_does_not_count(pictures: Path, tmp_path: Path) -> None:
    (pictures / "link.png").symlink_to(tmp_path / "elsewhere.png")
    shutil.copy(pictures / "a.png", tmp_path / "elsewhere.png")
    (tmp_path / "images").mkdir()
    environ = {"FILESYSTEM_PREFIX": f"{tmp_path}/images/", "FILESYSTEM_SUFFIX": ".jpg"}
    done = convert(pictures, tmp_path / "pyramids", "--jobs", "1", **environ)
    assert (done.status, done.out) == (0, "2 converted, 0 unchanged, 0 failed\n")
