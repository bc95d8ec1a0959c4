"""Generate docs/settings.md and conf/iipserve.env from the fields of `iipserve.config.Config`.

Run it after changing a setting; a test compares the files with its output.
"""

from __future__ import annotations

import sys
from pathlib import Path
from shlex import quote

CHECKOUT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(CHECKOUT))

from iipserve.check.limits import FIXED  # noqa: E402 (the checkout comes first)
from iipserve.config import Setting, settings  # noqa: E402

HEAD = """# Settings

Environment variables, read once at start. Names, defaults and ranges are iipsrv's where iipsrv has the setting.
`iipserve --check` prints all settings in force, where each value comes from and what wins where several settings say
something; the formats read and written, with the versions of the libraries; limits; whether memcached answers; warnings
of what will hurt ([deployment.md](deployment.md#install)); and a line for each mistake. `conf/iipserve.env` is a sample to edit.

* **A number out of range** is replaced by the nearest one in range, as in iipsrv, with one line in the log.
* **A number with something after it** (`90abc`, `75.5` for a whole number, `10MB`) is the number it begins with, as in
  iipsrv, with one line in the log; so is any number other than 0 and 1 where those are expected.
* **An empty value** of a number, a switch or a choice of words is the default, with one line in the log; an empty text or
  list is empty: `CORS=` sends no such header.
* **What cannot work** stops the start, with a message that says which setting to correct: a word where a number is
  expected, a line break in a header, a watermark, color map or group that does not exist, an unknown name in `URI_MAP`
  or `EXTRA_FORMATS`, `IIIF_EXTRA_INFO` that is no JSON or replaces members such as `id` and `width`.
* **Variables that are no settings**: those of iipsrv that mean nothing here (`KAKADU_READMODE`, `OMP_NUM_THREADS`,
  `DECODER_MODULES`), and names one letter away from a setting (`JPEG_QUALTY`), are named once in the log.
* `--workers` and `--threads` win over `WORKERS` and `THREADS`.

Deliberate differences from iipsrv: `CORS` defaults to `*` (recommended by IIIF; set it empty for none) and takes one
origin; `MEMCACHED_SERVERS` defaults to empty; `URI_MAP` takes several mappings, and a malformed one stops the start;
`TIFF_QUALITY` is not also the quality of JPEG and WebP in TIFF while it is not set. [migration.md](migration.md) has the
differences in what is served.

This table is generated from the code by `scripts/settings_docs.py`.

| variable | default | accepts | example | meaning |
|---|---|---|---|---|
"""


LIMITS = """
## Fixed limits

No setting changes these; `--check` lists them too, with the memory, descriptors and room for temporary files that the
settings need.

"""


def markdown() -> str:
    """The text of docs/settings.md."""
    table = "".join(f"| {' | '.join(_cells(known))} |\n" for known in settings().values())
    return f"{HEAD}{table}{LIMITS}" + "".join(f"* {limit}\n" for limit in FIXED)


def _cells(known: Setting) -> tuple[str, ...]:
    names = ", ".join(f"`{name}`" for name in (known.variable, *known.others))
    accepted = known.parse.accepts
    return names, _code(_default(known)), accepted, _code(known.example), known.text.replace("|", "&#124;")


def _code(text: str) -> str:
    return f"`{text}`" if text else "empty"


def sample() -> str:
    """The text of conf/iipserve.env: every setting, commented out."""
    head = (
        "# Settings of iipserve, for systemd's EnvironmentFile and for sh. Remove the # before those you set, and quote\n"
        "# values with spaces or quotes as in the examples.\n"
    )
    return head + "".join(
        f"\n# {known.text}\n# Accepted: {known.parse.accepts}. Example: {known.variable}={quote(known.example)}\n"
        f"#{known.variable}={quote(_default(known)) if _default(known) else ''}\n"
        for known in settings().values()
    )


def _default(known: Setting) -> str:
    return known.parse.show(known.default)


FILES = {"docs/settings.md": markdown, "conf/iipserve.env": sample}

if __name__ == "__main__":
    for name, text in FILES.items():
        (CHECKOUT / name).write_text(text())
