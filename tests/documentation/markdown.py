"""The code in the documents: blocks, commands, and code spans."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tests.end_to_end.running import ROOT

DOCUMENTS = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")])
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
INDENTED = re.compile(r"(?:(?<=\n\n)|(?<=\A))((?: {4}[^\n]*\n)+)")
SPAN = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")


COMMENT = re.compile(r"(?:^|\s+)# .*$")


class Block(NamedTuple):
    """A block of code."""

    document: str
    """Path in the checkout."""
    line: int
    """Where it begins, from 1."""
    language: str
    """After the fence; empty for indented blocks."""
    text: str

    def __str__(self) -> str:
        return f"{self.document}:{self.line}"


def blocks(path: Path) -> Iterator[Block]:
    """All blocks of code of a document."""
    text, document = path.read_text(), str(path.relative_to(ROOT))
    for match in FENCE.finditer(text):
        yield Block(document, _line(text, match.start()), match[1], match[2])
    rest = FENCE.sub(lambda match: "\n" * match[0].count("\n"), text)
    for match in INDENTED.finditer(rest):
        # a paragraph of a list item is indented too
        if not re.search(r"^ *[*\d-]", rest[: match.start()].rstrip("\n").rpartition("\n\n")[2]):
            yield Block(document, _line(rest, match.start()), "", match[1])


def commands(block: Block) -> list[str]:
    """The commands of a block of shell, without comments, continued lines joined."""
    lines = block.text.replace("\\\n", " ").splitlines()
    return [command for line in lines if (command := COMMENT.sub("", line).strip())]


def spans(path: Path) -> set[str]:
    """All code spans of a document."""
    return set(SPAN.findall(FENCE.sub("", path.read_text())))


def _line(text: str, position: int) -> int:
    return text.count("\n", 0, position) + 1
