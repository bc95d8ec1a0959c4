"""Rendering rules of SuperMap's image services (`ImageRenderingRule` of its client, npm `@supermap/iclient-common`) as styles
of layers."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from iipserve.errors import ConfigError, InvalidRequest
from iipserve.geo.layer import Layer, Style
from iipserve.geo.service.styles import style
from iipserve.processing import Operation, pipeline
from iipserve.processing.colormap import Colormap
from iipserve.processing.stretching import Ends, GaussianStretch, StatisticsStretch
from iipserve.processing.terrain import Terrain, TerrainFunction
from iipserve.processing.tone import Brightness, SampleRange
from iipserve.processing.value_colormap import AS_STORED, Between, ValueColormap

STYLE = "default"
STRETCHES: Mapping[str, Ends | None] = MappingProxyType(
    {
        "NONE": None,
        "MINIMUMMAXIMUM": Ends.EXTREMES,
        "STANDARDDEVIATION": Ends.DEVIATION,
        "PERCENTCLIP": Ends.PERCENT,
    }
)
"""Types of stretching that are ranges of samples."""
GAUSSIAN = "GAUSSIAN"
USUAL_DEVIATIONS = 2.0
"""Standard deviations on either side of the mean, unless stated."""
USUAL_GAUSSIAN = 3.0
"""The same of a normal distribution, as `gaussstretch` of the USGS's ISIS has it."""
INTERPOLATIONS = MappingProxyType(
    {"NEARESTNEIGHBOR": "nearest", "HIGHQUALITYBILINEAR": "bilinear", "DEFAULT": ""}
)
FUNCTIONS: Mapping[str, TerrainFunction | None] = MappingProxyType(
    {
        "GFHILLSHADE": TerrainFunction.HILLSHADE,
        "GFSLOPE": TerrainFunction.SLOPE,
        "GFASPECT": TerrainFunction.ASPECT,
        "GFORTHO": None,
    }
)
"""Functions of heights. `GFOrtho` has no parameters, and no published formula for its light and colors."""
FUNCTION_NAMES = ("girdFuncName", "gridFuncName")
"""Members that name a function: the client's own spelling, and what it means."""


class Missing(NamedTuple):
    """Members that say which samples are missing, and what shows there."""

    value: str
    color: str
    transparent: str


MISSING = (
    Missing("noData", "noDataColor", "noDataTransparent"),
    Missing("backgroundValue", "backgroundColor", "backgroundTransparent"),
)
MAX_LENGTH, MAX_COLORS, MAX_BANDS = 20_000, 1000, 65_535


@dataclass(frozen=True, slots=True)
class RenderingRule:
    """How a layer is shown instead of as it usually is."""

    style: Style
    resampling: str = ""
    """Empty: that of the layer."""
    nodata: tuple[float, ...] | None = None
    """None: that of the images."""
    background: tuple[int, int, int] | None = None
    """Shown where no image has data; None: nothing is."""

    def applied(self, layer: Layer) -> Layer:
        """The layer, shown by the rule."""
        nodata = layer.nodata if self.nodata is None else self.nodata
        return replace(
            layer, styles=(self.style,), resampling=self.resampling or layer.resampling, nodata=nodata
        )


def rendering_rule(text: str) -> RenderingRule:
    """Read the parameter `renderingRule`.

    Raises:
        InvalidRequest: it is none, or asks for what is not offered.
    """
    rule = _parsed(text)
    keys = _bands(rule) | _tone(rule)
    stretch, resampling = _stretch(rule), _choice(rule, "interpolationMode", INTERPOLATIONS, "DEFAULT")
    if terrain := _terrain(rule, keys.pop("bands", None) if rule.get("gridFunctions") else None):
        if stretch:
            raise InvalidRequest(
                "stretchOption of renderingRule is for samples, and gridFunctions have ranges of their own; leave one out"
            )
        stretch = (terrain, SampleRange(((None, *terrain.function.range),)))
        # the mean of two directions is none
        resampling = "mode" if terrain.function is TerrainFunction.ASPECT else resampling
    try:
        operations = style({"name": STYLE, **keys}, "").operations
    except ConfigError as error:
        raise InvalidRequest(f"renderingRule: {error}") from error
    operations = (*operations, *stretch, *_brightness(rule), *_colors(rule))
    return RenderingRule(
        Style(STYLE, operations=pipeline.ordered(operations)),
        resampling,
        _nodata(rule),
        _background(rule),
    )


def _parsed(text: str) -> dict[str, Any]:
    if len(text) > MAX_LENGTH:
        raise InvalidRequest(f"renderingRule has more than {MAX_LENGTH} characters")
    try:
        rule = json.loads(text)
    except (ValueError, RecursionError):
        raise InvalidRequest("renderingRule is not JSON") from None
    if not isinstance(rule, dict):
        raise InvalidRequest("renderingRule is not an object")
    return rule


