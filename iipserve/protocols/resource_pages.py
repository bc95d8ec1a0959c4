"""Documents as HTML for people: the members of the JSON as tables, with links that can be followed. No scripts."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping
from html import escape
from typing import Any, NamedTuple

from iipserve.http import Headers

STYLE = (
    ":root{color-scheme:light dark;--ground:#f4f4f2;--raised:#fff;--ink:#1b1b1a;--quiet:#5f5f5b;--line:#d8d8d4;--accent:#0b5a85}"
    "@media(prefers-color-scheme:dark){:root{--ground:#151516;--raised:#29292c;--ink:#ededeb;--quiet:#a3a39e;--line:#38383b;"
    "--accent:#86c8ef}}"
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:var(--ink);"
    "background:var(--ground)}"
    "h1{font:400 2rem/1.2 Palatino,'Noto Serif',Georgia,serif;overflow-wrap:anywhere}h2{font-size:1.1rem}a{color:var(--accent)}"
    "table{border-collapse:collapse}th,td{text-align:left;vertical-align:top;padding:.2rem .8rem .2rem 0;overflow-wrap:anywhere}"
    "th{font-weight:600;color:var(--quiet)}td table{border-left:2px solid var(--line);padding-left:.6rem}"
    "tr+tr>td>table{margin-top:.4rem}ul{margin:0;padding-left:1.2rem}code{overflow-wrap:anywhere}"
    "nav{color:var(--quiet)}.rows{width:100%}.rows td{border-top:1px solid var(--line)}.rows img{display:block;max-width:6rem;"
    "max-height:4.5rem}figure{margin:1rem 0}figure img{max-width:100%}"
    ".map{display:block;width:100%;height:auto;border:1px solid var(--line);border-radius:8px;background:var(--raised)}"
    ".map .grid{stroke:var(--line);fill:none}.map text{font-size:11px;fill:var(--quiet)}"
    ".map .shape{fill:var(--accent);fill-opacity:.1;stroke:var(--accent);stroke-width:1.2}"
    ".map a:hover .shape,.map a:focus .shape{fill-opacity:.5}"
    "form{display:flex;flex-wrap:wrap;gap:.6rem;align-items:end;margin:1rem 0}label{display:grid;font-size:.85rem;color:var(--quiet)}"
    "input,button{font:inherit;color:inherit;padding:.3rem .6rem;border:1px solid var(--line);border-radius:8px;"
    "background:var(--raised)}summary{cursor:pointer;margin:1rem 0 .5rem}"
)
POLICY: Headers = (
    (
        "Content-Security-Policy",
        f"default-src 'none'; style-src 'sha256-{b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()}'; "
        "img-src 'self' data:; base-uri 'none'; form-action 'self'; frame-ancestors 'self'",
    ),
    ("X-Content-Type-Options", "nosniff"),
)
"""Headers of pages whose values come from clients: nothing is run, and pictures are this server's."""
WEB = ("http://", "https://")


class Crumb(NamedTuple):
    """A page above this one."""

    title: str
    href: str


def page(
    title: str, value: Mapping[str, Any], parts: Iterable[str] = (), crumbs: Iterable[Crumb] = ()
) -> bytes:
    """A document as a page that needs nothing else.

    Args:
        title: of the page.
        value: the document, of which every member is shown.
        parts: HTML that is shown above the members, which are then folded.
        crumbs: the pages above, from the topmost.
    """
    text = escape(title)
    above = [*parts]
    members = "".join(_shown(value))
    if above:
        members = f"<details><summary>All members of the document</summary>{members}</details>"
    trail = "".join(f"{anchor(each.href, each.title)} / " for each in crumbs)
    whole = (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width,initial-scale=1">',
        # without one, browsers ask for /favicon.ico
        '<link rel="icon" href="data:,"/>',
        f"<title>{text}</title><style>{STYLE}</style></head>\n<body>",
        f'<nav aria-label="Pages above">{trail}</nav>' if trail else "",
        f"<h1>{text}</h1>\n",
        *above,
        members,
        "</body></html>\n",
    )
    return "".join(whole).encode("utf-8", "replace")


def anchor(href: str, title: str) -> str:
    """A link; only the title where the address is not one of the web, since a script may be in it."""
    if not href.startswith(WEB):
        return escape(title)
    return f'<a href="{escape(href)}">{escape(title)}</a>'


def _shown(value: Any) -> Iterator[str]:
    """A value of JSON."""
    if isinstance(value, Mapping):
        yield "<table>"
        for name, member in value.items():
            yield f"<tr><th>{escape(str(name))}</th><td>"
            yield from _links(member) if name == "links" and isinstance(member, list) else _shown(member)
            yield "</td></tr>\n"
        yield "</table>"
    elif isinstance(value, (list, tuple)):
        yield from _listed(value)
    else:
        text = _text(value)
        yield anchor(text, text)


def _listed(values: list[Any] | tuple[Any, ...]) -> Iterator[str]:
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
        if not isinstance(each, Mapping) or not each.get("href"):
            continue
        href, rel = str(each["href"]), str(each.get("rel", ""))
        kind = f"{rel.rpartition('/')[2]}, {each.get('type', 'any type')}"
        shown = (
            f"<code>{escape(href)}</code>"
            if each.get("templated")
            else anchor(href, str(each.get("title") or rel))
        )
        yield f"<li>{shown} ({escape(kind)})</li>"
    yield "</ul>"


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "none" if value is None else str(value)
