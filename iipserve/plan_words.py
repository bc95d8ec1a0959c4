"""What was planned for a request in a few words, for the log: region, size, format, operations, or what kind of document."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from iipserve.plan import (
    Blank,
    Bundle,
    CatalogPlan,
    Composite,
    CoveragePlan,
    Crop,
    Legend,
    Mosaic,
    Redirect,
    RenderPlan,
    SamplePlan,
    StatisticsPlan,
    StorePlan,
    ValuePlan,
    Warp,
)
from iipserve.responses import ReadyDocument

CAPITAL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def separated(name: str) -> str:
    """The name of a class as words in lower case, joined by underscores."""
    return CAPITAL.sub("_", name).lower()


def words(content: object) -> str:
    """A plan in a few words; empty for what is none."""
    describe = WORDS.get(type(content))
    return "" if describe is None else describe(content)


def _rendered(plan: RenderPlan) -> str:
    view, operations = words(plan.view), [separated(type(each).__name__) for each in plan.operations]
    return " ".join((view, plan.encoding.format, *operations))


def _crop(view: Crop) -> str:
    _, level, (x, y, width, height), size = view
    scaled = "" if size == (width, height) else f" to {size.width}x{size.height}"
    return f"level {level} {x},{y} {width}x{height}{scaled}"


def _sized(kind: str) -> Callable[[Any], str]:
    return lambda view: f"{kind} {view.size.width}x{view.size.height}"


def _coverage(plan: CoveragePlan) -> str:
    return f"coverage {plan.size.width}x{plan.size.height} {plan.encoding.format}"


def _document(document: ReadyDocument) -> str:
    media_type = next((value for name, value in document.response.headers if name == "Content-Type"), "")
    return f"document {media_type.partition(';')[0]}".rstrip()


WORDS: Mapping[type, Callable[[Any], str]] = {
    RenderPlan: _rendered,
    Crop: _crop,
    Warp: _sized("map"),
    Composite: _sized("layers"),
    Mosaic: _sized("mosaic"),
    Legend: _sized("legend"),
    Blank: _sized("blank"),
    CoveragePlan: _coverage,
    ReadyDocument: _document,
    CatalogPlan: lambda plan: "catalog",
    StorePlan: lambda plan: f"collections {plan.permission.name.lower()}",
    SamplePlan: lambda plan: f"samples {len(plan.points)}",
    ValuePlan: lambda plan: f"values {len(plan.windows)}",
    StatisticsPlan: lambda plan: "statistics",
    Redirect: lambda plan: "redirect",
    Bundle: lambda plan: f"bundle {len(plan.plans)}",
}
"""For each kind of content, and of view."""
