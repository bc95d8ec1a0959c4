"""`iipserve collection`: manages collections of images from the command line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TextIO

from iipserve.collection_command.commands import COMMANDS
from iipserve.collection_command.opening import opened
from iipserve.collection_command.parser import parser
from iipserve.command_line import finished, settings


def main(arguments: Sequence[str], environ: Mapping[str, str], out: TextIO, err: TextIO) -> int:
    """Run a command. The exit status is 0, or 1 if something is wrong, and 2 for wrong usage.

    Args:
        arguments: after `collection`.
        environ: environment with the settings.
        out: stream for what is asked for.
        err: stream for progress, failures and mistakes.
    """
    options = parser().parse_args(arguments)
    config = settings(environ, err)
    if config is None:
        return 1

    def work() -> int:
        with opened(config, options.store or "", out, err) as known:
            return COMMANDS[options.command](known, options)

    return finished(work, err)
