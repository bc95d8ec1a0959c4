"""One file converted: written next to its target, verified, and only then moved there."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from iipserve.command_line.images import NamedImage, named_image
from iipserve.config import Config
from iipserve.convert_command.fields import fields_of
from iipserve.convert_command.joining import join
from iipserve.convert_command.pyramids import BIG_BYTES, compression_for, save, save_jpeg2000, spool
from iipserve.convert_command.reading import Page, pages_of
from iipserve.convert_command.values import JPEG2000_ENDINGS, LOSSLESS, Job, Outcome, Report
from iipserve.convert_command.verification import verify
from iipserve.errors import IIPServeError, InvalidRequest
from iipserve.image import ImageInfo
from iipserve.plan import image_ref

PASSES = 3
"""How often the rows of an image are reported: read, written, verified."""
WORK = ".converting-"
"""In the names of folders in which files are written."""
MAX_JPEG2000_QUALITY = 100


def state_of(path: str) -> tuple[int, int]:
    """Length and time of modification of a file, as in `Outcome.source_state`. Raises `OSError`."""
    status = os.stat(path)
    return status.st_size, status.st_mtime_ns


def rows_of(job: Job, config: Config) -> int:
    """How many rows are reported by the conversion of a file. Raises `IIPServeError` if it cannot be read."""
    return PASSES * sum(page.info.size.height for page in pages_of(named_image(job.source, config)))


def converted(job: Job, config: Config, report: Report = lambda rows: None) -> Outcome:
    """Convert a file; whatever goes wrong is in the outcome.

    Args:
        job: the file; its target is replaced if there is one.
        config: settings of formats.
        report: called with rows as they are read, written and verified.
    """
    state = (0, 0)
    try:
        state = state_of(job.source)
        convert(job, config, report)
        if state_of(job.source) != state:
            return Outcome(job, "it was changed while it was read", state)
    except (IIPServeError, OSError) as error:
        return Outcome(job, str(error), state)
    except Exception as error:  # one file shall not end the conversion of thousands
        return Outcome(job, f"{type(error).__name__}: {error}", state)
    return Outcome(job, "", state)


def convert(job: Job, config: Config, report: Report) -> None:
    """As `converted`.

    Raises:
        IIPServeError: it cannot be read, or is not converted as asked.
        OSError: the target cannot be written.
    """
    image = named_image(job.source, config)
    pages = pages_of(image)
    target = Path(job.target)
    target.parent.mkdir(parents=True, exist_ok=True)
    with _work_folder(target) as folder:
        if target.suffix.lower() in JPEG2000_ENDINGS:
            made, lossless, as_indices = _jpeg2000(job, pages, folder, report)
        else:
            made, lossless, as_indices = _tiff(job, image, pages, folder, report)
        verify(pages, named_image(str(made), config), lossless=lossless, as_indices=as_indices, report=report)
        os.replace(made, target)
    _sync(target.parent)


def _jpeg2000(
    job: Job, pages: Sequence[Page], folder: Path, report: Report
) -> tuple[Path, bool, Sequence[bool]]:
    if len(pages) > 1:
        raise InvalidRequest(f"JPEG 2000 files have one page; this has {len(pages)}: convert it to TIFF")
    made = folder / f"page{Path(job.target).suffix}"
    save_jpeg2000(pages[0], made, job.options, report)
    report(pages[0].info.size.height)
    _sync(made)
    return made, job.options.quality >= MAX_JPEG2000_QUALITY, [False]


def _tiff(
    job: Job, image: NamedImage, pages: Sequence[Page], folder: Path, report: Report
) -> tuple[Path, bool, Sequence[bool]]:
    names = [compression_for(page, _storage(image, page.info), job.options) for page in pages]
    as_indices = [page.has_palette and name in LOSSLESS for page, name in zip(pages, names, strict=True)]
    is_big = sum(_length(page.info) for page in pages) > BIG_BYTES
    parts, fields = [], []
    for number, (page, name, indices) in enumerate(zip(pages, names, as_indices, strict=True)):
        raw, part = folder / "samples", folder / f"page{number}.tif"
        samples = spool(page, raw, report, as_indices=indices)
        save(
            samples, page, part, name, job.options, report, as_indices=indices, as_subifds=len(pages) > 1, is_big=is_big
        )  # fmt: skip
        raw.unlink()
        parts.append(part)
        keeps = name == "jpeg" or name.startswith("webp")
        fields.append(fields_of(page, as_indices=indices, keeps_photometric=keeps))
    return join(parts, fields), LOSSLESS.issuperset(names), as_indices


def _storage(image: NamedImage, info: ImageInfo) -> str:
    return image.library.source(image_ref(info)).storage(0).compression


def _length(info: ImageInfo) -> int:
    """Bytes of the samples of all levels, at most."""
    widest = max(np.dtype(info.dtype).itemsize, np.dtype(info.samples.dtype).itemsize)
    return 3 * info.size.area * info.bands * widest // 2


@contextmanager
def _work_folder(target: Path) -> Iterator[Path]:
    """A folder next to a file that is to be written, for the block."""
    folder = Path(tempfile.mkdtemp(prefix=f".{target.name}{WORK}", dir=target.parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _sync(path: Path) -> None:
    """Make what was written last."""
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
