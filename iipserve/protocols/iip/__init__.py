"""IIP, the Internet Imaging Protocol: a list of commands in a query string."""

from __future__ import annotations

from iipserve.protocols import Protocol
from iipserve.protocols.iip.commands import parse
from iipserve.protocols.iip.planning import check, error, plan

PROTOCOL = Protocol("iip", "fif", parse, plan, error, check)
