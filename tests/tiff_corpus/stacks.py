"""Kinds of files whose pictures are turned, or several."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from iipserve.image import ColorSpace
from tests.tiff_corpus.layout import DEFLATE, RGB, Layout, Maker, Written, scenes, span, whole
from tests.tiff_corpus.tiff_writer import ASCII, DOUBLE, SHORT, Samples, write_tiff


def upright(orientation: int) -> Maker:
    """RGB whose rows and columns are stored in another order (TIFF 6.0 page 36)."""

    def make(path: Path) -> Written:
        shown = whole(scenes(3), 8)
        stored = [TURNS[orientation](level) for level in shown]
        Layout(photometric=RGB, compression=DEFLATE, fields={274: (SHORT, [orientation])}).write(path, stored)
        return Written(shown, ColorSpace.SRGB, ranges=span(3, 0, 255))

    return make


TURNS: Mapping[int, Callable[[Samples], Samples]] = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.transpose(1, 0, 2),
    6: lambda a: a.transpose(1, 0, 2)[::-1],
    7: lambda a: a.transpose(1, 0, 2)[::-1, ::-1],
    8: lambda a: a.transpose(1, 0, 2)[:, ::-1],
}
"""By Orientation: the picture as it is to be seen -> as it is stored."""


def stack(*, flat: bool) -> Maker:
    """Three pictures of their own, each with its levels as further directories (`flat`) or as SubIFDs."""

    def make(path: Path) -> Written:
        layers, pages = [], []
        for number, name in enumerate(("450 nm", "550 nm", "650 nm")):
            levels = whole([level[:, :, number:] for level in scenes(number + 1)], 16)
            layers.append((name, levels))
            titled = {269: (ASCII, name.encode() + b"\0"), 37439: (DOUBLE, [0.5 + number])}
            layout = Layout(16, compression=DEFLATE, fields=titled)
            if flat:
                pages += [layout.page(level, kind=1 if at else 2) for at, level in enumerate(levels)]
            else:
                reduced = [layout.page(level, kind=1) for level in levels[1:]]
                pages.append(layout.page(levels[0], kind=2, reduced=reduced))
        write_tiff(path, pages)
        return Written(layers[0][1], bits=16, ranges=span(1, 0, 65535), layers=layers)

    return make


def pages(path: Path) -> Written:
    """Pictures of one size without smaller ones, names, or any mark."""
    stored = whole(scenes(4)[:1], 8)[0]
    layers = [(f"layer{number}", [stored[:, :, number : number + 1]]) for number in range(4)]
    write_tiff(path, [Layout(compression=DEFLATE).page(levels[0]) for _, levels in layers])
    return Written(layers[0][1], ranges=span(1, 0, 255), layers=layers)


def ome(path: Path) -> Written:
    """OME-TIFF of two channels in two depths, each plane with its smaller levels as SubIFDs."""
    planes = whole(scenes(4), 16)
    names = ("DAPI z0", "DAPI z1", "Cy 5 z0", "Cy 5 z1")
    layers = [(name, [level[:, :, at : at + 1] for level in planes]) for at, name in enumerate(names)]
    xml = f"""<?xml version="1.0" encoding="UTF-8"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">
      <Image ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="XYZCT" Type="uint16" SizeX="600" SizeY="450"
      SizeC="2" SizeZ="2" SizeT="1"><Channel ID="Channel:0:0" Name="DAPI" SamplesPerPixel="1"/>
      <Channel ID="Channel:0:1" Name="Cy 5" SamplesPerPixel="1"/>{tiff_data()}</Pixels></Image></OME>"""
    directories = []
    for number, (_, levels) in enumerate(layers):
        fields = {270: (ASCII, xml.encode() + b"\0")} if number == 0 else {}
        layout = Layout(16, compression=DEFLATE, fields=fields)
        reduced = [Layout(16, compression=DEFLATE).page(level, kind=1) for level in levels[1:]]
        directories.append(layout.page(levels[0], reduced=reduced))
    write_tiff(path, directories)
    return Written(layers[0][1], bits=16, ranges=span(1, 0, 65535), layers=layers)


def tiff_data() -> str:
    """Where the four planes are."""
    return "".join(
        f'<TiffData FirstC="{at // 2}" FirstZ="{at % 2}" FirstT="0" IFD="{at}" PlaneCount="1"/>'
        for at in range(4)
    )
