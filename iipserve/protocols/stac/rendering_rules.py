"""Rendering rules of SuperMap's image services (`ImageRenderingRule` of its client) as styles of layers."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import numpy as np

from iipserve.errors import ConfigError, InvalidRequest
from iipserve.geo.layer import Layer, Style
from iipserve.geo.service.styles import style
from iipserve.processing import Operation, pipeline
from iipserve.processing.colormap import Colormap
from iipserve.processing.stretching import Ends, StatisticsStretch
from iipserve.processing.tone import Brightness
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
"""Types of stretching; that to a normal distribution (GAUSSIAN) is not offered."""
USUAL_DEVIATIONS = 2.0
"""Standard deviations on either side of the mean, unless stated."""
INTERPOLATIONS = MappingProxyType(
    {"NEARESTNEIGHBOR": "nearest", "HIGHQUALITYBILINEAR": "bilinear", "DEFAULT": ""}
)
NOT_OFFERED = ("backgroundColor", "gridFunctions")
"""Members that would change the picture in a way that there is no operation for: functions of heights need the size of pixels."""
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
    for name in NOT_OFFERED:
        if rule.get(name) not in (None, "", 0, [], False):
            raise InvalidRequest(f"{name} of renderingRule is not offered; leave it out")
    keys = _bands(rule) | _tone(rule)
    try:
        operations = style({"name": STYLE, **keys}, "").operations
    except ConfigError as error:
        raise InvalidRequest(f"renderingRule: {error}") from error
    operations = (*operations, *_stretch(rule.get("stretchOption")), *_brightness(rule), *_colors(rule))
    return RenderingRule(
        Style(STYLE, operations=pipeline.ordered(operations)),
        _choice(rule, "interpolationMode", INTERPOLATIONS, "DEFAULT"),
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


def _stretch(option: Any) -> tuple[Operation, ...]:
    """The range of samples, by statistics."""
    if option is None:
        return ()
    if not isinstance(option, dict):
        raise InvalidRequest("stretchOption of renderingRule is not an object")
    ends: Ends | None = _choice(option, "stretchType", STRETCHES, "NONE")
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
    """Samples that count as missing: those without data, unless they are to be seen, and those of the background."""
    has_color = _background(rule) is not None
    for value, clear in (("noData", "noDataTransparent"), ("backgroundValue", "backgroundTransparent")):
        stated = rule.get(value)
        is_missing = rule.get(clear) is not False or (has_color and value == "noData")
        if stated not in (None, "") and is_missing:
            parts = stated if isinstance(stated, list) else str(stated).split(",")
            return tuple(_number(part, value, -1e308, 1e308) for part in parts[:MAX_COLORS])
    return None


def _background(rule: Mapping[str, Any]) -> tuple[int, int, int] | None:
    """The color of what has no data, unless that is to be clear."""
    stated = rule.get("noDataColor")
    if stated in (None, "", []) or rule.get("noDataTransparent") is True:
        return None
    if not isinstance(stated, str):
        raise InvalidRequest(
            f"noDataColor of renderingRule is {stated!r:.80}; a text such as 255,0,0 is needed"
        )
    return _color(stated)[:3]


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
