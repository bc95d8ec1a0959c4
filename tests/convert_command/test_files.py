"""Converted files, read by tifffile, Pillow and glymur: pixels, pages, levels."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image

from iipserve.sources.jpeg2000.openjpeg_library import glymur
from tests.convert_command.running import convert, converted
from tests.images import gradient, smooth, write_jp2

LOSSLESS = ("deflate", "zstd", "lzw", "none")
TYPES = ("uint8", "uint16", "int16", "int32", "uint32", "float32", "float64")


def levels(path: Path) -> list[tuple[int, ...]]:
    """Sizes of the directories of the chain, which must be tiled."""
    with tifffile.TiffFile(path) as file:
        assert all(page.is_tiled for page in file.pages)
        return [page.shape[:2] for page in file.pages]


def written(path: Path, pixels: NDArray[Any], **options: Any) -> Path:
    tifffile.imwrite(path, pixels, metadata=None, **options)
    return path


@pytest.mark.parametrize("compression", LOSSLESS)
def test_lossless_compressions(tmp_path: Path, compression: str) -> None:
    pixels = gradient((700, 500))
    source = written(tmp_path / "a.tif", pixels, photometric="rgb")
    target = converted(source, tmp_path / "b.tif", "--compression", compression, "--tile", "128")
    np.testing.assert_array_equal(tifffile.imread(target), pixels)
    assert levels(target) == [(500, 700), (250, 350), (125, 175), (62, 87)]
    with tifffile.TiffFile(target) as file:
        page = file.pages[0]
        assert (page.tilewidth, page.photometric.name) == (128, "RGB")
        # means of 2 x 2 pixels, apart from columns where the picture jumps
        shown = file.pages[1].asarray()[:, 1:100].astype(int)
        means = pixels[:500, 2:200].reshape(250, 2, 99, 2, 3).mean((1, 3))
        assert np.abs(shown - means)[:100, :, :2].max() <= 1


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("bands", [1, 3, 5])
def test_types_and_bands(tmp_path: Path, dtype: str, bands: int) -> None:
    values = np.random.default_rng(7).integers(0, 200, (90, 70, bands)).astype(dtype)
    pixels = values if bands > 1 else values[..., 0]
    options = (
        {"photometric": "rgb"} if bands == 3 else {"photometric": "minisblack", "planarconfig": "contig"}
    )
    source = written(tmp_path / "a.tif", pixels, **(options if bands > 1 else {}))
    found = tifffile.imread(converted(source, tmp_path / "b.tif", "--tile", "128"))
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, pixels)


@pytest.mark.parametrize(
    ("compression", "scheme"), [("auto", "JPEG"), ("webp", "WEBP"), ("deflate", "ADOBE_DEFLATE")]
)
def test_photographs(tmp_path: Path, compression: str, scheme: str) -> None:
    Image.fromarray(smooth((600, 400))).save(tmp_path / "a.jpg", quality=95)
    target = converted(tmp_path / "a.jpg", tmp_path / "b.tif", "--compression", compression)
    with tifffile.TiffFile(target) as file:
        assert file.pages[0].compression.name == scheme
        found = file.pages[0].asarray().astype(int)
    assert np.abs(found - np.asarray(Image.open(tmp_path / "a.jpg")).astype(int)).mean() < 2


def test_opacity(tmp_path: Path) -> None:
    pixels = gradient((300, 200), 4)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    for compression in ("auto", "webp-lossless"):
        target = converted(tmp_path / "a.png", tmp_path / f"{compression}.tif", "--compression", compression)
        with tifffile.TiffFile(target) as file:
            assert [each.name for each in file.pages[0].extrasamples] == ["UNASSALPHA"]
            found = file.pages[0].asarray()
        opaque = pixels[..., 3] > 0  # WebP may change colors that cannot be seen
        np.testing.assert_array_equal(found[opaque], pixels[opaque])


def test_palette_stays_one_where_nothing_is_lost(tmp_path: Path) -> None:
    indices = (np.mgrid[:300, :400].sum(0) // 50 % 16).astype(np.uint8)
    colors = np.random.default_rng(1).integers(0, 65535, (3, 256)).astype(np.uint16)
    source = written(tmp_path / "a.tif", indices, photometric="palette", colormap=colors)
    with tifffile.TiffFile(converted(source, tmp_path / "b.tif")) as file:
        assert file.pages[0].photometric.name == "PALETTE"
        for page in file.pages:
            np.testing.assert_array_equal(page.colormap, colors)
        np.testing.assert_array_equal(file.pages[0].asarray(), indices)
        assert set(np.unique(file.pages[1].asarray())) <= set(range(16))
    target = converted(source, tmp_path / "c.tif", "--compression", "jpeg")
    assert tifffile.imread(target).shape == (300, 400, 3)


def test_twelve_bits_stay_as_bright(tmp_path: Path) -> None:
    pixels = np.linspace(0, 4095, 100 * 80).reshape(80, 100).astype(np.uint16)
    source = written(tmp_path / "a.tif", pixels, bitspersample=12, compression="none")
    with tifffile.TiffFile(converted(source, tmp_path / "b.tif")) as file:
        page = file.pages[0]
        np.testing.assert_array_equal(page.asarray(), pixels)
        assert page.tags["SMaxSampleValue"].value == 4095


def test_images_are_made_upright(tmp_path: Path) -> None:
    pixels = gradient((120, 80))
    source = written(tmp_path / "a.tif", pixels, photometric="rgb", extratags=[(274, "H", 1, 6, True)])
    with tifffile.TiffFile(converted(source, tmp_path / "b.tif")) as file:
        np.testing.assert_array_equal(file.pages[0].asarray(), np.rot90(pixels, -1))
        assert "Orientation" not in file.pages[0].tags


@pytest.mark.parametrize("is_big", [False, True])
def test_pages_of_several_sizes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_big: bool) -> None:
    if is_big:
        monkeypatch.setattr("iipserve.convert_command.converting.BIG_BYTES", 1000)
    pictures = [gradient((300, 200)), gradient((900, 700))[:, ::-1], gradient((300, 200))[::-1]]
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        for number, picture in enumerate(pictures):
            file.write(
                picture, photometric="rgb", metadata=None, extratags=[(285, "s", 0, f"leaf {number}", True)]
            )
    with tifffile.TiffFile(converted(tmp_path / "a.tif", tmp_path / "b.tif")) as file:
        assert file.is_bigtiff is is_big
        assert len(file.pages) == 3
        for number, (page, picture) in enumerate(zip(file.pages, pictures, strict=True)):
            np.testing.assert_array_equal(page.asarray(), picture)
            assert page.tags["PageName"].value == f"leaf {number}"
        assert [level.shape[:2] for level in file.pages[1].pages] == [(350, 450), (175, 225)]
        assert file.pages[1].pages[0].asarray().shape == (350, 450, 3)


def test_jpeg_2000(tmp_path: Path) -> None:
    pixels = smooth((600, 400))
    Image.fromarray(pixels).save(tmp_path / "a.png")
    target = converted(tmp_path / "a.png", tmp_path / "b.jp2", "--quality", "100")
    np.testing.assert_array_equal(glymur.Jp2k(target)[:], pixels)
    lossy = converted(tmp_path / "a.png", tmp_path / "c.jp2", "--quality", "60")
    assert lossy.stat().st_size < target.stat().st_size
    write_jp2(tmp_path / "d.jp2", pixels)
    back = converted(tmp_path / "d.jp2", tmp_path / "e.tif")
    np.testing.assert_array_equal(tifffile.imread(back), pixels)


@pytest.mark.parametrize(
    ("target", "options", "reason"),
    [
        ("b.png", (), ".tif, .tiff and .jp2 are written"),
        ("b.jp2", (), "JP2 is written with 8 bits"),
        ("b.tif", ("--compression", "jpeg"), "JPEG has 8 bits"),
        ("b.tif", ("--compression", "webp"), "WebP has 8 bits"),
        ("there.tif", (), "--overwrite"),
    ],
)
def test_what_is_refused_leaves_nothing(
    tmp_path: Path, target: str, options: tuple[str, ...], reason: str
) -> None:
    source = written(tmp_path / "a.tif", np.zeros((64, 64), np.float32))
    (tmp_path / "there.tif").write_bytes(b"kept")
    done = convert(source, tmp_path / target, *options)
    assert done.status == 1
    assert reason in done.err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.tif", "there.tif"]
    assert (tmp_path / "there.tif").read_bytes() == b"kept"


@pytest.mark.parametrize("make", [None, os.link, os.symlink], ids=["itself", "hard link", "symbolic link"])
def test_a_file_is_not_converted_onto_itself(
    tmp_path: Path, make: Callable[[Path, Path], None] | None
) -> None:
    source = written(tmp_path / "a.tif", gradient((90, 70)), photometric="rgb")
    before = source.read_bytes()
    target = tmp_path / "b.tif" if make else source
    if make:
        make(source, target)
    done = convert(source, target, "--overwrite")
    assert done.status == 1
    assert "is the file that is converted" in done.err
    assert (source.read_bytes(), target.is_symlink()) == (before, make is os.symlink)
    assert os.path.samefile(source, target)


def test_damage_is_named_and_the_target_kept(tmp_path: Path) -> None:
    source = written(tmp_path / "a.tif", gradient((300, 200)), photometric="rgb", compression="deflate")
    source.write_bytes(source.read_bytes()[:-3000])
    (tmp_path / "b.tif").write_bytes(b"kept")
    done = convert(source, tmp_path / "b.tif", "--overwrite")
    assert done.status == 1
    assert (tmp_path / "b.tif").read_bytes() == b"kept"
    assert convert(tmp_path / "missing.tif", tmp_path / "c.tif").status == 1
