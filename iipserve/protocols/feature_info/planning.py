"""Plans of GetFeatureInfo."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from iipserve.errors import InvalidRequest
from iipserve.geo import crs
from iipserve.geo.georeference import Band
from iipserve.geo.layer import Layer, LayerEntry
from iipserve.plan import Document, MosaicRule, ValuePlan, Window, WindowRef, image_ref
from iipserve.protocols.coverages import color_nodata
from iipserve.protocols.feature_info.collections import QueriedCollection
from iipserve.protocols.feature_info.locating import Spot, locate
from iipserve.protocols.feature_info.measuring import (
    Measured,
    bands_of,
    classes,
    measured,
    palette_of,
    windows,
)
from iipserve.protocols.feature_info.merging import Part, merged
from iipserve.protocols.feature_info.places import Place
from iipserve.protocols.maps import shown_part


class UnknownChild(InvalidRequest):
    """A layer has no sub-layer of that name."""


@dataclass(frozen=True, slots=True)
class LayerAnswer:
    """What is known of one layer at a place."""

    layer: Layer
    crs: str
    """Key of the image's coordinate reference system."""
    bands: tuple[Band, ...]
    """The sub-layers that are reported, the topmost first."""
    measured: Measured | None
    """None outside of the image, and where neither the point nor the area has data."""
    images: tuple[str, ...] = ()
    """Of a collection: identifiers of the images that have data at the point, the uppermost first, whose values these are."""

    @property
    def crs_name(self) -> str:
        """What an answer calls the system: its code, or its name where it has none."""
        return self.crs if crs.has_code(self.crs) else crs.label(self.crs)


Write = Callable[[Sequence[LayerAnswer]], Document]
"""(what is known of each layer, the topmost first) -> the answer."""


class Samples(NamedTuple):
    """Samples of an image, as its file has them."""

    dtype: str
    bands: int
    missing: tuple[float | int | None, ...]
    """Of each band of color, the one that stands for missing data."""

    def is_like(self, other: Samples) -> bool:
        """Whether they can be merged with those of another image."""
        return (self.dtype, self.bands) == (other.dtype, other.bands)


@dataclass(frozen=True, slots=True)
class _Asked:
    """One layer that is asked about."""

    layer: Layer
    crs: str
    every: tuple[Band, ...]
    """All bands, in the order of the file."""
    chosen: tuple[int, ...]
    """Indices of those that are reported, the topmost first."""
    palette: bytes
    """As of `GeoImage`."""
    spot: Spot | None
    refs: tuple[WindowRef, ...]
    samples: Samples

    @property
    def missing(self) -> tuple[float | int | None, ...]:
        """As `Samples.missing`, of the bands that are reported."""
        known = self.samples.missing
        return tuple(known[index] if index < len(known) else None for index in self.chosen)

    def only(self, names: Sequence[str]) -> _Asked:
        """The same with those of its bands that have these names, as far as it has them; all if it has none of them."""
        chosen = [index for name in names for index, band in enumerate(self.every) if band.name == name]
        return replace(self, chosen=tuple(chosen) or self.chosen)

    def answer(self, read: Sequence[Window]) -> LayerAnswer:
        """The answer from this layer's windows."""
        if self.palette:
            read = [classes(window, self.palette) for window in read]
        found = measured(self.spot, self.every, self.refs, read) if self.spot else None
        if found and not (found.has_data or any(each.pixels for each in found.bands)):
            found = None
        bands = tuple(self.every[index] for index in self.chosen)
        kept = found and found._replace(bands=tuple(found.bands[index] for index in self.chosen))
        return LayerAnswer(self.layer, self.crs, bands, kept)


def plan_feature_info(
    queried: Sequence[LayerEntry | QueriedCollection],
    place: Place,
    write: Write,
    children: Sequence[str] | None = None,
) -> ValuePlan:
    """What layers hold at a place.

    Args:
        queried: in the order in which they are drawn, the topmost last; as `collections.queried` gives them.
        place: in any coordinate reference system.
        write: makes the document (`formats`).
        children: names of the only bands to report, or `band1`, `band2` ...; None: all.

    Raises:
        UnknownChild: a layer has no band of such a name.
        NoTransformation: the place cannot be on the layer.
    """
    asked = [_asked_of(each, place, children) for each in reversed(queried)]

    def describe(read: Sequence[Window]) -> Document:
        answers, start = [], 0
        for each in asked:
            answers.append(each.answer(read[start : start + len(each.refs)]))
            start += len(each.refs)
        return write(answers)

    return ValuePlan(tuple(ref for each in asked for ref in each.refs), describe)


