"""Output formats: declared by their encoders, looked up by protocols."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

from iipserve.config import Config
from iipserve.errors import UnsupportedEncoding


class Scheme(NamedTuple):
    """A compression inside a format."""

    name: str
    """As in `Encoding.scheme`: `deflate`."""
    quality_range: tuple[int, int]
    """Minimum and maximum quality or level; 0 and 0 for a compression without any."""
    max_bits: int = 8
    """Per sample."""
    quality_setting: str = ""
    """Field of `Config` for its quality while that of the format is None; empty for the format's default."""


class Quality(NamedTuple):
    """A quality or level, and the scheme it applies to."""

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
    """As in file names and IIIF: `jpg`. Empty for samples without a file format, which are not advertised."""
    media_type: str
    bands: frozenset[int]
    """Supported band counts: 1 gray, 2 gray and alpha, 3 RGB, 4 RGB and alpha."""
    depths: frozenset[int] = frozenset({8})
    """Supported bits per sample: 8 for uint8 pixels, 16 for uint16."""
    spellings: tuple[str, ...] = ()
    """Alternative extensions in the addresses of tiles: `jpeg`."""
    default_quality: int = 75
    """Used without `quality_setting`."""
    quality_setting: str = ""
    """Field of `Config`; empty for none."""
    quality_range: tuple[int, int] = (0, 100)
    """Minimum and maximum quality or level, for formats without schemes; -1 is lossless."""
    lossless_zero: bool = False
    """A quality of 0 requested by a client means -1, as in iipsrv."""
    schemes: tuple[Scheme, ...] = ()
    """In the order of `scheme_setting`; the first one replaces unknown ones."""
    scheme_setting: str = ""
    """Field of `Config`, an index into `schemes`."""
    offers_schemes: bool = False
    """Clients may select one of `schemes` (IIP's QLT)."""
    tile_command: str = ""
    """IIP's command for a tile: `JTL`; empty for none."""
    export_word: str = ""
    """The argument of IIP's CVT; empty: the extension."""
    max_side: int | None = None
    """Maximum width and height, in pixels, that a file can state; None for more than any image has."""
    position: int = 100
    """Sort key in lists of formats, lowest first."""

    def configured_quality(self, config: Config) -> Quality:
        """Quality and scheme from the settings."""
        scheme = self._configured_scheme(config)
        return self._nearest(self._configured_value(scheme, config), scheme)

    def client_quality(self, asked: Quality, config: Config) -> Quality:
        """Quality and scheme nearest to those requested by a client; the scheme defaults to that of the settings."""
        scheme = asked.scheme if self.offers_schemes else ""
        quality = self._nearest(asked.value, scheme or self._configured_scheme(config))
        return quality._replace(value=-1) if self.lossless_zero and quality.value == 0 else quality

    def max_bits(self, scheme: str) -> int:
        """Maximum bits per sample with `scheme`."""
        limits = (known.max_bits for known in self.schemes if known.name == scheme)
        return min((max(self.depths), *limits))

    def _configured_value(self, scheme: str, config: Config) -> int:
        """The first number among the setting of the format, that of the scheme, and the format's default."""
        fields = [
            self.quality_setting,
            *(known.quality_setting for known in self.schemes if known.name == scheme),
        ]
        values = (getattr(config, field) for field in fields if field)
        return next((value for value in values if value is not None), self.default_quality)

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
    """The output formats of a server, in several dictionaries; immutable."""

    def __init__(self, formats: Iterable[Format]) -> None:
        """Index `formats`, in the order of their positions."""
        ordered = sorted(formats, key=lambda format: (format.position, format.name))
        files = [format for format in ordered if format.extension]
        self.max_side = min((format.max_side for format in files if format.max_side), default=None)
        """Maximum width and height that all files can state, in pixels; None for no limit."""
        self.by_name = MappingProxyType({format.name: format for format in ordered})
        self.by_extension = MappingProxyType({format.extension: format for format in files})
        """Extension -> format, in advertised order; without formats that have no extension."""
        self.by_tile_extension = MappingProxyType(
            {spelling: format for format in files for spelling in format.spellings} | dict(self.by_extension)
        )
        """As `by_extension`, with the alternative extensions."""
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
            UnsupportedEncoding: no format has it.
        """
        return self._found(self.by_extension, extension)

    def of_tile_extension(self, extension: str) -> Format:
        """The format of tiles with this extension or alternative extension.

        Raises:
            UnsupportedEncoding: no format has it.
        """
        return self._found(self.by_tile_extension, extension)

    def holding(self, bits: int) -> tuple[str, ...]:
        """Names of the advertised formats that support `bits` bits per sample."""
        return tuple(format.name for format in self.by_extension.values() if bits in format.depths)

    def _found(self, formats: Mapping[str, Format], extension: str) -> Format:
        format = formats.get(extension)
        if format is None:
            raise UnsupportedEncoding(
                f"format {extension!r} is not written; {', '.join(self.by_extension)} are"
            )
        return format
