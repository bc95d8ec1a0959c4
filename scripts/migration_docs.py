"""Write the table of differences from iipsrv into docs/migration.md, from the data of the test that compares.

Run it after changing tests/differential/spellings.py; a test compares the file with its output.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(CHECKOUT))

from tests.differential.spellings import (  # noqa: E402 (the checkout comes first)
    ALIKE,
    DIFFERENCES,
    MAPPED,
    SCRIPT,
    Difference,
)

PAGE = CHECKOUT / "docs" / "migration.md"
BEGIN = "<!-- written by scripts/migration_docs.py from tests/differential/spellings.py -->\n"
END = "<!-- end -->\n"


def page() -> str:
    """The text of docs/migration.md, with the tables as the data has them now."""
    before, _, rest = PAGE.read_text().partition(BEGIN)
    return f"{before}{BEGIN}{''.join(_lines())}{END}{rest.partition(END)[2]}"


def _lines() -> Iterator[str]:
    counts = {subject: len(addresses) for subject, addresses in ALIKE.items()}
    counts["prefixes of `URI_MAP`"] = sum(map(len, MAPPED.values()))
    alike = sum(counts.values())
    different = sum(len(row.addresses) for rows in DIFFERENCES.values() for row in rows)
    subjects = ", ".join(f"{subject} ({count})" for subject, count in counts.items())
    yield (
        f"\nThe tests ask Debian's iipsrv 1.1 and this server, with its default settings, {alike + different} spellings of "
        f"requests for one image of 600 x 460 pixels. {alike} are answered alike: {subjects}. The other {different} are "
        f"these; those that begin with `?` follow `{SCRIPT}`.\n"
    )
    for subject, rows in DIFFERENCES.items():
        yield f"\n### {subject[0].upper()}{subject[1:]}\n\n"
        yield "| address | iipsrv 1.1 | iipserve | why | setting for iipsrv's answer |\n|---|---|---|---|---|\n"
        yield from map(_row, rows)


def _row(row: Difference) -> str:
    addresses = "<br>".join(f"`{address or SCRIPT}`" for address in row.addresses)
    setting = f"`{row.setting}`" if row.setting else "none"
    return f"| {addresses} | {row.theirs} | {row.ours} | {row.reason} | {setting} |\n"


FILES = {"docs/migration.md": page}

if __name__ == "__main__":
    for name, text in FILES.items():
        (CHECKOUT / name).write_text(text())
