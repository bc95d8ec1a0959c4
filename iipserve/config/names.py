"""Variables that look like settings and are none: those of iipsrv without a meaning here, and misspelled ones."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from types import MappingProxyType

WITHOUT_EFFECT: Mapping[str, str] = MappingProxyType(
    {
        "KAKADU_READMODE": "JPEG 2000 is decoded by OpenJPEG",
        "OMP_NUM_THREADS": "WORKERS and MAX_RENDERS set how much runs at once",
        "DECODER_MODULES": "further formats are Python packages with entry points",
    }
)
"""Variables that iipsrv reads, each with what takes its place."""


def warnings(names: Iterable[str], known: Collection[str]) -> list[str]:
    """A line for each variable that its user may take for a setting.

    Args:
        names: of the variables in the environment.
        known: names of the settings.
    """
    lines = []
    for name in sorted(names):
        if name in WITHOUT_EFFECT:
            lines.append(f"{name} has no effect, unlike in iipsrv: {WITHOUT_EFFECT[name]}")
        elif name not in known:
            meant = next((each for each in known if is_one_letter_away(name.upper(), each)), None)
            if meant is not None:
                lines.append(f"{name} is not a setting; {meant} is")
    return lines


def is_one_letter_away(one: str, other: str) -> bool:
    """Whether one text becomes the other if at most one letter is added, left out or replaced, or two are exchanged.

    (The optimal string alignment distance is at most 1.)
    """
    if abs(len(one) - len(other)) > 1:
        return False
    start = next((index for index, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), None)
    if start is None:
        return True
    rest, other_rest = one[start:], other[start:]
    exchanged = rest[1::-1] + rest[2:]
    return other_rest in (exchanged, other_rest[0] + rest[1:], other_rest[0] + rest) or rest[1:] == other_rest
