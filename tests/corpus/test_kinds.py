"""Every kind of image through every protocol: lossless answers against the picture the file was made from."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from iipserve.app import Application, build
from iipserve.config import Config
from iipserve.http import Request
from iipserve.image import ColorSpace
from tests import tiff_corpus as kinds
from tests.corpus.reference import displayed, is_full_range, shifted
from tests.tiff_corpus import Maker, Written, further
from tests.tiff_corpus.tiff_writer import Samples

KINDS: Mapping[str, Maker] = {**kinds.KINDS, **further.KINDS}
PROFILED = ("jp2-cmyk-profile", "jpeg-cmyk-profile")
"""CMYK with a profile; that of other kinds says what is so anyway."""


class Corpus(NamedTuple):
    """A server, and what its images hold."""

    application: Application
    written: Mapping[str, Written]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Corpus]:
    folder = tmp_path_factory.mktemp("corpus")
    written = {name: made(KINDS[name], folder / name) for name in KINDS}
    application = build(Config(filesystem_prefix=f"{folder}/", iiif_delimiter=";", max_layers=-1))
    yield Corpus(application, written)
    application.clear()


def made(maker: Maker, path: Path) -> Written:
    """Write a file; glymur warns of what is odd, which is the point of some files."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return maker(path)


def ask(corpus: Corpus, address: str) -> bytes:
    response = corpus.application.handle(
        Request.from_environ({"REQUEST_URI": address, "HTTP_HOST": "images"})
    )
    body = response.body if isinstance(response.body, bytes) else b"".join(response.body)
    assert response.status == 200, f"{address}: {response.status} {body[:300]!r}"
    return body


def picture(corpus: Corpus, address: str) -> NDArray[np.uint8]:
    with Image.open(io.BytesIO(ask(corpus, address)), formats=["PNG"]) as image:
        return np.atleast_3d(np.asarray(image))


def expected(name: str, samples: Samples, written: Written) -> NDArray[np.uint8]:
    """How samples are shown where nothing is asked for."""
    if is_full_range(written):
        return shifted(samples, written)
    return displayed(samples, written, profiled=name in PROFILED).quantized()


def tolerance(written: Written) -> int:
    """Levels of 255: none, but for files whose samples are not exact and for transforms in float."""
    if written.color_space in (ColorSpace.CIELAB, ColorSpace.CMYK) or written.levels[0].dtype.kind == "f":
        return 1 + int(written.tolerance)
    depth = 2 ** max(0, written.bits - 8) if is_full_range(written) else 1
    return int(np.ceil(written.tolerance / depth)) + (not is_full_range(written))


def check(shown: NDArray[np.uint8], awaited: NDArray[np.uint8], most: int) -> None:
    assert shown.shape == awaited.shape
    apart = np.abs(shown.astype(int) - awaited)
    assert apart.max() <= most, (
        f"{apart.max()} at {np.unravel_index(apart.argmax(), apart.shape)}, {(apart > most).mean():.2%}"
    )


