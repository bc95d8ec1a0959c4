"""Documents as HTML for people: the members of the JSON as tables, with links that can be followed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#222}"
    "table{border-collapse:collapse}th,td{text-align:left;vertical-align:top;padding:.2rem .8rem .2rem 0}"
    "th{font-weight:600;color:#555}td table{border-left:2px solid #ddd;padding-left:.6rem}"
    "tr+tr>td>table{margin-top:.4rem}ul{margin:0;padding-left:1.2rem}code{overflow-wrap:anywhere}"
)


def page(title: str, value: Mapping[str, Any]) -> bytes:
    """A document as a page that needs nothing else."""
    text = escape(title)
    parts = (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width,initial-scale=1">',
        f"<title>{text}</title><style>{STYLE}</style></head>\n<body><h1>{text}</h1>\n",
        *_shown(value),
        "</body></html>\n",
    )
    return "".join(parts).encode("utf-8", "replace")


def _shown(value: Any) -> Iterator[str]:
    """A value of JSON."""
    if isinstance(value, Mapping):
        yield "<table>"
        for name, member in value.items():
            yield f"<tr><th>{escape(name)}</th><td>"
            yield from _links(member) if name == "links" and isinstance(member, list) else _shown(member)
            yield "</td></tr>\n"
        yield "</table>"
    elif isinstance(value, list):
        yield from _listed(value)
    else:
        text = escape(_text(value))
        yield f'<a href="{text}">{text}</a>' if text.startswith(("http://", "https://")) else text


def _listed(values: list[Any]) -> Iterator[str]:
    if all(isinstance(value, (int, float)) for value in values):
        yield escape(", ".join(map(_text, values)))
        return
    yield "<ul>"
    for value in values:
        yield "<li>"
        yield from _shown(value)
        yield "</li>"
    yield "</ul>"


def _links(links: list[Any]) -> Iterator[str]:
    yield "<ul>"
    for each in links:
        href, title = escape(each["href"]), escape(each.get("title") or each["rel"])
        kind = f"{escape(each['rel'].rpartition('/')[2])}, {escape(each['type'])}"
        shown = f"<code>{href}</code>" if each.get("templated") else f'<a href="{href}">{title}</a>'
        yield f"<li>{shown} ({kind})</li>"
    yield "</ul>"


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)
