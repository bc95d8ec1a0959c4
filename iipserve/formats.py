"""What output formats are: declared by their encoders, looked up by protocols."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

from iipserve.config import Config
from iipserve.errors import UnsupportedEncoding


class Scheme(NamedTuple):
    """One way to compress inside a format."""

    name: str
    """As in `Encoding.scheme`: `deflate`."""
    quality_range: tuple[int, int]
    """Lowest and highest quality or level; 0 and 0 where it has none."""
    max_bits: int = 8
    """Per sample."""


class Quality(NamedTuple):
    """How well, or how hard, to compress."""

    value: int
    """In the scale of the format, or of the scheme."""
    scheme: str = ""
    """Empty for formats without schemes."""


@dataclass(frozen=True, slots=True)
class Format:
    """One output format."""

    name: str
    """As in `Encoding.format`: `jpeg`."""
    extension: str
    """As in file names and IIIF: `jpg`. Empty for samples without a file, which are advertised nowhere."""
    media_type: str
    bands: frozenset[int]
    """Numbers of bands it holds: 1 gray, 2 gray and alpha, 3 RGB, 4 RGB and alpha."""
    depths: frozenset[int] = frozenset({8})
    """Bits per sample it holds: uint8 pixels are 8, uint16 pixels 16."""
    spellings: tuple[str, ...] = ()
    """Further extensions in the addresses of tiles: `jpeg`."""
    default_quality: int = 75
    """Where no setting says otherwise."""
    quality_setting: str = ""
    """Field of `Config`; empty where there is no setting."""
    quality_range: tuple[int, int] = (0, 100)
    """Lowest and highest quality or level, for formats without schemes; -1 is lossless."""
    lossless_zero: bool = False
    """A client's quality of 0 means -1, as in iipsrv."""
    schemes: tuple[Scheme, ...] = ()
    """In the order of `scheme_setting`; the first one stands for those that are unknown."""
    scheme_setting: str = ""
    """Field of `Config`, an index into `schemes`."""
    offers_schemes: bool = False
    """Clients may choose one of `schemes` (IIP's QLT)."""
    tile_command: str = ""
    """IIP's command for a tile: `JTL`; empty where there is none."""
    export_word: str = ""
    """The argument of IIP's CVT; empty where it is the extension."""
    position: int = 100
    """Where it stands in lists of formats: lowest first."""

    def configured_quality(self, config: Config) -> Quality:
        """Quality and scheme of the settings."""
        value = getattr(config, self.quality_setting) if self.quality_setting else self.default_quality
        return self._nearest(value, self._configured_scheme(config))

    def client_quality(self, asked: Quality, config: Config) -> Quality:
        """Quality and scheme nearest to those a client asks for; without a scheme, that of the settings."""
        scheme = asked.scheme if self.offers_schemes else ""
        quality = self._nearest(asked.value, scheme or self._configured_scheme(config))
        return quality._replace(value=-1) if self.lossless_zero and quality.value == 0 else quality

    def max_bits(self, scheme: str) -> int:
        """Most bits per sample that the format holds when compressed by `scheme`."""
        limits = (known.max_bits for known in self.schemes if known.name == scheme)
        return min((max(self.depths), *limits))

    def _configured_scheme(self, config: Config) -> str:
        return self.schemes[getattr(config, self.scheme_setting)].name if self.scheme_setting else ""

    def _nearest(self, value: int, scheme: str) -> Quality:
        if not self.schemes:
            return Quality(_clamped(value, self.quality_range))
        known = next((known for known in self.schemes if known.name == scheme), self.schemes[0])
        return Quality(_clamped(value, known.quality_range), known.name)


def _clamped(value: int, limits: tuple[int, int]) -> int:
    low, high = limits
    return min(max(value, low), high)


class Formats:
    """The output formats of a server; immutable."""

    def __init__(self, formats: Iterable[Format]) -> None:
        """Look up these, in the order of their positions."""
        ordered = sorted(formats, key=lambda format: (format.position, format.name))
        files = [format for format in ordered if format.extension]
        self.by_name = MappingProxyType({format.name: format for format in ordered})
        self.by_extension = MappingProxyType({format.extension: format for format in files})
        """Extension of files -> format, in advertised order."""
        self.by_tile_extension = MappingProxyType(
            {spelling: format for format in files for spelling in format.spellings} | dict(self.by_extension)
        )
        """As `by_extension`, with all spellings."""
        self.by_tile_command = MappingProxyType(
            {format.tile_command.lower(): format for format in files if format.tile_command}
        )
        """IIP's command, in lower case -> format."""
        self.by_export_word = MappingProxyType(
            {format.export_word or format.extension: format for format in files}
        )
        """CVT's argument, in lower case -> format."""

    def of_extension(self, extension: str) -> Format:
        """The format of files with this extension.

        Raises:
            UnsupportedEncoding: no such format is written.
        """
        return self._found(self.by_extension, extension)

    def of_tile_extension(self, extension: str) -> Format:
        """The format of tiles with this extension, in any of its spellings.

        Raises:
            UnsupportedEncoding: no such format is written.
        """
        return self._found(self.by_tile_extension, extension)

    def holding(self, bits: int) -> tuple[str, ...]:
        """Names of the formats of files that hold samples of so many bits."""
        return tuple(format.name for format in self.by_extension.values() if bits in format.depths)

    def _found(self, formats: Mapping[str, Format], extension: str) -> Format:
        format = formats.get(extension)
        if format is None:
            raise UnsupportedEncoding(
                f"format {extension!r} is not written; {', '.join(self.by_extension)} are"
            )
        return format
