"""Damaged files are errors where they are damaged, with either build of libvips."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

import iipserve
from iipserve.errors import DecodeError, IIPServeError
from iipserve.geometry import Region, Size
from iipserve.sources.vips import FORMAT
from tests.contracts.source import open_source
from tests.images import gradient, smooth, write_tiff_pyramid
from tests.sources.vips.files import as_image, whole

# -- damaged files ---------------------------------------------------------------------------------


@pytest.mark.parametrize("format", ["JPEG", "PNG"])
def test_a_cut_file_shows_what_it_holds_and_fails_below(tmp_path: Path, format: str) -> None:
    noise = np.random.default_rng(3).integers(0, 256, (1600, 600, 3), dtype=np.uint8)
    picture = smooth((600, 1600)) if format == "JPEG" else noise
    path = tmp_path / "a"
    as_image(picture).save(path, format)
    os.truncate(path, path.stat().st_size * 7 // 10)
    source = open_source(FORMAT, path)
    for _ in range(2):
        top = source.read_tile(0, 0, 0)
        assert np.abs(top.astype(int) - picture[:256, :256]).max() <= (6 if format == "JPEG" else 0)
        with pytest.raises(DecodeError, match="lines can be decoded") as caught:
            source.read_tile(0, 1, 6)
        assert "/" not in str(caught.value)
        with pytest.raises(DecodeError):
            source.read_region(0, Region(0, 0, 600, 1600), Size(60, 160))


BROKEN_TILE = """
    import sys
    import numpy as np
    {choose}
    from iipserve.errors import DecodeError
    from iipserve import libvips
    from iipserve.sources.vips import FORMAT
    from tests.contracts.source import open_source
    print(libvips.library_version())
    tiled, striped, picture = sys.argv[1:]
    picture = np.load(picture)
    for path, bad_row in ((tiled, 1), (striped, 1)):
        source = open_source(FORMAT, path)
        assert np.array_equal(source.read_tile(0, 0, 0), picture[:256, :256])
        try:
            pixels = source.read_tile(0, 0, bad_row)
        except DecodeError as error:
            assert "/" not in str(error), error
        else:
            raise SystemExit(f"no error, mean {{pixels.mean()}}")
    source = open_source(FORMAT, tiled)
    assert np.array_equal(source.read_tile(0, 1, 1), picture[256:512, 256:512])
"""

BUILDS = [
    pytest.param("", id="as installed"),
    pytest.param("sys.modules['_libvips'] = None", id="of the system"),
]


def system_libvips() -> bool:
    """Whether a libvips can be loaded by its name, as pyvips does without its wheel."""
    script = "import sys; sys.modules['_libvips'] = None; import pyvips"
    return subprocess.run([sys.executable, "-c", script], capture_output=True, check=False).returncode == 0


@pytest.fixture(scope="module")
def broken_tiffs(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """A tiled and a striped TIFF whose second row of data is destroyed, and the picture."""
    folder = tmp_path_factory.mktemp("broken")
    picture = gradient((512, 512))
    np.save(folder / "picture.npy", picture)
    write_tiff_pyramid(folder / "tiled.tif", [picture], tile=(256, 256), compression="lzw")
    tifffile.imwrite(
        folder / "striped.tif", picture, rowsperstrip=256, compression="lzw", photometric="rgb", metadata=None
    )
    for name, number in (("tiled.tif", 2), ("striped.tif", 1)):
        with tifffile.TiffFile(folder / name) as tiff:
            page = tiff.pages[0]
            offset, count = page.dataoffsets[number], page.databytecounts[number]
        with (folder / name).open("r+b") as file:
            file.seek(offset)
            file.write(np.random.default_rng(1).bytes(count))
    return [str(folder / name) for name in ("tiled.tif", "striped.tif", "picture.npy")]


@pytest.mark.parametrize("choose", BUILDS)
def test_a_tile_that_cannot_be_decoded_is_an_error_never_black(broken_tiffs: list[str], choose: str) -> None:
    if choose and not system_libvips():
        choose = ""  # only one build here: it is the one that counts
    script = textwrap.dedent(BROKEN_TILE.format(choose=choose))
    result = subprocess.run(
        [sys.executable, "-c", script, *broken_tiffs], capture_output=True, text=True, timeout=300, check=False,
        cwd=Path(iipserve.__file__).parents[1],
    )  # fmt: skip
    assert (result.returncode, result.stderr) == (0, "")


def test_turned_pictures_that_are_cut_fail_where_they_end(tmp_path: Path) -> None:
    noise = np.random.default_rng(3).integers(0, 256, (1600, 600, 3), dtype=np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 6  # the stored top is the right edge
    path = tmp_path / "a"
    as_image(noise).save(path, "PNG", exif=exif)
    os.truncate(path, path.stat().st_size * 7 // 10)
    source = open_source(FORMAT, path)
    assert source.info.size == Size(1600, 600)
    shown = np.rot90(noise, -1)
    assert np.array_equal(source.read_tile(0, 5, 1), shown[256:512, 1280:1536])
    with pytest.raises(DecodeError, match="lines can be decoded"):
        source.read_tile(0, 0, 0)


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "GIF", "AVIF", "TIFF"])
def test_damaged_data_never_does_worse_than_an_error(tmp_path: Path, format: str) -> None:
    buffer = io.BytesIO()
    as_image(smooth((200, 150))).save(buffer, format)
    rng = np.random.default_rng(5)
    for _ in range(40):
        data = np.frombuffer(buffer.getvalue(), np.uint8).copy()
        places = rng.integers(16, len(data), 6)
        data[places] = rng.integers(0, 256, 6)
        (tmp_path / "a").write_bytes(data[: rng.integers(100, 2 * len(data))].tobytes())
        messages = []
        try:
            whole(open_source(FORMAT, tmp_path / "a"))
        except IIPServeError as error:
            messages.append(str(error))
        assert not any(str(tmp_path) in message for message in messages)
