"""`iipserve doctor`: says why images are slow, and what mends them."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from typing import Any, TextIO

from iipserve.command_line import INTERRUPTED, settings
from iipserve.command_line.images import named_image
from iipserve.config import Config
from iipserve.diagnosis.documents import document, is_well, lines
from iipserve.engine.admission import AdmissionControl
from iipserve.engine.examination import Examiner
from iipserve.errors import IIPServeError
from iipserve.image import ImageName, Selector

DESCRIPTION = """\
Says why images are slow: how their files store them, how long it takes to open them and to decode a tile of each
level, what would be better, and the command that mends it. The exit status is 0 if nothing is slow or damaged."""


def parser() -> argparse.ArgumentParser:
    """The arguments."""
    made = argparse.ArgumentParser(prog="iipserve doctor", description=DESCRIPTION, allow_abbrev=False)
    made.add_argument(
        "files", nargs="+", metavar="FILE", help="relative to the current folder, else to FILESYSTEM_PREFIX"
    )
    made.add_argument(
        "--page", type=_index, default=0, metavar="N", help="which image of a file of several, from 0"
    )
    made.add_argument("--json", action="store_true", help="one line of JSON for each file")
    return made


def main(arguments: Sequence[str], environ: Mapping[str, str], out: TextIO, err: TextIO) -> int:
    """Run the command. The exit status is 0, or 1 if an image is slow or cannot be read, and 2 for wrong usage.

    Args:
        arguments: after `doctor`.
        environ: environment with the settings.
        out: stream for findings.
        err: stream for mistakes.
    """
    options = parser().parse_args(arguments)
    config = settings(environ, err)
    if config is None:
        return 1
    is_well_all = True
    try:
        for path in options.files:
            try:
                known = examined(path, options.page, config)
            except (IIPServeError, OSError) as error:
                err.write(f"{path}: {error}\n")
                is_well_all = False
                continue
            out.writelines(
                [f"{json.dumps(known)}\n"] if options.json else (f"{line}\n" for line in lines(known))
            )
            is_well_all = is_well_all and is_well(known)
    except KeyboardInterrupt:
        return INTERRUPTED
    return 0 if is_well_all else 1


def examined(path: str, page: int, config: Config) -> dict[str, Any]:
    """What is known of the image in a file. Raises as `Examiner.examine` and `named_image`."""
    library, own, identifier = named_image(path, config)
    examiner = Examiner(library, AdmissionControl(own))
    return document(path, examiner.examine(ImageName(identifier, Selector(page))))


def _index(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 6:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 0")
    return int(text)
