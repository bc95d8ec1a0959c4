"""Lines of the log: text of clients, files and libraries cannot break them, nor reach the terminal that shows them.

Whatever is not printable (control characters, ANSI escapes, line and paragraph separators, marks of direction, bytes that
are no text) is written as in Python: `\\n`, `\\x1b`, `\\u2028`, `\\udcff`.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from datetime import UTC, datetime

MAX_MESSAGE = 4000
"""Characters of a message: syslog drops longer lines."""
MAX_TRACEBACK_LINE = 400
"""Characters of a line of a traceback."""
MAX_TRACEBACK_LINES = 40
"""Lines of a traceback, besides the first; the last ones are kept."""
CUT = "..."
FIELDS = "fields"
"""Attribute of log records that have names and values: `log.info(text, extra={FIELDS: ...})`."""
IN_MESSAGE = frozenset(("method", "address", "status"))
"""Fields that the message has already."""
CONTINUED = "\n  | "
"""Begins the lines of a traceback, which no message can contain."""
FORMAT = "%(asctime)s [%(process)d] %(levelname)s %(message)s"
SYSLOG_FORMAT = "iipserve[%(process)d]: %(levelname)s %(message)s"
PLAIN = frozenset("!#$%&'()*+,-./:;<=>?@[]^_`{|}~")
"""Characters besides letters and digits of values that need no quotes."""


def escaped(text: str) -> str:
    """Text on one line, of printable characters only."""
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in text
    )


def shortened(text: str, limit: int) -> str:
    """Text of at most `limit` characters; what is left out is marked."""
    return text if len(text) <= limit else f"{text[: limit - len(CUT)]}{CUT}"


def field(value: str | int | float | bool) -> str:
    """A value as one word, in quotes where it would be several."""
    text = escaped(str(value).lower() if isinstance(value, bool) else str(value))
    if text and all(char in PLAIN or char.isalnum() for char in text):
        return text
    if '"' in text or text.endswith("\\"):
        text = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'


def fields_text(fields: Mapping[str, str | int | float | bool]) -> str:
    """Names and values as words: `cache=memory image=a.tif`; without what is empty, or in the message."""
    shown = {name: value for name, value in fields.items() if value != "" and name not in IN_MESSAGE}
    return " ".join(f"{name}={field(value)}" for name, value in shown.items())


class TextFormatter(logging.Formatter):
    """One line for each record, however its message came about; a traceback is further lines, which are marked."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802
        """The line."""
        record.message = shortened(escaped(record.message), MAX_MESSAGE)
        fields = getattr(record, FIELDS, None)
        if fields is not None:
            record.message = f"{record.message} {fields_text(fields)}"
        return super().formatMessage(record)

    def formatException(self, ei: object) -> str:  # noqa: N802
        """The lines of a traceback, each of which is marked."""
        text = super().formatException(ei)  # type: ignore[arg-type]
        return CONTINUED.join(("  |", *_lines(text)))


class OneLineFormatter(TextFormatter):
    """As `TextFormatter`, with tracebacks on the same line: for syslog."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        return super().format(record).replace("\n", " ")


class JsonFormatter(logging.Formatter):
    """One JSON object for each record, in ASCII: time, process, level and message, or the fields of a request."""

    def format(self, record: logging.LogRecord) -> str:
        """The object."""
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        found: dict[str, object] = {
            "time": time.replace("+00:00", "Z"),
            "process": record.process,
            "level": record.levelname,
            "message": shortened(record.getMessage(), MAX_MESSAGE),
        }
        found |= getattr(record, FIELDS, {})
        if record.exc_info:
            found["traceback"] = "\n".join(_lines(self.formatException(record.exc_info)))
        return json.dumps({name: _text(value) for name, value in found.items()})


class SyslogJsonFormatter(JsonFormatter):
    """As `JsonFormatter`, after the name and the process that syslog expects."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        return f"iipserve[{record.process}]: {super().format(record)}"


def _lines(traceback: str) -> list[str]:
    """The lines of a traceback that are logged."""
    first, *others = traceback.split("\n")
    return [shortened(escaped(line), MAX_TRACEBACK_LINE) for line in (first, *others[-MAX_TRACEBACK_LINES:])]


def _text(value: object) -> object:
    """Text without halves of surrogate pairs, which are no Unicode: they stand for bytes of file names."""
    return value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else value
