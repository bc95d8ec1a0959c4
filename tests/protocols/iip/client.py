"""Plans of IIP requests for the image of the known answers."""

from __future__ import annotations

from iipserve.config import Config
from iipserve.image import ImageInfo
from iipserve.plan import RenderPlan
from iipserve.protocols.iip import PROTOCOL
from tests.protocols.client import (
    CONFIG,
    ask,
    image,
    plan_of,
)

SMALL = image(1000, 700)
"""The image of the known answers: 1000 x 700, 500 x 350, 250 x 175."""


def planned(target: str, info: ImageInfo = SMALL, config: Config = CONFIG) -> RenderPlan:
    return plan_of(ask(PROTOCOL, target, info, config, mount="/iipsrv.fcgi?"))
