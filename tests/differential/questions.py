"""The requests both servers are asked: every command that iipsrv 1.1 knows, on every kind of image."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

from tests.differential.pictures import PICTURES, SIZE, file_name

JPEG_OF_ALL = "QLT=100&"
"""Both encoders at their best, so that they differ by little."""


@dataclass(frozen=True, slots=True)
class Question:
    """One request."""

    image: str
    """As in `PICTURES`."""
    query: str
    """The query string, the same for both servers."""
    operations: tuple[str, ...] = ()
    """What is done to the pixels, as in `tolerances.TOLERANCES`; empty for text."""

    def __str__(self) -> str:
        return self.query


FORMULAS = {
    "GAM=0.5": "gamma", "GAM=2.2": "gamma", "CNT=1.5": "contrast", "CNT=0.6": "contrast", "CNT=0": "contrast",
    "INV": "invert", "inv=1": "invert",
    "CMP=HOT": "colormap", "CMP=cold": "colormap", "CMP=JET": "colormap", "CMP=RED": "colormap",
    "CMP=green": "colormap", "CMP=BLUE": "colormap", "CMP=nothing": "plain",
    "CTW=[0,0,1;0,1,0;1,0,0]": "twist", "CTW=[0.3,0.3,0.4]": "twist", "CTW=%5B0.5,0.5;0,1;1%5D": "twist",
    "COL=gray": "gray", "COL=grey": "gray", "COL=binary": "binary",
    "CNT=eq": "equalize", "CNT=st": "stretch",
    "ROT=90": "rotate", "ROT=180": "rotate", "ROT=270": "rotate", "ROT=450": "rotate", "ROT=!0": "rotate",
    "ROT=!90": "rotate", "ROT=!180": "rotate", "ROT=0": "plain",
    "MINMAX=1:40,200": "range",
    "SHD=45,30": "shade", "SHD=200,60": "shade",
}  # fmt: skip
"""Modifiers and the operation whose tolerance counts."""
NORMAL_MAPS = ("normals", "normals16")
TILES = ("0,0", "1,0", "1,1", "2,0", "2,1", "2,5")
EXPORTS = (
    "WID=200", "HEI=100", "WID=120&HEI=300", "WID=300&HEI=90", "RGN=0.25,0.25,0.5,0.5&WID=150",
    "RGN=0.1,0.6,0.3,0.9&HEI=77", "RGN=.5,.5,.25,.25", "RGN=0,0,1,1&WID=601", "WID=10000", "HEI=1",
)  # fmt: skip
IIIF_PARAMETERS = (
    "full/full/0/default", "full/200,/0/default", "full/,100/0/native", "full/150,200/0/default",
    "full/pct:25/0/default", "square/100,/0/default", "100,50,200,150/full/0/default",
    "0,0,256,256/256,/0/default", "256,256,256,204/full/0/default", "0,0,512,460/256,/0/default",
    "pct:10,20,30,40/full/0/default", "500,400,300,300/full/0/default",
    "full/200,/90/default", "full/200,/180/default", "full/200,/270/default", "full/200,/!0/default",
    "full/200,/!90/default", "full/200,/0/gray", "full/200,/0/bitonal", "full/200,/0/color",
    "full/200,/45/default", "full/0,/0/default", "700,0,10,10/full/0/default", "full/full/0/nothing",
    "full/full/0/default.gif", "full/full", "1,2,3/full/0/default", "full/full/x/default",
)  # fmt: skip
PROCESSED = (
    "gray8", "rgb_deflate", "rgb_jpeg", "gray16", "rgb16", "gray32", "float_declared", "lab8", "normals", "normals16",
    "bilevel", "jp2_rgb", "jp2_gray16",
)  # fmt: skip
"""Images that are asked for with every operation; others, of which only the file differs, with some."""
FEW = ("GAM=0.5", "INV", "CTW=[0,0,1;0,1,0;1,0,0]", "ROT=90")
IMAGE_OBJECTS = (
    "Basic-Info",
    "Tile-size",
    "Resolutions",
    "Bits-per-channel",
    "Min-Max-sample-values",
    "Horizontal-views",
)
QUALITIES = {"gray": "gray", "bitonal": "binary"}
"""Of IIIF, and the operation they come to."""
OBJECTS = (
    "IIP,1.0", "Basic-Info", "Max-size", "max-SIZE", "Tile-size", "Resolution-number", "Resolutions",
    "Bits-per-channel", "Min-Max-sample-values", "Colorspace,0-2,0", "Horizontal-views", "Vertical-views",
    "IIP-server", "IIP-opt-comm", "IIP-opt-obj", "nothing",
)  # fmt: skip
FAULTS = (
    "FIF={file}", "FIF={file}&FOO=2", "FIF={file}&FOO", "FIF=nope.tif&JTL=0,0", "FIF=nope.tif&OBJ=Max-size",
    "FIF={file}&JTL=9,0", "FIF={file}&JTL=1,99", "FIF={file}&JTL=-1,0", "FIF={file}&JTL=1,-1",
    "FIF={file}&JTL=x", "FIF={file}&JTL=1", "OBJ=Max-size", "OBJ=IIP,1.0", "JTL=0,0", "WID=100&CVT=jpeg",
    "FIF={file}&JTL=", "FIF={file}&WID=100&CVT=", "FIF={file}&WID=100&CVT", "FIF={file}&WID=100&CVT=gif",
    "FIF={file}&FIF={file}&JTL=0,0", "&&FIF={file}&&JTL=0,0&", "fif={file}&jtl=0,0", "FIF=%67ray8.tif&JTL=0,0",
    "FIF=../gray8.tif&JTL=0,0", "FIF=....//gray8.tif&JTL=0,0", "FIF={file}&RGN=0.1&WID=50&CVT=jpeg",
    "FIF={file}&RGN=2,2,1,1&WID=50&CVT=jpeg", "FIF={file}&WID=-5&CVT=jpeg", "FIF={file}&QLT=x&JTL=0,0",
    "FIF={file}&GAM=x&JTL=0,0", "FIF={file}&ROT=45&JTL=0,0", "FIF={file}&JTLS=0,1,0,90",
    "FIF={file}&JTLS=0,1&WID=9", "FIF={file}&COL=nothing&JTL=0,0", "FIF={file}&ICC=1&JTL=0,0",
    "IIIF=nope.tif/info.json", "IIIF={file}/nothing.json", "DeepZoom=nope.tif.dzi",
    "Zoomify=nope.tif/ImageProperties.xml",
)  # fmt: skip


def questions() -> list[Question]:
    """All requests; each once, in the same order at every call."""
    found = [question for image in PICTURES for question in _of_image(image)]
    found += _of_server()
    found += _combinations(random.Random(11), 150)
    return list(dict.fromkeys(found))


def _of_image(image: str) -> Iterator[Question]:
    fif = f"FIF={file_name(image)}&"
    for tile in TILES:
        yield Question(image, f"{fif}{JPEG_OF_ALL}JTL={tile}", ("plain",))
    for modifier, operation in FORMULAS.items():
        if (operation != "shade" or image in NORMAL_MAPS) and (image in PROCESSED or modifier in FEW):
            yield Question(image, f"{fif}{JPEG_OF_ALL}{modifier}&JTL=1,0", (operation,))
    for export in EXPORTS[:: 1 if image in ("gray8", "rgb_odd", "rgb16") else 3]:
        yield Question(image, f"{fif}{JPEG_OF_ALL}{export}&CVT=jpeg", ("scale",))
    for name in OBJECTS if image == "gray8" else IMAGE_OBJECTS:
        yield Question(image, f"{fif}OBJ={name}")
    for points in ("1:10,10", "1:10,10-20,10", "2:3,30-3,39", "0:100,60"):
        yield Question(image, f"{fif}PFL={points}")
    yield Question(image, f"{fif}SPECTRA=1,0,9,4")
    yield from _of_other_protocols(image)


def _of_other_protocols(image: str) -> Iterator[Question]:
    file = file_name(image)
    for parameters in IIIF_PARAMETERS[:: 1 if image in ("rgb_odd", "gray16") else 9]:
        ending = "" if "." in parameters.rpartition("/")[2] else ".jpg"
        operations = tuple(name for ending, name in QUALITIES.items() if parameters.endswith(ending))
        yield Question(image, f"{JPEG_OF_ALL}IIIF={file}/{parameters}{ending}", ("scale", *operations))
    yield Question(image, f"IIIF={file}/info.json")
    yield Question(image, f"DeepZoom={file}.dzi")
    for tile in ("9/0_0", "9/1_0", "10/2_1"):
        yield Question(image, f"{JPEG_OF_ALL}DeepZoom={file}_files/{tile}.jpg", ("plain",))
    yield Question(image, f"{JPEG_OF_ALL}GAM=0.5&DeepZoom={file}_files/9/0_0.jpg", ("gamma",))
    yield Question(image, f"Zoomify={file}/ImageProperties.xml")
    for tile in ("0-0-0", "1-1-0", "2-2-1"):
        yield Question(image, f"{JPEG_OF_ALL}Zoomify={file}/TileGroup0/{tile}.jpg", ("plain",))


def _of_server() -> Iterator[Question]:
    for fault in FAULTS:
        yield Question("gray8", fault.format(file=file_name("gray8")), ("scale", "default quality"))
    for name in OBJECTS:
        yield Question("gray8", f"OBJ={name}")
    yield Question("gray8", f"FIF={file_name('gray8')}&OBJ=IIP,1.0&OBJ=Max-size&OBJ=Tile-size")
    for turn in ("90", "180", "270", "!90", "450"):
        yield Question("gray8", f"FIF={file_name('gray8')}&ROT={turn}&OBJ=Max-size")
    for view in ("0,90", "30,90", "90,90", "0,60", "40,90", "30", "30,60"):
        yield Question("sequence", f"FIF=sequence&SDS={view}&{JPEG_OF_ALL}JTL=1,0", ("plain",))
        yield Question("sequence", f"FIF=sequence&SDS={view}&OBJ=Max-size")
    for arguments in ("30,1,0,90", "90,2,1,90", "0,1,0,60"):
        yield Question("sequence", f"FIF=sequence&{JPEG_OF_ALL}JTLS={arguments}", ("plain",))


def _combinations(chance: random.Random, number: int) -> Iterator[Question]:
    """Several modifiers in any order, on images of usual kinds, for a tile or an export."""
    images = (
        "gray8",
        "rgb_deflate",
        "rgb_jpeg",
        "rgb_odd",
        "gray16",
        "rgb16",
        "float_declared",
        "jp2_rgb",
        "lab8",
    )
    usable = [item for item in FORMULAS.items() if item[1] not in ("shade", "range")]
    for _ in range(number):
        image = chance.choice(images)
        chosen = _one_of_each(chance.sample(usable, chance.randint(2, 4)))
        output, operation = _output(chance)
        modifiers = "&".join(modifier for modifier, _ in chosen)
        yield Question(
            image,
            f"FIF={file_name(image)}&{JPEG_OF_ALL}{modifiers}&{output}",
            (operation, *(operation for _, operation in chosen)),
        )


def _one_of_each(modifiers: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """The modifiers without a second one of the same command."""
    by_command = {
        modifier.partition("=")[0].lower(): (modifier, operation) for modifier, operation in modifiers
    }
    return list(by_command.values())


def _output(chance: random.Random) -> tuple[str, str]:
    if chance.random() < 0.6:
        return f"JTL={chance.choice(('0,0', '1,0', '1,1', '2,0', '2,4'))}", "plain"
    x, y, width, height = (
        chance.uniform(0, 0.5),
        chance.uniform(0, 0.5),
        chance.uniform(0.2, 0.5),
        chance.uniform(0.2, 0.5),
    )
    region = f"RGN={x:.3f},{y:.3f},{width:.3f},{height:.3f}&" if chance.random() < 0.5 else ""
    return f"{region}WID={chance.randint(160, SIZE[0])}&CVT=jpeg", "scale"
