"""IIP, the Internet Imaging Protocol: a list of commands in a query string."""

from __future__ import annotations

from iipserve.protocols import AnyQueryRoute, PathRoute, Protocol, QueryRoute
from iipserve.protocols.iip.commands import parse
from iipserve.protocols.iip.modifiers import read_modifiers
from iipserve.protocols.iip.planning import check, error, plan

PROTOCOL = Protocol(
    "iip",
    (PathRoute("iip"), QueryRoute("fif", whole=True), AnyQueryRoute()),
    parse,
    plan,
    error,
    check,
    mapped_prefix="FIF=",
    read_modifiers=read_modifiers,
)
