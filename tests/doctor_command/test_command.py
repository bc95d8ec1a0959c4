from __future__ import annotations

import io
import json
import shlex
from pathlib import Path
from typing import NamedTuple

import pytest
from PIL import Image

from iipserve.__main__ import main as iipserve
from iipserve.doctor_command import main
from tests.diagnosis.timing import no_time_is_long  # noqa: F401 (a fixture of all tests here)
from tests.images import smooth


class Done(NamedTuple):
    status: int
    out: str
    err: str


def run(*arguments: str, **environ: str) -> Done:
    out, err = io.StringIO(), io.StringIO()
    return Done(main(arguments, environ, out, err), out.getvalue(), err.getvalue())


@pytest.fixture(scope="module")
def photograph(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A JPEG file of 6 megapixels in one size."""
    path = tmp_path_factory.mktemp("photographs") / "old harbor.jpg"
    Image.fromarray(smooth((3000, 2000))).save(path)
    return path


def test_findings_and_command(photograph: Path) -> None:
    done = run(str(photograph))
    assert done.status == 1
    assert "3000 x 2000 pixels" in done.out
    assert "slow: the file has one size only" in done.out
    assert "slow: the full size is stored as a whole" in done.out


def test_the_command_mends_it(photograph: Path) -> None:
    program, *arguments = shlex.split(json.loads(run(str(photograph), "--json").out)["command"])
    assert program == "iipserve"
    assert iipserve(arguments, environ={}) == 0
    mended = json.loads(run(f"{photograph.with_suffix('')}.pyramid.tif", "--json").out)
    assert [each["severity"] for each in mended["findings"]] == ["good"]
    assert mended["command"] is None


def test_files_below_the_folder_of_images(deflate_tiff: Path) -> None:
    done = run(deflate_tiff.stem, FILESYSTEM_PREFIX=f"{deflate_tiff.parent}/", FILESYSTEM_SUFFIX=".tif")
    assert (done.status, done.err) == (0, "")
    assert "256 x 256 tiles" in done.out


def test_each_file_counts(deflate_tiff: Path, tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("no image")
    done = run(str(tmp_path / "missing.tif"), str(tmp_path / "text.txt"), str(deflate_tiff))
    assert done.status == 1
    assert [line.rpartition(": ")[2] for line in done.err.splitlines()] == [
        f"there is no file {str(tmp_path / 'missing.tif')!r}",
        "'text.txt' is not an image that this server can read",
    ]
    assert "deflate.tif: tiff, 1000 x 701 pixels" in done.out


def test_wrong_usage_and_settings() -> None:
    with pytest.raises(SystemExit) as raised:
        run("a.tif", "--page", "-1")
    assert raised.value.code == 2
    done = run("a.tif", WORKERS="many")
    assert done.status == 1
    assert "WORKERS is 'many'" in done.err