def _choice(rule: Mapping[str, Any], name: str, known: Mapping[str, Any], usual: str) -> Any:
    stated = rule.get(name) or usual
    if not isinstance(stated, str) or stated.upper() not in known:
        raise InvalidRequest(f"{name} of renderingRule is {stated!r:.80}; {', '.join(known)} are offered")
    return known[stated.upper()]


def _bands(rule: Mapping[str, Any]) -> dict[str, Any]:
    """Bands from 0, as a list or as a text with commas."""
    _choice(rule, "displayMode", {"COMPOSITE": 3, "STRETCHED": 1}, "COMPOSITE")
    stated = rule.get("displayBands")
    if stated in (None, "", []):
        return {}
    parts = stated if isinstance(stated, list) else str(stated).split(",")
    bands = tuple(_whole(part, "displayBands") + 1 for part in parts)
    if len(bands) not in (1, 3) or not all(1 <= band <= MAX_BANDS for band in bands):
        raise InvalidRequest(
            f"displayBands of renderingRule is {stated!r:.80}; 1 or 3 numbers from 0 are needed"
        )
    return {"bands": bands}


def _terrain(rule: Mapping[str, Any], bands: Sequence[int] | None) -> Terrain | None:
    """The function of heights, of a band from 1."""
    stated = rule.get("gridFunctions")
    if not stated:
        return None
    functions = stated if isinstance(stated, list) else [stated]
    if len(functions) != 1 or not isinstance(functions[0], dict):
        raise InvalidRequest(
            "gridFunctions of renderingRule is not an array of one object such as "
            '{"girdFuncName": "GFHillShade", "Azimuth": 315, "Altitude": 45, "ZFactor": 1}'
        )
    if bands is not None and len(bands) != 1:
        raise InvalidRequest("gridFunctions of renderingRule needs one band of heights in displayBands")
    (values,) = functions
    name = next((key for key in FUNCTION_NAMES if key in values), FUNCTION_NAMES[0])
    function: TerrainFunction | None = _choice(values, name, FUNCTIONS, "none")
    if function is None:
        raise InvalidRequest(
            "GFOrtho of gridFunctions is not offered, since no light and colors are published for it; "
            "GFHillShade with an Altitude of 90 has the light above"
        )
    factor = _number(values.get("ZFactor", 1), "ZFactor", 1e-6, 1e6)
    azimuth = _number(values.get("Azimuth", 315), "Azimuth", 0, 360)
    altitude = _number(values.get("Altitude", 45), "Altitude", 0, 90)
    band = bands[0] - 1 if bands else 0
    if function is not TerrainFunction.HILLSHADE:  # the client sends the light with all of them
        return Terrain(function, band, factor)
    return Terrain(function, band, factor, azimuth, altitude)


def _stretch(rule: Mapping[str, Any]) -> tuple[Operation, ...]:
    """What samples become by statistics."""
    option = rule.get("stretchOption")
    if option is None:
        return ()
    if not isinstance(option, dict):
        raise InvalidRequest("stretchOption of renderingRule is not an object")
    ends: Ends | str | None = _choice(option, "stretchType", {**STRETCHES, GAUSSIAN: GAUSSIAN}, "NONE")
    if ends == GAUSSIAN:
        stated = option.get("gaussianCoefficient")
        count = USUAL_GAUSSIAN if stated is None else _number(stated, "gaussianCoefficient", 1e-3, 1000)
        around_median = _flag(option, "useMedianValue") or False
        return StatisticsStretch(Ends.EXTREMES), GaussianStretch(count, around_median)
    assert not isinstance(ends, str)
    if ends is Ends.DEVIATION:
        stated = option.get("stdevCoefficient")
        count = USUAL_DEVIATIONS if stated is None else _number(stated, "stdevCoefficient", 1e-3, 1000)
        return (StatisticsStretch(ends, count, count),)
    if ends is Ends.PERCENT:
        low, high = (_number(option.get(name) or 0, name, 0, 99.999) for name in ("minPercent", "maxPercent"))
        if low + high >= 100:
            raise InvalidRequest("minPercent and maxPercent of renderingRule leave no samples")
        return (StatisticsStretch(ends, low, high),)
    return () if ends is None else (StatisticsStretch(ends),)


def _brightness(rule: Mapping[str, Any]) -> tuple[Operation, ...]:
    stated = rule.get("brightness")
    return (Brightness(_number(stated, "brightness", -100, 100) / 100),) if stated else ()