@dataclass(frozen=True, slots=True)
class _AskedCollection:
    """A collection that is asked about."""

    whole: _Asked
    """What stands for the mosaic; nothing is read of it."""
    parts: tuple[_Asked, ...]
    """The images, the uppermost first."""
    identifiers: tuple[str, ...]
    """Of the images."""
    rule: MosaicRule

    @property
    def refs(self) -> tuple[WindowRef, ...]:
        """Of all images."""
        return tuple(ref for part in self.parts for ref in part.refs)

    def answer(self, read: Sequence[Window]) -> LayerAnswer:
        """The values that the rule makes of those of all images with data; those of the uppermost image that has data at the
        point, else of the first that has some around it, if that is the rule or all have other samples than the collection."""
        found = self._found(read)
        if not found:
            return self.whole.answer(())
        if self.rule is not MosaicRule.FIRST:
            alike = [each for each in found if each.part.samples.is_like(self.whole.samples)]
            if alike:
                return self._merged(alike)
        under = tuple(each.identifier for each in found if each.measured.has_data)
        return replace(found[0].answer, images=under)

    def _found(self, read: Sequence[Window]) -> list[_Found]:
        """Images with data at the point, and after them those with data around it."""
        found, start = [], 0
        for part, identifier in zip(self.parts, self.identifiers, strict=True):
            answer = part.answer(read[start : start + len(part.refs)])
            start += len(part.refs)
            if answer.measured is not None:
                found.append(_Found(identifier, part, answer, answer.measured))
        return sorted(found, key=lambda each: not each.measured.has_data)

    def _merged(self, found: Sequence[_Found]) -> LayerAnswer:
        under = tuple(each.identifier for each in found if each.measured.has_data)
        parts = [Part(each.measured, each.part.missing) for each in found]
        values = merged(parts, self.rule, self.whole.samples.dtype)
        return replace(found[0].answer, measured=values, images=under)


class _Found(NamedTuple):
    """An image of a collection that has data at a place."""

    identifier: str
    part: _Asked
    answer: LayerAnswer
    measured: Measured


def _asked_of(
    queried: LayerEntry | QueriedCollection, place: Place, children: Sequence[str] | None
) -> _Asked | _AskedCollection:
    if isinstance(queried, LayerEntry):
        return _asked(queried, place, children)
    whole = replace(_asked(queried.entry, place, children), spot=None, refs=())
    parts = {each.identifier: _asked(each.entry, place, None) for each in queried.images}
    names = [whole.every[index].name for index in whole.chosen]
    chosen = {identifier: part.only(names) for identifier, part in parts.items()}
    return _AskedCollection(whole, tuple(chosen.values()), tuple(chosen), queried.rule)


def _asked(queried: LayerEntry, place: Place, children: Sequence[str] | None) -> _Asked:
    layer, info, georeference = queried.layer, queried.info, queried.geo.georeference
    bands = bands_of(info, queried.geo)
    chosen = _chosen(layer, bands, children)
    spot = locate(place, georeference, shown_part(layer, georeference))
    refs = windows(image_ref(info, mask=queried.geo.mask), info, spot, layer.nodata) if spot else ()
    samples = Samples(info.samples.dtype, info.samples.bands, color_nodata(layer, info))
    return _Asked(layer, georeference.crs, bands, chosen, palette_of(info, queried.geo), spot, refs, samples)


def _chosen(layer: Layer, bands: Sequence[Band], children: Sequence[str] | None) -> tuple[int, ...]:
    """Indices of the bands that are reported, in the reverse order of the file: what is drawn last is on top."""
    every = range(len(bands))
    if children is None:
        return tuple(reversed(every))
    wanted = {_index_of(layer, bands, name) for name in children}
    return tuple(index for index in reversed(every) if index in wanted)


def _index_of(layer: Layer, bands: Sequence[Band], name: str) -> int:
    names = [band.name for band in bands]
    if name in names:
        return names.index(name)
    numbered = [f"band{index + 1}" for index in range(len(bands))]
    if name in numbered:
        return numbered.index(name)
    raise UnknownChild(
        f"{name[:100]!r} is no sub-layer of {layer.identifier!r}; it has {', '.join(names[:MAX_NAMED])}"
    )


MAX_NAMED = 20
"""Sub-layers that a message lists."""
