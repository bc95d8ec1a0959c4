"""The contract between the renderer and each kind of view: its pixels, what they cost, what describes them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass

from iipserve.codecs import Encoder, Metadata
from iipserve.engine.admission import Cost
from iipserve.engine.decoding import TileDecoder
from iipserve.engine.library import Library
from iipserve.engine.shared_tiles import SharedTiles
from iipserve.engine.statistics import StatisticsCache
from iipserve.processing import Operation, Pixels


@dataclass(frozen=True, slots=True)
class RenderServices:
    """The renderer's parts that view readers use."""

    library: Library
    decoder: TileDecoder
    statistics: StatisticsCache
    nearest: bool
    """Scale by repeating and dropping pixels (INTERPOLATION=0)."""
    shared_tiles: SharedTiles | None = None
    """Keeps decoded tiles for neighboring maps; None keeps none."""


class ViewReader(ABC):
    """Reads the view of one plan; used for one rendering, by one thread."""

    @abstractmethod
    def stored(self, encoder: Encoder) -> bytes | None:
        """A compressed tile of the file that is exactly the plan's rendition without operations, or None."""

    @property
    @abstractmethod
    def after_scaling(self) -> tuple[Operation, ...]:
        """The plan's operations on display pixels, bound to what they need of the images."""

    @property
    def is_final(self) -> bool:
        """The same plan always gives the same pixels; False while an image is being measured."""
        return True

    @property
    def faults(self) -> tuple[str, ...]:
        """Identifiers of images that are missing in what has been read, as they cannot be read: it is not final then."""
        return ()

    @abstractmethod
    def cost(self) -> Cost:
        """The cost of `read`."""

    @abstractmethod
    def read(self) -> Pixels:
        """Display pixels at the view's size, before `after_scaling`.

        Raises:
            DecodeError: an image is damaged there.
        """

    @abstractmethod
    def strips_cost(self) -> Cost:
        """The cost of `read_strips`, including the operations on strips and their encoding."""

    @abstractmethod
    def read_strips(self) -> Iterator[Pixels]:
        """The pixels of `read` in strips of full width, from top to bottom, each made on demand."""

    @abstractmethod
    def metadata(self) -> Metadata:
        """What the plan's encoding embeds in the file."""
