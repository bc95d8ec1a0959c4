"""DeepZoom and Zoomify against the trees that `vips dzsave` writes: every tile, its name, its size, its picture."""

from __future__ import annotations

import io
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from iipserve import app
from iipserve.config import Config
from iipserve.http import Request
from tests.end_to_end.running import needed
from tests.images import smooth, write_tiff_pyramid

SIZES = [
    pytest.param((1537, 1340), id="odd"),
    pytest.param((700, 513), id="one pixel over"),
    pytest.param((64, 1), id="line"),
    pytest.param((513, 300), id="a tier more by rounding up"),
]
LAYOUTS = ("dz", "zoomify")


def tree(folder: Path, layout: str) -> dict[str, Path]:
    """The tiles `vips dzsave` makes of a.png, by the end of their address."""
    subprocess.run(
        [
            needed("vips"), "dzsave", str(folder / "a.png"), str(folder / layout), "--layout", layout,
            "--tile-size", "256", "--overlap", "0", "--suffix", ".png" if layout == "dz" else ".jpg[Q=95]",
        ],
        check=True,
    )  # fmt: skip
    root = folder / ("dz_files" if layout == "dz" else "zoomify")
    return {
        str(path.relative_to(root)): path for path in root.rglob("*_*.png" if layout == "dz" else "*-*.jpg")
    }


def ask(application: app.Application, address: str) -> tuple[int, bytes]:
    response = application.handle(Request.from_environ({"REQUEST_URI": address}))
    assert isinstance(response.body, bytes)
    return int(response.status), response.body


def attributes(properties: str) -> dict[str, str]:
    return dict(ElementTree.fromstring(properties).attrib)


def pixels(file: bytes) -> NDArray[np.int16]:
    with Image.open(io.BytesIO(file)) as image:
        return np.asarray(image.convert("RGB")).astype(np.int16)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("size", SIZES)
def test_every_tile_is_there(tmp_path: Path, size: tuple[int, int], layout: str) -> None:
    picture = smooth(size)
    Image.fromarray(picture).save(tmp_path / "a.png")
    write_tiff_pyramid(tmp_path / "a.tif", picture, compression="zlib")
    application = app.build(Config(filesystem_prefix=f"{tmp_path}/", jpeg_quality=95, zoomify_rounding="up"))
    mount = "/deepzoom/a.tif_files/" if layout == "dz" else "/zoomify/a.tif/"
    tiles = tree(tmp_path, layout)
    assert tiles
    if layout == "zoomify":
        stated = (tmp_path / "zoomify" / "ImageProperties.xml").read_text()
        assert attributes(ask(application, mount + "ImageProperties.xml")[1].decode()) == attributes(stated)
    for name, path in tiles.items():
        status, body = ask(application, mount + name)
        assert status == 200, name
        ours, theirs = pixels(body), pixels(path.read_bytes())
        assert ours.shape == theirs.shape, name
        if max(ours.shape) < 64:
            continue  # dzsave pads every level to even sides, which shifts tiny ones by a good part of a pixel
        assert np.abs(ours - theirs).mean() < 4, name


@pytest.mark.parametrize("size", SIZES)
def test_no_tile_beyond(tmp_path: Path, size: tuple[int, int]) -> None:
    picture = smooth(size)
    Image.fromarray(picture).save(tmp_path / "a.png")
    write_tiff_pyramid(tmp_path / "a.tif", picture, compression="zlib")
    application = app.build(Config(filesystem_prefix=f"{tmp_path}/"))
    names = tree(tmp_path, "dz")
    for name in names:
        level, _, tile = name.partition("/")
        column, row = map(int, tile.removesuffix(".png").split("_"))
        for neighbor in (f"{level}/{column + 1}_{row}.png", f"{level}/{column}_{row + 1}.png"):
            status, _ = ask(application, f"/deepzoom/a.tif_files/{neighbor}")
            assert status == (200 if neighbor in names else 404), neighbor
    top = max(int(name.partition("/")[0]) for name in names)
    assert ask(application, f"/deepzoom/a.tif_files/{top + 1}/0_0.png")[0] == 404
