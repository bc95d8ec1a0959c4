"""Hand-made images, requests without a server, and the values that tables of cases consist of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from iipserve import registry
from iipserve.config import Config
from iipserve.errors import IIPServeError
from iipserve.formats import Formats
from iipserve.geometry import Size
from iipserve.http import Request, Routed
from iipserve.image import ColorSpace, ImageInfo, ImageVersion, Level
from iipserve.plan import Answer, Document, RenderPlan, SamplePlan
from iipserve.protocols import Images, Protocol, Server

Halve = Callable[[int], int]


def floor_half(side: int) -> int:
    return max(1, side // 2)


def ceil_half(side: int) -> int:
    return (side + 1) // 2


def image(
    width: int = 3073,
    height: int = 2680,
    tile: tuple[int, int] = (256, 256),
    *,
    halve: Halve = floor_half,
    levels: int | None = None,
    **fields: Any,
) -> ImageInfo:
    """An image whose file holds halves until one fits in a tile, or a given number of levels."""
    unit = Size(*tile)
    sizes = [Size(width, height)]
    while sizes[-1].area > 1 and (len(sizes) < levels if levels else not sizes[-1].fits_in(unit)):
        sizes.append(Size(halve(sizes[-1].width), halve(sizes[-1].height)))
    known: dict[str, Any] = {
        "identifier": "a.tif",
        "format": "tiff",
        "version": ImageVersion(1, 2),
        "bands": 3,
        "dtype": "uint8",
        "bits": 8,
        "color_space": ColorSpace.SRGB,
    }
    return ImageInfo(levels=tuple(Level(size, unit) for size in sizes), tile=unit, **{**known, **fields})


IMAGE = image()
GRAY = image(bands=1, color_space=ColorSpace.GRAY)
CONFIG = Config()
FORMATS = Formats(encoder.format for encoder in registry.discover("iipserve.codecs", "ENCODER").values())
SERVER = Server(CONFIG, FORMATS)


def ask(
    protocol: Protocol,
    target: str,
    info: ImageInfo | None = IMAGE,
    config: Config = CONFIG,
    *,
    formats: Formats = FORMATS,
    mount: str = "/x/",
    by_path: bool = True,
    **environ: str,
) -> Answer:
    """The protocol's answer to a target."""
    request = Request("GET", "/", "", {"HTTP_HOST": "example.org", **environ})
    server = Server(config, formats)
    query = protocol.parse(Routed(request, mount, target, by_path), server)
    return protocol.plan(query, Images({name: info for name in query.names if info is not None}), server)


def parsed(
    protocol: Protocol,
    target: str,
    *,
    mount: str = "/",
    by_path: bool = False,
    config: Config = CONFIG,
    **environ: str,
) -> Any:
    """The protocol's query."""
    request = Request("GET", "/", "", environ)
    return protocol.parse(Routed(request, mount, target, by_path), Server(config, FORMATS))


def answer_or_refusal(
    protocol: Protocol, target: str, info: ImageInfo = IMAGE, config: Config = CONFIG, *, by_path: bool = True
) -> Answer:
    """Any answer; errors meant for clients count as one, others are raised."""
    try:
        return ask(protocol, target, info, config, by_path=by_path)
    except IIPServeError as error:
        return Answer(protocol.error(error, None, None).document)


def plan_of(answer: Answer) -> RenderPlan:
    assert isinstance(answer.content, RenderPlan)
    return answer.content


def text_of_samples(answer: Answer, samples: Sequence[Any]) -> str:
    """The text that an answer for samples makes of these arrays."""
    assert isinstance(answer.content, SamplePlan)
    return answer.content.describe(samples).body.decode()


def text_of(answer: Answer) -> str:
    assert isinstance(answer.content, Document)
    return answer.content.body.decode()


@dataclass(frozen=True)
class Case:
    """A target and what its answer is to be."""

    id: str
    target: str
    size: tuple[int, int]
    """Of the picture that comes out, before rotation."""
    info: ImageInfo = IMAGE
    config: Config = CONFIG


@dataclass(frozen=True)
class Refused:
    """A target and the error it ends in."""

    id: str
    target: str
    error: type[IIPServeError]
    match: str | None = None
    status: int = 400
    info: ImageInfo = IMAGE
    config: Config = field(default=CONFIG)
