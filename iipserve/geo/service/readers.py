"""What the values of the service file may be. A reader checks a value of TOML, and converts it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from iipserve.geo import crs
from iipserve.geo.class_names import MAX_CLASSES, MAX_NAME, ClassName
from iipserve.geo.grid import Bounds
from iipserve.processing.filters import KERNELS

MAX_TEXT = 10_000
"""Characters of a text."""
MAX_ITEMS = 1000
"""Of a list."""
MAX_MAGNITUDE = 1e300


class Reader(ABC):
    """Reads values of one kind."""

    accepts: str
    """What is accepted, for messages and documents: `a text`."""

    @abstractmethod
    def read(self, value: Any) -> Any:
        """The value as it is used. Raises `ValueError` for any other; its message, if any, replaces `accepts`."""


@dataclass(frozen=True)
class Text(Reader):
    """A text without control characters."""

    accepts: str = "a text"
    lines: bool = False
    """It may have several lines."""

    def read(self, value: Any) -> str:
        """The text."""
        allowed = "\n\t" if self.lines else ""
        if not isinstance(value, str) or len(value) > MAX_TEXT:
            raise ValueError
        if any(not (character.isprintable() or character in allowed) for character in value):
            raise ValueError
        return value


@dataclass(frozen=True)
class Identifier(Reader):
    """A name that requests use."""

    accepts: str = "a text of 1 to 256 printable characters, with something before and after each slash"

    def read(self, value: Any) -> str:
        """The name; web servers merge slashes, so that paths do not tell empty parts."""
        text = Text().read(value)
        if not 1 <= len(text) <= 256 or text != text.strip() or not all(text.split("/")):
            raise ValueError
        return text


@dataclass(frozen=True)
class ImagePath(Reader):
    """The path of an image below the folder of images."""

    accepts: str = "the path of an image below FILESYSTEM_PREFIX, with or without its extension"

    def read(self, value: Any) -> str:
        """The path."""
        text = Identifier().read(value)
        parts = text.split("/")
        if text.startswith("/") or "\\" in text or any(part in ("", ".", "..") for part in parts):
            raise ValueError
        return text


@dataclass(frozen=True)
class Address(Reader):
    """An address of the web."""

    accepts: str = "an address that begins with http:// or https://"

    def read(self, value: Any) -> str:
        """The address."""
        text = Text().read(value)
        if not text.startswith(("http://", "https://")) or " " in text or '"' in text or "<" in text:
            raise ValueError
        return text


@dataclass(frozen=True)
class Switch(Reader):
    """On or off."""

    accepts: str = "true or false"

    def read(self, value: Any) -> bool:
        """The value."""
        if not isinstance(value, bool):
            raise ValueError
        return value


@dataclass(frozen=True)
class Number(Reader):
    """A number in a range."""

    minimum: float = -MAX_MAGNITUDE
    maximum: float = MAX_MAGNITUDE
    whole: bool = False

    @property
    def accepts(self) -> str:  # type: ignore[override]
        """The range."""
        kind = "a whole number" if self.whole else "a number"
        if self.minimum > -MAX_MAGNITUDE and self.maximum < MAX_MAGNITUDE:
            return f"{kind} from {self.minimum:g} to {self.maximum:g}"
        return f"{kind}, {self.minimum:g} or more" if self.minimum > -MAX_MAGNITUDE else kind

    def read(self, value: Any) -> float:
        """The number."""
        if type(value) not in ((int,) if self.whole else (int, float)):
            raise ValueError
        if not self.minimum <= value <= self.maximum:
            raise ValueError
        return int(value) if self.whole else float(value) + 0.0


@dataclass(frozen=True)
class Choice(Reader):
    """One of several words."""

    words: tuple[str, ...]

    @property
    def accepts(self) -> str:  # type: ignore[override]
        """The words."""
        return " or ".join(f'"{word}"' for word in self.words)

    def read(self, value: Any) -> str:
        """The word."""
        if value not in self.words:
            raise ValueError
        return str(value)


@dataclass(frozen=True)
class Several(Reader):
    """A list of values of one kind."""

    one: Reader
    accepts: str
    minimum: int = 0
    maximum: int = MAX_ITEMS
    alone: bool = False
    """A value may be written without brackets."""

    def read(self, value: Any) -> tuple[Any, ...]:
        """The values."""
        if self.alone and not isinstance(value, list):
            value = [value]
        if not isinstance(value, list) or not self.minimum <= len(value) <= self.maximum:
            raise ValueError
        return tuple(self.one.read(item) for item in value)


@dataclass(frozen=True)
class Crs(Reader):
    """A coordinate reference system."""

    accepts: str = "the name of a coordinate reference system, as in EPSG:3857"

    def read(self, value: Any) -> str:
        """Its key."""
        try:
            return crs.parse(Text().read(value)).key
        except crs.UnknownCrs as error:
            raise ValueError(str(error)) from error


@dataclass(frozen=True)
class Extent(Reader):
    """A box."""

    accepts: str = "minimum x, minimum y, maximum x and maximum y, as in [10, 45, 15, 50]"

    def read(self, value: Any) -> Bounds:
        """The box."""
        numbers = Several(Number(), "", 4, 4).read(value)
        bounds = Bounds(*numbers)
        if not (bounds.min_x < bounds.max_x and bounds.min_y < bounds.max_y):
            raise ValueError
        return bounds


@dataclass(frozen=True)
class Missing(Reader):
    """Samples that stand for missing data: NaN is allowed."""

    accepts: str = "a number, or a list of one for each band"

    def read(self, value: Any) -> tuple[float, ...]:
        """The numbers."""
        values = value if isinstance(value, list) else [value]
        if not 1 <= len(values) <= MAX_ITEMS or any(type(one) not in (int, float) for one in values):
            raise ValueError
        if any(isinstance(one, int) and abs(one) > MAX_MAGNITUDE for one in values):
            raise ValueError
        return tuple(map(float, values))


@dataclass(frozen=True)
class Ranges(Reader):
    """Which samples are displayed as black and white."""

    accepts: str = "two numbers for all bands, as in [0, 4000], or a list of two numbers for each band"

    def read(self, value: Any) -> tuple[tuple[int | None, float, float], ...]:
        """As of `processing.tone.SampleRange`."""
        if not isinstance(value, list) or not 1 <= len(value) <= MAX_ITEMS:
            raise ValueError
        if not isinstance(value[0], list):
            return ((None, *_range(value)),)
        return tuple((band, *_range(pair)) for band, pair in enumerate(value))


def _range(value: Any) -> tuple[float, float]:
    low, high = Several(Number(-1e30, 1e30), "", 2, 2).read(value)
    if low == high:
        raise ValueError
    return low, high


@dataclass(frozen=True)
class Classes(Reader):
    """Names of the classes of a palette."""

    accepts: str = 'a list of classes from 0 to 255 and their names, as in [[1, "Water"], [2, "Forest"]]'

    def read(self, value: Any) -> tuple[ClassName, ...]:
        """The names."""
        if not isinstance(value, list) or not 1 <= len(value) <= MAX_CLASSES:
            raise ValueError
        found = tuple(self._one(item) for item in value)
        if len({each.value for each in found}) < len(found):
            raise ValueError
        return found

    def _one(self, item: Any) -> ClassName:
        if not isinstance(item, list) or len(item) != 2:
            raise ValueError
        name = Text().read(item[1]).strip()
        if not 1 <= len(name) <= MAX_NAME:
            raise ValueError
        return ClassName(int(Number(0, MAX_CLASSES - 1, whole=True).read(item[0])), name)


@dataclass(frozen=True)
class Folders(Reader):
    """Folders by name."""

    accepts: str = 'a list of names and folders, as in [["archive", "/data/archive"]]'

    def read(self, value: Any) -> tuple[tuple[str, str], ...]:
        """The pairs; each name once."""
        if not isinstance(value, list) or len(value) > MAX_ITEMS:
            raise ValueError
        pairs = tuple(Several(Text(), "", 2, 2).read(item) for item in value)
        found = tuple((Identifier().read(name), folder) for name, folder in pairs)
        if len({name for name, _ in found}) < len(found) or not all(folder.strip() for _, folder in found):
            raise ValueError
        return found


@dataclass(frozen=True)
class Matrix(Reader):
    """Rows of numbers."""

    accepts: str
    sides: Sequence[int] = ()
    """Of kernels, which are squares and may be given by name; none: 1 to 3 rows of any one length."""

    def read(self, value: Any) -> tuple[tuple[float, ...], ...]:
        """The rows."""
        if self.sides and isinstance(value, str) and value in KERNELS:
            return tuple(tuple(map(float, row)) for row in KERNELS[value])
        if not isinstance(value, list):
            raise ValueError
        rows = tuple(Several(Number(-1e30, 1e30), "", 1).read(row) for row in value)
        lengths = {len(row) for row in rows}
        if len(lengths) != 1:
            raise ValueError
        if self.sides and not (len(rows) in self.sides and lengths == {len(rows)}):
            raise ValueError
        if not self.sides and len(rows) > 3:
            raise ValueError
        return rows
