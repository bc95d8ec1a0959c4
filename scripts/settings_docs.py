"""Generate docs/settings.md and conf/iipserve.env from the fields of `iipserve.config.Config`.

Run it after changing a setting; a test compares the files with its output.
"""

from __future__ import annotations

import sys
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(CHECKOUT))

from iipserve.config import Setting, settings  # noqa: E402 (the checkout comes first)

HEAD = """# Settings

Environment variables, read once at start. Names, defaults and ranges are iipsrv's where iipsrv has the setting; where
iipsrv replaces a number out of range by the nearest one in range, so does iipserve. Any other invalid value stops the
server at start, with a message that gives the variable, its value and what it must be. `iipserve.fcgi --check` prints
all settings in force and where each value comes from.

Deliberate differences from iipsrv: `CORS` defaults to `*` (recommended by IIIF; set it empty for none),
`MEMCACHED_SERVERS` defaults to empty, and `URI_MAP` takes several mappings.

This table is generated from the code by `scripts/settings_docs.py`.

| variable | default | meaning |
|---|---|---|
"""


def markdown() -> str:
    """The text of docs/settings.md."""
    return HEAD + "".join(
        f"| {_names(known)} | {_default(known)} | {known.text.replace('|', '&#124;')} |\n"
        for known in settings().values()
    )


def sample() -> str:
    """The text of conf/iipserve.env: every setting, commented out."""
    head = "# Settings of iipserve, for systemd's EnvironmentFile. Remove the # before those you set.\n"
    entries = (f"\n# {known.text}\n#{known.variable}={_text(known)}\n" for known in settings().values())
    return head + "".join(entries)


def _names(known: Setting) -> str:
    return ", ".join(f"`{name}`" for name in (known.variable, *known.others))


def _default(known: Setting) -> str:
    text = _text(known)
    return f"`{text}`" if text else "empty"


def _text(known: Setting) -> str:
    default = known.default
    if isinstance(default, bool):
        return str(int(default))
    if isinstance(default, float):
        return f"{default:g}"
    return "" if default == () else str(default)


FILES = {"docs/settings.md": markdown, "conf/iipserve.env": sample}

if __name__ == "__main__":
    for name, text in FILES.items():
        (CHECKOUT / name).write_text(text())
