"""The versions of the IIIF Image API, as differences over one grammar."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from iipserve.errors import InvalidRequest, InvalidSize
from iipserve.geometry import Size, scale_side
from iipserve.protocols.iiif.limits import Limits
from iipserve.protocols.iiif.parameters import SizeKind, SizeText


@dataclass(frozen=True, slots=True, eq=False)
class Version:
    """What is specific to one major version of the Image API."""

    number: int
    knows_full_size: bool
    """`full` is a size."""
    marks_upscaling: bool
    """A size larger than the region needs `^`; where the grammar lacks that mark, the server decides."""
    qualities: Mapping[str, str]
    """Quality as written -> `default`, `gray` or `bitonal`; `EXTENSIONS` belong to every version."""
    canonical_size: Callable[[Size, Size, Limits], str] | None
    """(region, size, limits) -> the canonical text; None where the version has no canonical form."""
    context: str
    """The JSON-LD context of info.json."""
    profile: str
    """The URI of the compliance level; validators expect `http`."""
    negotiates_format: bool = False
    """The format may be left out; the Accept header then decides."""

    @property
    def profile_link(self) -> str:
        """The value of a Link header that names the compliance level."""
        return f'<{self.profile}>;rel="profile"'

    def quality(self, text: str, *, extensions: bool) -> str:
        """The meaning of a quality: `default`, `gray`, `bitonal`, or one of `EXTENSIONS` if these are enabled.

        Raises:
            InvalidRequest: this version does not have it.
        """
        meaning = self.qualities.get(text)
        if meaning is not None:
            return meaning
        if extensions and text in EXTENSIONS:
            return text
        known = (*self.qualities, *EXTENSIONS) if extensions else self.qualities
        raise InvalidRequest(f"quality {text!r} is not one of {', '.join(known)}")

    def check_size(self, text: SizeText, *, lenient: bool) -> None:
        """Refuse a size of another version.

        Args:
            text: the size.
            lenient: accept `full` in every version.

        Raises:
            InvalidSize: it is `full` in version 3, or has a `^` in an earlier one.
        """
        if text.kind is SizeKind.FULL and not (self.knows_full_size or lenient):
            raise InvalidSize("size 'full' does not exist in Image API 3; use 'max'")
        if text.upscales and not self.marks_upscaling:
            raise InvalidSize(f"'^' in a size does not exist in Image API {self.number}; omit it")


def _canonical_size_2(region: Size, size: Size, limits: Limits) -> str:
    """Image API 2.1.1 section 4.7: `full`, `w,` if the aspect ratio is kept, else `w,h`."""
    if size == region:
        return "full"
    if size.height == scale_side(region.height, size.width, region.width):
        return f"{size.width},"
    return f"{size.width},{size.height}"


def _canonical_size_3(region: Size, size: Size, limits: Limits) -> str:
    """Image API 3.0 section 4.7: `max`, `^max`, else `w,h`, with `^` if it is larger than the region."""
    if size == limits.reduced(region):
        return "max"
    if size.fits_in(region):
        return f"{size.width},{size.height}"
    if size == limits.largest(region):
        return "^max"
    return f"^{size.width},{size.height}"


EXTENSIONS = ("negative", "stretch", "equalization", "log")
"""Qualities of iipsrv that the specification lacks (IIIF_EXTENSIONS)."""
QUALITIES = {"default": "default", "color": "default", "gray": "gray", "bitonal": "bitonal"}

EARLIER_QUALITIES = {**QUALITIES, "native": "default", "grey": "gray"}
"""Version 1 has the last two, which clients of version 2 still send; version 2 lists neither, as OpenLayers would prefer
them."""

VERSIONS: Mapping[int, Version] = {
    1: Version(
        number=1,
        knows_full_size=True,
        marks_upscaling=False,
        qualities=EARLIER_QUALITIES,
        canonical_size=None,
        context="http://library.stanford.edu/iiif/image-api/1.1/context.json",
        profile="http://library.stanford.edu/iiif/image-api/1.1/compliance.html#level2",
        negotiates_format=True,
    ),
    2: Version(
        number=2,
        knows_full_size=True,
        marks_upscaling=False,
        qualities=EARLIER_QUALITIES,
        canonical_size=_canonical_size_2,
        context="http://iiif.io/api/image/2/context.json",
        profile="http://iiif.io/api/image/2/level2.json",
    ),
    3: Version(
        number=3,
        knows_full_size=False,
        marks_upscaling=True,
        qualities=QUALITIES,
        canonical_size=_canonical_size_3,
        context="http://iiif.io/api/image/3/context.json",
        profile="http://iiif.io/api/image/3/level2.json",
    ),
}
"""By major version."""

UNVERSIONED: Mapping[int, Version] = {
    number: replace(version, knows_full_size=True, qualities=EARLIER_QUALITIES)
    for number, version in VERSIONS.items()
}
"""By the major version that IIIF_VERSION gives to addresses without one. Their clients may have been written for another:
`full` is a size and the earlier qualities exist in each."""
