"""Every kind of image as a file that is listed, described, cut off and damaged."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import pyvips
from PIL import Image

from tests.contracts.file import FORMATS, FileContract, library_of
from tests.corpus.test_kinds import KINDS, made
from tests.images import gradient, smooth
from tests.sources.test_fits import unit
from tests.sources.test_svg_pdf import pdf_file, svg_file

SIZE = (300, 225)


def by_pillow(kind: str, *, frames: int = 1, bands: int = 3) -> bytes:
    """A file of one or several images."""
    images = [Image.fromarray(gradient(SIZE, bands, level=frame).squeeze()) for frame in range(frames)]
    file = io.BytesIO()
    more = {"save_all": True, "append_images": images[1:]} if frames > 1 else {}
    images[0].save(file, kind, **more)
    return file.getvalue()


def number_text() -> bytes:
    """A PPM of numbers."""
    return b"P3\n# numbers\n%d %d\n255\n" % SIZE + b" ".join(b"%d" % value for value in gradient(SIZE).flat)


PAM = b"P7\nWIDTH %d\nHEIGHT %d\nDEPTH 4\nMAXVAL 255\nTUPLTYPE RGB_ALPHA\nENDHDR\n" % SIZE
RADIANCE = b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y %d +X %d\n" % SIZE[::-1]
FILES: Mapping[str, Callable[[], bytes]] = {
    "ppm": lambda: by_pillow("PPM"),
    "ppm-text": number_text,
    "pgm16": lambda: b"P5 %d %d 65535\n" % SIZE + (gradient(SIZE, 1).astype(">u2") * 257).tobytes(),
    "pbm": lambda: b"P4 %d %d\n" % SIZE + np.packbits(gradient(SIZE, 1)[:, :, 0] > 99, axis=1).tobytes(),
    "pam": lambda: PAM + gradient(SIZE, 4).tobytes(),
    "jxl": lambda: imagecodecs.jpegxl_encode(gradient(SIZE), lossless=True),
    "jxl-lossy": lambda: imagecodecs.jpegxl_encode(smooth(SIZE), level=80),
    "gif": lambda: by_pillow("GIF", frames=3, bands=1),
    "png-animation": lambda: by_pillow("PNG", frames=3),
    "png-interlaced": lambda: pyvips.Image.new_from_array(gradient(SIZE)).pngsave_buffer(interlace=True),
    "jpeg-progressive": lambda: pyvips.Image.new_from_array(smooth(SIZE)).jpegsave_buffer(interlace=True),
    "jpeg-2000": lambda: by_pillow("JPEG2000"),
    "multi-picture": lambda: by_pillow("MPO", frames=2),
    "bmp": lambda: by_pillow("BMP"),
    "pfm": lambda: b"PF\n%d %d\n-1\n" % SIZE + (gradient(SIZE) / 255).astype("<f4").tobytes(),
    "fits": lambda: unit(gradient(SIZE, 1)[:, :, 0].astype(">f4")),
    "hdr": lambda: (
        RADIANCE + np.pad(gradient(SIZE) | 128, ((0, 0), (0, 0), (0, 1)), constant_values=128).tobytes()
    ),
}
"""Kinds that are in no corpus, by name: what is in the file."""
DRAWN: Mapping[str, Callable[[Path], object]] = {
    "svg": lambda path: svg_file(path, '<rect width="20" height="9" fill="red"/>'),
    "pdf": lambda path: pdf_file(path, (150, 90, "1 0 0 rg 10 10 50 40 re f"), (60, 80, "0 0 40 40 re f")),
}
"""Drawings, by name: writes the file."""


@pytest.fixture(scope="module", params=[*KINDS, *FILES, *DRAWN])
def kind(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(str(request.param), tmp_path_factory.mktemp("kind") / "a")


def write(name: str, path: Path) -> Path:
    if name in KINDS:
        made(KINDS[name], path)
    elif name in DRAWN:
        DRAWN[name](path)
    else:
        path.write_bytes(FILES[name]())
    return path


class TestEveryKind(FileContract):
    @pytest.fixture
    def path(self, kind: Path) -> Path:
        return kind


def test_every_source_format_has_a_kind(tmp_path: Path) -> None:
    library = library_of(tmp_path / "a")
    names = [*FILES, *DRAWN, "gray8", "jp2-gray8"]
    formats = {library.info(write(name, tmp_path / name).name).format for name in names}
    assert formats == set(FORMATS)
