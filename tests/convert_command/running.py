"""Runs `iipserve convert` in this process."""

from __future__ import annotations

import io
from pathlib import Path
from typing import NamedTuple

from iipserve.convert_command import main


class Done(NamedTuple):
    """What the command gave."""

    status: int
    out: str
    err: str


def convert(source: Path, target: Path, *options: str, **environ: str) -> Done:
    """Run the command."""
    out, err = io.StringIO(), io.StringIO()
    status = main([str(source), str(target), *options], environ, out, err)
    return Done(status, out.getvalue(), err.getvalue())


def converted(source: Path, target: Path, *options: str) -> Path:
    """The file that the command writes, which must succeed."""
    done = convert(source, target, *options)
    assert done.status == 0, done
    assert [path.name for path in target.parent.iterdir() if "converting" in path.name] == []
    return target
