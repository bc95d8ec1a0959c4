"""What the machine has, and what the container or service that this process is in may take of it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")
LIMITS = ("memory.max", "memory.limit_in_bytes")
"""Files of a control group of version 2, and of version 1 (cgroups(7))."""


def memory_limit(groups: Path = CGROUPS, own: Path = Path("/proc/self/cgroup")) -> int | None:
    """Bytes that this process and its children may use; None if that cannot be found out.

    Args:
        groups: where the file systems of control groups are.
        own: the file that names those of this process.
    """
    found = list(_group_limits(groups, own))
    with suppress(OSError, ValueError):
        found.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    return min(found, default=None)


def _group_limits(groups: Path, own: Path) -> Iterator[int]:
    """The limits of all groups that this process is in, and of those around them."""
    try:
        lines = own.read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers not in ("", "memory"):
            continue
        # in a container its own group appears as the root
        group = (groups / controllers / path.lstrip("/")).resolve()
        for folder in (group, *group.parents):
            if groups in (folder, *folder.parents):
                yield from _limits_in(folder)


def _limits_in(folder: Path) -> Iterator[int]:
    for name in LIMITS:
        # no file where there is no such controller; `max` where there is no limit
        with suppress(OSError, ValueError):
            yield int((folder / name).read_text())
