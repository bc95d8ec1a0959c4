"""What is advertised is answered: every size, tile, format, quality and rotation, whatever the image and the settings."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from iipserve.app import Application, build
from iipserve.config import Config
from tests.images import gradient, smooth, write_jp2, write_tiff_pyramid
from tests.properties.answers import picture_size
from tests.properties.images import MAKERS, ask, body_of
from tests.properties.promises import Promise, of_deepzoom, of_iiif, of_zoomify

SIDES = st.one_of(
    st.integers(1, 4), st.integers(1, 700), st.sampled_from([255, 256, 257, 511, 512, 513, 1300])
)
SIZES = st.one_of(st.tuples(SIDES, SIDES), st.sampled_from([(17_000, 2), (1, 16_500), (12_000, 3)]))
SETTINGS = st.fixed_dictionaries(
    {
        "max_cvt": st.one_of(st.just(-1), st.just(5000), st.integers(1, 900)),
        "allow_upscaling": st.booleans(),
        "iiif_lenient": st.booleans(),
        "iiif_extensions": st.booleans(),
        "zoomify_rounding": st.sampled_from(["down", "up"]),
        "max_render_memory": st.one_of(st.floats(16.0, 40.0), st.just(100.0)),
        "undeclared_opacity": st.booleans(),
    }
)


def _photograph(path: Path, size: tuple[int, int], orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(smooth(size)).save(path.with_suffix(".jpg"), exif=exif)


WRITERS: Mapping[str, Callable[[Path, tuple[int, int], int], Any]] = {
    "tif": lambda path, size, number: write_tiff_pyramid(path, gradient(size, 1 + number % 4), tile=(16 * (1 + number % 9), 16 * (1 + number % 7)), compression="zlib"),
    "png": lambda path, size, number: Image.fromarray(gradient(size, 1 + number % 4).squeeze(axis=-1) if number % 4 == 0 else gradient(size, 1 + number % 4)).save(path),
    "jpg": lambda path, size, number: _photograph(path, size, 1 + number % 8),
    "jp2": lambda path, size, number: write_jp2(path, gradient(size), numres=min(1 + number % 4, min(size).bit_length())),
}  # fmt: skip


def refused(application: Application, address: str, promises: Sequence[Promise]) -> str:
    """What is wrong with the answer; empty if nothing is.

    Several different promises for one address are kept by any of them: by `w,`, tiles of two scale factors can be one
    address where they are a pixel wide.
    """
    response = ask(application, address)
    body, wanted = body_of(response), " or ".join(promise.kept_by for promise in promises)
    if response.status != 200:
        return f"{address}: {int(response.status)} {body[:200]!r} instead of {wanted}"
    size = picture_size(dict(response.headers)["Content-Type"], body)
    kept = size and any(promise.is_kept(*size) for promise in promises)
    return "" if kept else f"{address}: {size} instead of {wanted}"


def broken_promises(application: Application, name: str, *, rounds_up: bool) -> list[str]:
    """What is wrong with the answers to all that is advertised of an image."""

    def fetch(path: str) -> bytes:
        response = ask(application, path)
        assert response.status == 200, f"{path}: {body_of(response)[:200]!r}"
        return body_of(response)

    promises = [
        *(promise for version in (1, 2, 3) for promise in of_iiif(name, version, fetch)),
        *of_deepzoom(name, fetch),
        *of_zoomify(name, fetch, rounds_up=rounds_up),
    ]
    by_address: dict[str, list[Promise]] = {}
    for promise in promises:
        by_address.setdefault(promise.address, []).append(promise)
    answers = (refused(application, address, promised) for address, promised in by_address.items())
    return [text for text in answers if text]


@pytest.mark.parametrize("name", MAKERS)
def test_every_kind_of_image(tmp_path: Path, name: str) -> None:
    MAKERS[name](tmp_path / name)
    chosen: dict[str, Any] = {"max_cvt": 150, "max_render_memory": 16.0, "iiif_extensions": True}
    application = build(Config(filesystem_prefix=f"{tmp_path}/", logfile="-", **chosen))
    broken = broken_promises(application, name, rounds_up=False)
    assert not broken, f"{len(broken)}: " + "; ".join(broken[:5])


@pytest.mark.parametrize("kind", WRITERS)
def test_what_is_advertised_is_answered(tmp_path: Path, kind: str) -> None:
    numbers = itertools.count()

    @settings(
        derandomize=True,
        deadline=None,
        database=None,
        max_examples=settings().max_examples // 12,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )
    @given(size=SIZES, number=st.integers(0, 71), chosen=SETTINGS)
    def answered(size: tuple[int, int], number: int, chosen: dict[str, Any]) -> None:
        name = f"{next(numbers)}.{kind}"
        WRITERS[kind](tmp_path / name, size, number)
        application = build(Config(filesystem_prefix=f"{tmp_path}/", logfile="-", **chosen))
        broken = broken_promises(application, name, rounds_up=chosen["zoomify_rounding"] == "up")
        assert not broken, f"{len(broken)}: " + "; ".join(broken[:5])

    answered()
