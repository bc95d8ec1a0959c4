"""The requests both servers are asked: every command that iipsrv 1.1 knows, on every kind of image."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

from tests.differential.pictures import PICTURES, SIZE, file_name

BEST = "QLT=100&"
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
DEEP = ("gray16", "rgb16", "gray32", "float_declared", "normals16", "jp2_gray16", "lab8")
"""Images that iipsrv decodes to samples of more than 8 bits."""
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
    "full/full/0/default.gif", "full/full", "1,2,3/full/0/default",
    "pct:50,50,50,50/60,/0/default", "full/full/x/default",
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
    "FIF={file}&FIF={file}&JTL=0,0", "FIF={file}&FIF=nope.tif&JTL=0,0", "FIF={file}&FIF=rgb_deflate.tif&JTL=0,0", "&&FIF={file}&&JTL=0,0&", "fif={file}&jtl=0,0", "FIF=%67ray8.tif&JTL=0,0",
    "FIF=../gray8.tif&JTL=0,0", "FIF=....//gray8.tif&JTL=0,0", "FIF={file}&RGN=0.1&WID=50&CVT=jpeg",
    "FIF={file}&WID=-5&CVT=jpeg",
    "FIF={file}&GAM=x&JTL=0,0", "FIF={file}&ROT=45&JTL=0,0", "FIF={file}&JTLS=0,1,0,90",
    "FIF={file}&JTLS=0,1&WID=9", "FIF={file}&COL=nothing&JTL=0,0", "FIF={file}&ICC=1&JTL=0,0",
    "IIIF=nope.tif/info.json", "IIIF={file}/nothing.json", "DeepZoom=nope.tif.dzi",
    "Zoomify=nope.tif/ImageProperties.xml",
)  # fmt: skip


STEPS = ("steps8", "steps16", "steps_float", "steps_rgb", "steps_rgb16")
FURTHER_STEPS = (
    "GAM=1.3", "GAM=0.1", "CNT=1.1", "CNT=0.333", "CNT=3", "INV&GAM=2.2", "GAM=0.45&INV", "CMP=HOT&INV", "CMP=JET&GAM=0.7",
    "CTW=[1.7]&COL=gray", "CTW=[0.2,0.7,0.1;0.5,0.5;1,-1,0.4]&GAM=0.8",
)  # fmt: skip
"""What is compared to the last digit beside `FORMULAS`."""


def questions() -> list[Question]:
    """All requests; each once, in the same order at every call."""
    found = [question for image in PICTURES if image not in STEPS for question in _of_image(image)]
    found += [question for image in STEPS for question in _exact(image)]
    found += _of_server()
    found += _combinations(random.Random(11), 150)
    return list(dict.fromkeys(found))


def _operations(image: str, *operations: str) -> tuple[str, ...]:
    """The operations, with what else counts for an image."""
    if image == "bilevel":
        return (*operations, "edges")
    if image in ("gray16", "rgb16", "normals16", "jp2_gray16") and operations[:1] == ("scale",):
        return (*operations, "deep")
    if image == "lab8" and not {"plain", "rotate", "scale"}.issuperset(operations):
        return (*operations, "lab colormap" if "colormap" in operations else "lab")
    return operations


def _modifiers(image: str) -> Iterator[tuple[str, str]]:
    """What an image is asked for with, and the operation that is."""
    for modifier, operation in FORMULAS.items():
        if operation == "shade" and image not in NORMAL_MAPS:
            continue
        # of 8 bits alone, iipsrv 1.1 takes the JPEG file for pixels, and now and then ends with that
        if operation == "binary" and image not in DEEP:
            continue
        if image in PROCESSED or modifier in FEW:
            yield modifier, operation


def _of_image(image: str) -> Iterator[Question]:
    fif = f"FIF={file_name(image)}&"
    for tile in TILES:
        yield Question(image, f"{fif}{BEST}JTL={tile}", _operations(image, "plain"))
    for modifier, operation in _modifiers(image):
        yield Question(image, f"{fif}{BEST}{modifier}&JTL=1,0", _operations(image, operation))
    for name in OBJECTS if image == "gray8" else IMAGE_OBJECTS:
        yield Question(image, f"{fif}OBJ={name}")
    for points in ("1:10,10", "1:10,10-20,10", "2:3,30-3,39", "0:100,60"):
        yield Question(image, f"{fif}PFL={points}")
    yield Question(image, f"{fif}SPECTRA=1,0,9,4")
    yield from _of_other_protocols(image)
    if image != "bilevel":  # scaling is another there, which hard edges show
        yield from _scaled(image)


def _exact(image: str) -> Iterator[Question]:
    """Operations on blocks of one color each."""
    chosen = [
        modifier for modifier, name in FORMULAS.items() if name not in ("binary", "shade") or image in DEEP
    ]
    if image in ("steps_rgb", "steps_rgb16"):
        chosen += [modifier for modifier, name in FORMULAS.items() if name == "shade"]
    for modifier in (*chosen, *FURTHER_STEPS):
        yield Question(image, f"FIF={file_name(image)}&{BEST}{modifier}&JTL=0,0", ("exact",))


def _scaled(image: str) -> Iterator[Question]:
    file, every = file_name(image), image in ("gray8", "rgb_odd", "gray16")
    for export in EXPORTS[:: 1 if every else 3]:
        yield Question(image, f"FIF={file}&{BEST}{export}&CVT=jpeg", _operations(image, "scale"))
    for parameters in IIIF_PARAMETERS[:: 1 if every else 9]:
        if parameters.endswith("bitonal") and image in ("rgb_one_tile", "lab8", "miniswhite"):
            continue
        operations = [name for quality, name in QUALITIES.items() if parameters.endswith(quality)]
        format = "" if parameters.endswith(".gif") else ".jpg"
        query = f"{BEST}IIIF={file}/{parameters}{format}"
        yield Question(image, query, _operations(image, "scale", *operations))


def _of_other_protocols(image: str) -> Iterator[Question]:
    file = file_name(image)
    for document in (f"IIIF={file}/info.json", f"DeepZoom={file}.dzi", f"Zoomify={file}/ImageProperties.xml"):
        yield Question(image, document)
    for tile in ("9/0_0", "9/1_0", "10/2_1"):
        yield Question(image, f"{BEST}DeepZoom={file}_files/{tile}.jpg", _operations(image, "plain"))
    yield Question(image, f"{BEST}GAM=0.5&DeepZoom={file}_files/9/0_0.jpg", _operations(image, "gamma"))
    for tile in ("0-0-0", "1-1-0", "2-2-1"):
        yield Question(image, f"{BEST}Zoomify={file}/TileGroup0/{tile}.jpg", _operations(image, "plain"))


def _of_server() -> Iterator[Question]:
    for fault in FAULTS:
        yield Question("gray8", fault.format(file=file_name("gray8")), ("scale", "default quality"))
    for name in OBJECTS:
        yield Question("gray8", f"OBJ={name}")
    yield Question("gray8", f"FIF={file_name('gray8')}&OBJ=IIP,1.0&OBJ=Max-size&OBJ=Tile-size")
    yield Question(
        "gray8", f"FIF={file_name('gray8')}&{BEST}CMP=green&COL=gray&JTL=1,0", ("colormap", "gray")
    )
    yield Question("gray8", f"FIF={file_name('gray8')}&{BEST}SHD=45,30&GAM=0.9&JTL=1,0", ("shade", "gamma"))
    for turn in ("90", "180", "270", "!90", "450"):
        yield Question("gray8", f"FIF={file_name('gray8')}&ROT={turn}&OBJ=Max-size")
    for view in ("0,90", "30,90", "90,90", "0,60", "40,90", "30", "30,60"):
        yield Question("sequence", f"FIF=sequence&SDS={view}&{BEST}JTL=1,0", ("plain",))
        yield Question("sequence", f"FIF=sequence&SDS={view}&OBJ=Max-size")
    for arguments in ("30,1,0,90", "90,2,1,90", "0,1,0,60"):
        yield Question("sequence", f"FIF=sequence&{BEST}JTLS={arguments}", ("plain",))


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
    for _ in range(number):
        image = chance.choice(images)
        usable = [item for item in FORMULAS.items() if _goes_together(image, *item)]
        chosen = _one_of_each(chance.sample(usable, chance.randint(2, 4)))
        if image in DEEP and not any(name in IN_FLOAT for _, name in chosen):
            chosen.append(("GAM=0.8", "gamma"))
        output, operation = _output(chance)
        modifiers = "&".join(modifier for modifier, _ in chosen)
        names = [name for _, name in chosen] + ["several"]
        query = f"FIF={file_name(image)}&{BEST}{modifiers}&{output}"
        yield Question(image, query, _operations(image, operation, *names))


IN_FLOAT = ("gamma", "contrast", "invert", "colormap", "twist")


def _goes_together(image: str, modifier: str, operation: str) -> bool:
    """Whether a modifier by itself is answered alike, so that it may be combined with others."""
    if operation in ("shade", "range", "binary") or "%" in modifier or modifier == "CTW=[0.3,0.3,0.4]":
        return False
    if operation in ("twist", "gray") and not image.startswith(("rgb", "jp2_rgb")):
        return False
    return operation not in ("stretch", "equalize") or image not in DEEP


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