@pytest.fixture(params=KINDS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_iip_tiles(corpus: Corpus, name: str) -> None:
    written = corpus.written[name]
    resolutions, tile = described(corpus, name)
    level = written.levels[0]
    columns = -(-level.shape[1] // tile[0])
    for column, row in ((0, 0), (columns - 1, 1)):
        part = level[row * tile[1] : (row + 1) * tile[1], column * tile[0] : (column + 1) * tile[0]]
        shown = picture(corpus, f"/iip?FIF={name}&PTL={resolutions - 1},{row * columns + column}")
        check(shown, expected(name, part, written), tolerance(written))


def described(corpus: Corpus, name: str) -> tuple[int, tuple[int, int]]:
    """Number of resolutions and the size of a tile."""
    text = ask(corpus, f"/iip?FIF={name}&OBJ=Max-size&OBJ=Resolution-number&OBJ=Tile-size").decode()
    lines = dict(line.split(":") for line in text.splitlines())
    width, height = (int(side) for side in lines["Tile-size"].split())
    assert lines["Max-size"] == "600 450"
    return int(lines["Resolution-number"]), (width, height)


def test_iip_region(corpus: Corpus, name: str) -> None:
    written = corpus.written[name]
    shown = picture(corpus, f"/iip?FIF={name}&RGN=0.25,0.2,0.5,0.4&WID=300&CVT=png")
    check(shown, expected(name, written.levels[0][90:270, 150:450], written), tolerance(written))


def test_iip_operations(corpus: Corpus, name: str) -> None:
    written = corpus.written[name]
    shown = picture(corpus, f"/iip?FIF={name}&GAM=0.6&INV=1&CNT=1.2&RGN=0.25,0.2,0.5,0.4&WID=300&CVT=png")
    awaited = displayed(written.levels[0][90:270, 150:450], written, profiled=name in PROFILED)
    # the curve is steep in the dark, where it makes most of what is not exact
    most = 1 if not written.tolerance and name not in PROFILED else 2 + 2 * tolerance(written)
    check(shown, awaited.quantized(lambda values: 1.2 * (1 - values.clip(0, None) ** 0.6)), most)


def test_iiif_region(corpus: Corpus, name: str) -> None:
    written = corpus.written[name]
    shown = picture(corpus, f"/iiif/3/{name}/37,51,211,160/max/0/default.png")
    check(shown, expected(name, written.levels[0][51:211, 37:248], written), tolerance(written))


def test_iiif_half_size(corpus: Corpus, name: str) -> None:
    written = corpus.written[name]
    if len(written.levels) < 2:
        assert picture(corpus, f"/iiif/3/{name}/full/300,225/0/default.png").shape[:2] == (225, 300)
        return
    shown = picture(corpus, f"/iiif/3/{name}/full/300,225/0/default.png")
    check(shown, expected(name, written.levels[1], written), tolerance(written))


def test_deepzoom_tiles(corpus: Corpus, name: str) -> None:
    written = corpus.written[name]
    text = ask(corpus, f"/deepzoom/{name}.dzi").decode()
    assert 'Width="600" Height="450"' in text
    tile = int(text.partition('TileSize="')[2].partition('"')[0])
    shown = picture(corpus, f"/deepzoom/{name}_files/10/1_1.png")
    check(
        shown,
        expected(name, written.levels[0][tile : 2 * tile, tile : 2 * tile], written),
        tolerance(written),
    )
    assert picture(corpus, f"/deepzoom/{name}_files/0/0_0.png").shape[:2] == (1, 1)


def test_zoomify_tiles(corpus: Corpus, name: str) -> None:
    written = corpus.written[name]
    text = ask(corpus, f"/zoomify/{name}/ImageProperties.xml").decode()
    tile = int(text.partition('TILESIZE="')[2].partition('"')[0])
    tier = next(tier for tier in range(9) if 600 >> tier <= tile and 450 >> tier <= tile)
    shown = picture(corpus, f"/zoomify/{name}/TileGroup0/{tier}-1-0.png")
    check(shown, expected(name, written.levels[0][:tile, tile : 2 * tile], written), tolerance(written))


STACKS = ("stack", "stack-flat", "stack-of-pages", "stack-ome")


@pytest.mark.parametrize("stack", STACKS)
def test_every_picture_of_a_stack(corpus: Corpus, stack: str) -> None:
    written = corpus.written[stack]
    for number, (label, levels) in enumerate(written.layers):
        awaited = expected(stack, levels[0][90:270, 150:450], written)
        by_iip = picture(corpus, f"/iip?FIF={stack}&SDS={number}&RGN=0.25,0.2,0.5,0.4&WID=300&CVT=png")
        by_iiif = picture(corpus, f"/iiif/3/{stack};{number}/150,90,300,180/max/0/default.png")
        check(by_iip, awaited, 0)
        check(by_iiif, awaited, 0)
        assert label.encode() in ask(corpus, f"/iip?FIF={stack}&OBJ=stack")
