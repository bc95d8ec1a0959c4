"""Documents for tests of SLD."""

from __future__ import annotations

SLD = "http://www.opengis.net/sld"
SE = "http://www.opengis.net/se"


def document(symbolizer: str, *, version: str = "1.0.0", rule: str = "", layer: str = "utm") -> bytes:
    """A document of one layer and one style with a RasterSymbolizer; `rule` stands before it in its rule."""
    namespace = SLD if version == "1.0.0" else SE
    kind = "FeatureTypeStyle" if version == "1.0.0" else "CoverageStyle"
    return (
        f'<s:StyledLayerDescriptor version="{version}" xmlns:s="{SLD}" xmlns="{namespace}">'
        f"<s:NamedLayer><Name>{layer}</Name><s:UserStyle><Name>own</Name><s:IsDefault>1</s:IsDefault>"
        f"<{kind}><Rule>{rule}<RasterSymbolizer>{symbolizer}</RasterSymbolizer></Rule></{kind}>"
        "</s:UserStyle></s:NamedLayer></s:StyledLayerDescriptor>"
    ).encode()


def color_map(*entries: tuple[float, str], type: str = "ramp", opacity: str = "") -> str:
    """A ColorMap of SLD 1.0.0."""
    part = f' opacity="{opacity}"' if opacity else ""
    inside = "".join(f'<ColorMapEntry color="{color}" quantity="{value}"{part}/>' for value, color in entries)
    return f'<ColorMap type="{type}">{inside}</ColorMap>'


def gray(band: str | int, enhancement: str = "") -> str:
    """A ChannelSelection of one band."""
    return (
        f"<ChannelSelection><GrayChannel><SourceChannelName>{band}</SourceChannelName>{enhancement}"
        "</GrayChannel></ChannelSelection>"
    )


def rgb(*bands: str | int, enhancements: tuple[str, str, str] = ("", "", "")) -> str:
    """A ChannelSelection of three bands."""
    return (
        "<ChannelSelection>"
        + "".join(
            f"<{name}Channel><SourceChannelName>{band}</SourceChannelName>{each}</{name}Channel>"
            for name, band, each in zip(("Red", "Green", "Blue"), bands, enhancements, strict=True)
        )
        + "</ChannelSelection>"
    )


def enhanced(inside: str) -> str:
    """A ContrastEnhancement."""
    return f"<ContrastEnhancement>{inside}</ContrastEnhancement>"
