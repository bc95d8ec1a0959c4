"""Runs `iipserve convert` in this process."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import NamedTuple

from iipserve.convert_command import main

PATIENCE = 300.0
"""Seconds after which a command does nothing any more."""


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


def results(target: Path) -> list[str]:
    """Paths of all results below a folder."""
    return sorted(str(path.relative_to(target)) for path in target.rglob("*.tif"))


def recorded(target: Path) -> dict[str, int]:
    """Names of the results that are recorded, and when they were written."""
    try:
        lines = (target / ".iipserve-convert").read_text().splitlines()
    except OSError:
        return {}
    # the last line may be incomplete
    known = [json.loads(line) for line in lines if line.endswith("}")]
    return {
        each["target"]: (target / each["target"]).stat().st_mtime_ns for each in known if "target" in each
    }
