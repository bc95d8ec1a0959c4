"""What files say of the place of their images, before it is known to be enough."""

from __future__ import annotations

from typing import NamedTuple

from iipserve.geo.class_names import ClassName
from iipserve.geo.georeference import Band, Mapping


class Placement(NamedTuple):
    """What one file says of the place and the bands of an image."""

    crs: str | None = None
    """Key of the coordinate reference system; None if it names none that is known."""
    mapping: Mapping | None = None
    """Of pixels as they are stored; None without one that leads anywhere."""
    bands: tuple[Band, ...] = ()
    """In the order of the file, with opacity; empty where nothing is said."""
    class_names: tuple[ClassName, ...] = ()
    """Of the classes of a palette."""

    def or_else(self, other: Placement) -> Placement:
        """What this one says, and of what it does not say, what another does."""
        return Placement(
            self.crs or other.crs,
            self.mapping or other.mapping,
            self.bands or other.bands,
            self.class_names or other.class_names,
        )
