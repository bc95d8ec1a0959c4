"""Sources whose files may be written while they are read."""

from __future__ import annotations

import errno

import numpy as np
from numpy.typing import NDArray

from iipserve import damage
from iipserve.engine.files import ImageChanged, PooledFile, file_state, unavailable
from iipserve.errors import IIPServeError
from iipserve.exchange import READING, phase
from iipserve.geometry import Region, Size
from iipserve.image import ImageInfo, LevelStorage
from iipserve.processing import Pixels
from iipserve.sources import Bands, Source


class CheckedSource(Source):
    """Another source, which gives nothing but what the opened version of its file holds.

    The kernel changes the times of a file before its bytes. So what is read belongs to a version if the file
    still has its status afterwards. Every method raises `ImageChanged` if not, and `ImageUnavailable` if the file
    cannot be read.
    """

    def __init__(self, source: Source, info: ImageInfo, file: PooledFile) -> None:
        """Check a source.

        Args:
            source: whose file is checked.
            info: of the source.
            file: its state is that before anything was read.
        """
        self.info = info
        self.file = file.known
        self.holds_descriptor, self.memory = source.holds_descriptor, source.memory
        self.keeps_decoded = source.keeps_decoded
        self.reads_regions = source.reads_regions
        self.reads_parts = source.reads_parts
        self._source = source
        self._file = file
        self.is_stale = False
        """Reading has failed; the file must be opened again."""

    def read_tile(self, level: int, column: int, row: int, quality_layers: int = 0) -> Pixels:
        """As `Source.read_tile`."""
        with Reading(self):
            pixels = self._source.read_tile(level, column, row, quality_layers)
        self.check()
        return pixels

    def read_part(self, level: int, column: int, row: int, part: Region, quality_layers: int = 0) -> Pixels:
        """As `Source.read_part`."""
        with Reading(self):
            pixels = self._source.read_part(level, column, row, part, quality_layers)
        self.check()
        return pixels

    def read_mask(self, level: int, column: int, row: int) -> NDArray[np.bool_] | None:
        """As `Source.read_mask`."""
        with Reading(self):
            mask = self._source.read_mask(level, column, row)
        if mask is not None:
            self.check()
        return mask

    def read_region(self, level: int, region: Region, size: Size) -> Pixels:
        """As `Source.read_region`."""
        with Reading(self):
            pixels = self._source.read_region(level, region, size)
        self.check()
        return pixels

    def read_stored(self, region: Region, bands: Bands) -> Pixels:
        """As `Source.read_stored`."""
        with Reading(self):
            pixels = self._source.read_stored(region, bands)
        self.check()
        return pixels

    def decoded_pixels(self, level: int, region: Region) -> int:
        """As `Source.decoded_pixels`, without reading."""
        return self._source.decoded_pixels(level, region)

    def decoding_memory(self, level: int, region: Region) -> int:
        """As `Source.decoding_memory`, without reading."""
        return self._source.decoding_memory(level, region)

    def storage(self, level: int) -> LevelStorage:
        """As `Source.storage`."""
        with Reading(self):
            storage = self._source.storage(level)
        self.check()
        return storage

    def stored_tile(self, level: int, column: int, row: int, format: str, *, profile: bool) -> bytes | None:
        """As `Source.stored_tile`; not checked, as a tile that is not decoded is checked with the whole answer."""
        try:
            return self._source.stored_tile(level, column, row, format, profile=profile)
        except Exception as error:
            self.report(error)
            raise

    def check(self) -> None:
        """Check that the open file is unchanged.

        Raises:
            ImageChanged: it is not.
            ImageNotFound: it had to be opened again, and is not there any more.
            ImageUnavailable: the file cannot be checked.
        """
        try:
            status = self._file.status()
            # to unlink a file, also by replacing it, changes its ctime
            if file_state(status) == self.file.state or (
                status.st_nlink == 0 and file_state(status)[:-1] == self.file.state[:-1]
            ):
                return
        except IIPServeError:
            raise
        except OSError as error:
            # a file handle of NFS is stale once the file was replaced on the server
            if error.errno != errno.ESTALE:
                raise unavailable(repr(self.info.identifier), error) from error
            self.is_stale = True
        raise ImageChanged

    def report(self, error: Exception) -> None:
        """Raise what an error of the source means, if it is not the error itself."""
        self.check()
        damage.report(self.info.identifier, self.info.version, error)
        # Pillow's errors of decoding are OSError too, without a number
        if isinstance(error, OSError) and error.errno is not None:
            self.is_stale = True  # libvips keeps an image that could not be read once in this state
            raise unavailable(repr(self.info.identifier), error) from error


class Reading:
    """While a source reads: time goes to its image, and errors are reported. (`contextlib` would take longer.)"""

    __slots__ = ("_phase", "_source")

    def __init__(self, source: CheckedSource) -> None:
        self._source = source
        self._phase = phase(READING, source.info.identifier)

    def __enter__(self) -> None:
        self._phase.__enter__()

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        self._phase.__exit__()
        if isinstance(error, Exception):
            self._source.report(error)