def _tone(rule: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if (gamma := rule.get("gamma")) is not None and gamma != 1:
        found["gamma"] = 1 / _number(gamma, "gamma", 1e-6, 10)
    if contrast := rule.get("contrast"):
        found["contrast"] = 1 + _number(contrast, "contrast", -100, 100) / 100
    return found


def _colors(rule: Mapping[str, Any]) -> tuple[Operation, ...]:
    """What gives values colors: a table of them, or colors from black to white."""
    table, scheme = _texts(rule, "colorTable"), _texts(rule, "colorScheme")
    if table:
        entries = sorted((_entry(text) for text in table), key=lambda entry: entry[0])
        quantities = tuple(quantity for quantity, _ in entries)
        return AS_STORED, ValueColormap(Between.RAMP, quantities, tuple(color for _, color in entries))
    if scheme:
        return (Colormap("colorscheme", _ramp([_color(text) for text in scheme])),)
    return ()


def _texts(rule: Mapping[str, Any], name: str) -> list[str]:
    stated = rule.get(name)
    if stated is None:
        return []
    texts = stated if isinstance(stated, list) else []
    if len(texts) > MAX_COLORS or not texts or not all(isinstance(text, str) for text in texts):
        raise InvalidRequest(f"{name} of renderingRule is not an array of 1 to {MAX_COLORS} texts")
    return texts


def _entry(text: str) -> tuple[float, tuple[int, int, int, int]]:
    value, _, color = text.partition(":")
    return _number(value, "colorTable", -1e30, 1e30), _color(color)


def _color(text: str) -> tuple[int, int, int, int]:
    parts = [_whole(part, "a color") for part in text.split(",")]
    if len(parts) not in (3, 4) or not all(0 <= part <= 255 for part in parts):
        raise InvalidRequest(f"a color of renderingRule is {text!r:.80}; 3 or 4 numbers up to 255 are needed")
    red, green, blue, *opacity = parts
    return red, green, blue, opacity[0] if opacity else 255


def _ramp(colors: Sequence[tuple[int, int, int, int]]) -> bytes:
    """256 colors, evenly from the first to the last."""
    places = np.linspace(0, 1, len(colors)) if len(colors) > 1 else np.zeros(1)
    channels = [np.interp(np.linspace(0, 1, 256), places, [color[n] for color in colors]) for n in range(3)]
    return np.rint(np.stack(channels, axis=1)).astype(np.uint8).tobytes()


def _nodata(rule: Mapping[str, Any]) -> tuple[float, ...] | None:
    """Samples that count as missing, unless they are to be seen as they are: those without data, else those of the background."""
    found = (values for kind in MISSING if (values := _missing(rule, kind)) is not None)
    return next(found, None)


def _missing(rule: Mapping[str, Any], kind: Missing) -> tuple[float, ...] | None:
    stated = rule.get(kind.value)
    is_seen = _flag(rule, kind.transparent) is False and _color_of(rule, kind) is None
    if stated in (None, "") or is_seen:
        return None
    parts = stated if isinstance(stated, list) else str(stated).split(",")
    return tuple(_number(part, kind.value, -1e308, 1e308) for part in parts[:MAX_COLORS])


def _background(rule: Mapping[str, Any]) -> tuple[int, int, int] | None:
    """The color of what has no data, unless that is to be clear."""
    found = {color for kind in MISSING if (color := _color_of(rule, kind)) is not None}
    if len(found) > 1:
        raise InvalidRequest(
            "noDataColor and backgroundColor of renderingRule are different; one color can show where no image has data"
        )
    return found.pop() if found else None


def _color_of(rule: Mapping[str, Any], kind: Missing) -> tuple[int, int, int] | None:
    stated = rule.get(kind.color)
    if stated in (None, "", []) or _flag(rule, kind.transparent) is True:
        return None
    if not isinstance(stated, str):
        raise InvalidRequest(
            f"{kind.color} of renderingRule is {stated!r:.80}; a text such as 255,0,0 is needed"
        )
    return _color(stated)[:3]


def _flag(rule: Mapping[str, Any], name: str) -> bool | None:
    stated = rule.get(name)
    if stated is not None and not isinstance(stated, bool):
        raise InvalidRequest(f"{name} of renderingRule is {stated!r:.80}; true or false is needed")
    return stated


def _number(value: Any, name: str, minimum: float, maximum: float) -> float:
    try:
        number = float(value) if isinstance(value, int | float | str) and "_" not in str(value) else math.nan
    except (ValueError, OverflowError):
        number = math.nan
    if not minimum <= number <= maximum:
        raise InvalidRequest(
            f"{name} of renderingRule has {value!r:.80}; numbers from {minimum:g} to {maximum:g} are read"
        )
    return number


def _whole(value: Any, name: str) -> int:
    number = _number(value, name, -1e6, 1e6)
    if number != int(number):
        raise InvalidRequest(f"{name} of renderingRule has {value!r:.80}; a whole number is needed")
    return int(number)
