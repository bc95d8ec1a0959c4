"""From the text of an environment variable to the value of a setting, and back."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from typing import ClassVar, Generic, NamedTuple, TypeVar
from urllib.parse import quote

ABSURD = 1e300
"""Numbers from here on have no nearest one where there is no maximum."""
NUMBER = re.compile(r"\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)")
"""What iipsrv (C's atof) reads of a text: the number that it begins with."""
CONTROL = re.compile(r"[\x00-\x1f\x7f]")
ORIGIN = re.compile(r"\*|null|[A-Za-z][A-Za-z0-9+.-]*://[^\s/,;]+")
"""An origin as browsers send it (RFC 6454 section 7), or any."""

ABSOLUTE = re.compile(
    r"(?P<scheme>https?)://(?P<host>(?:[\w.~%-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?)(?P<rest>(?:[/?][^#\s]*)?)",
    re.IGNORECASE,
)
"""An absolute address without user and fragment (RFC 3986 section 4.3); its host may be an internationalized one."""

T = TypeVar("T")
N = TypeVar("N", int, float)


class Reading(NamedTuple, Generic[T]):
    """What a text was read as."""

    value: T
    is_exact: bool = True
    """False if the text is not what it should be, and the value is what iipsrv would make of it."""


class Parser(ABC, Generic[T]):
    """Reads the text of one setting."""

    accepts: str
    """What the text should be: `a whole number from 1 to 100`."""
    empty_is_default: ClassVar[bool] = True
    """An empty variable counts as unset, because an empty value means nothing."""

    def __call__(self, text: str) -> T:
        """The value of a text.

        Raises:
            ValueError: nothing can be made of it.
        """
        return self._read(text).value

    def read(self, text: str) -> Reading[T]:
        """The value of a text, and whether the text is what it should be.

        Raises:
            ValueError: nothing can be made of it; the message is what it must be.
        """
        return self._read(text)

    def show(self, value: T | None) -> str:
        """A value as it is written in the environment; empty for None."""
        return "" if value is None else self._show(value)

    @abstractmethod
    def _read(self, text: str) -> Reading[T]: ...

    def _show(self, value: T) -> str:
        return str(value)


class Number(Parser[N]):
    """A whole number or any finite number; out of range, the nearest (iipsrv)."""

    def __init__(
        self,
        low: N,
        high: N | None = None,
        *,
        below: N | None = None,
        above: N | None = None,
        zero: N | None = None,
    ) -> None:
        """Accept a range.

        Args:
            low: minimum; an int if the number must be whole.
            high: maximum; None for none.
            below: replaces numbers below the range; None: `low` does.
            above: replaces numbers above the range; None: `high` does.
            zero: replaces 0, if not None.
        """
        self._type: type[N] = type(low)
        self._low: N = low
        self._high: N | None = high
        self._below: N = low if below is None else below
        self._above: N | None = high if above is None else above
        self._zero: N | None = zero
        kind = "a whole number" if isinstance(low, int) else "a number"
        if high is None:
            self.accepts = f"{kind}, {plain(low)} or more"
        else:
            self.accepts = f"{kind} from {plain(low)} to {plain(high)}"

    def _read(self, text: str) -> Reading[N]:
        match = NUMBER.match(text)
        if match is None:
            raise ValueError(self.accepts)
        found = float(match[1])
        if self._above is not None and self._high is not None and found > self._high:
            return Reading(self._above, False)
        if found < self._low:
            return Reading(self._below, False)
        if found >= ABSURD:
            raise ValueError(self.accepts)
        if found == 0 and self._zero is not None:
            return Reading(self._zero)
        value = self._type(found)
        return Reading(value, value == found and not text[match.end() :].strip())

    def _show(self, value: N) -> str:
        return plain(value)


def plain(number: float) -> str:
    """A number in digits, without an exponent where it has at most 15 of them."""
    return str(number) if isinstance(number, int) else f"{number:.15g}"


class Switch(Parser[bool]):
    """0 or 1, or a word for them; any other number is 1 (iipsrv)."""

    WORDS: ClassVar = {"0": False, "no": False, "off": False, "false": False}
    WORDS |= {"1": True, "yes": True, "on": True, "true": True}

    accepts = "0 or 1 (or no, off, false; yes, on, true)"

    def _read(self, text: str) -> Reading[bool]:
        known = self.WORDS.get(text.strip().lower())
        if known is not None:
            return Reading(known)
        match = NUMBER.match(text)
        if match is None:
            raise ValueError(self.accepts)
        return Reading(abs(float(match[1])) >= 1, False)

    def _show(self, value: bool) -> str:
        return str(int(value))


class OneOf(Parser[str]):
    """One of several words, in any case."""

    def __init__(self, *words: str) -> None:
        """Accept `words`, which are in lower case."""
        self._words = words
        self.accepts = " or ".join(words)

    def _read(self, text: str) -> Reading[str]:
        word = text.strip().lower()
        if word not in self._words:
            raise ValueError(self.accepts)
        return Reading(word)


class Text(Parser[str]):
    """Any text."""

    empty_is_default = False

    def __init__(self, accepts: str = "any text", words: tuple[str, ...] = ()) -> None:
        """Describe the text; `words` with a meaning of their own may be written in any case."""
        self.accepts = accepts
        self._words = words

    def _read(self, text: str) -> Reading[str]:
        return Reading(text.lower() if text.lower() in self._words else text)


class Secret(Parser[str]):
    """Any text, which is not shown."""

    empty_is_default = False

    accepts = "any text"

    def _read(self, text: str) -> Reading[str]:
        return Reading(text)

    def _show(self, value: str) -> str:
        return "(not shown)" if value else ""


class Header(Parser[str]):
    """The value of an HTTP header."""

    empty_is_default = False

    accepts = "one line of ASCII"

    def _read(self, text: str) -> Reading[str]:
        value = text.strip()
        if CONTROL.search(value) or not value.isascii():
            raise ValueError(self.accepts)
        return Reading(value)


class Origin(Header):
    """The value of Access-Control-Allow-Origin, which is one origin at most."""

    accepts = "*, or one origin without a path such as https://example.org"

    def _read(self, text: str) -> Reading[str]:
        value = super()._read(text).value
        bare = value.rstrip("/")
        if value and not ORIGIN.fullmatch(bare):
            raise ValueError(self.accepts)
        return Reading(bare, bare == value)


class BaseUrl(Parser[str]):
    """An absolute address in ASCII that an identifier can follow (RFC 3986); empty for none."""

    empty_is_default = False

    accepts = "an absolute http or https address that ends in a slash or contains a question mark"

    def _read(self, text: str) -> Reading[str]:
        value = text.strip()
        match = ABSOLUTE.fullmatch(value)
        if match is None:
            if not value:
                return Reading("")
            raise ValueError(f"{self.accepts}, such as https://img.example.org/iiif/")
        rest = quote(match["rest"], safe="/%~!$&'()*+,;=:@?[]", errors="surrogateescape")
        if "?" not in rest and not rest.endswith("/"):
            rest += "/"
        address = f"{match['scheme'].lower()}://{self._ascii_host(match['host'])}{rest}"
        return Reading(address, address == value)

    def _ascii_host(self, host: str) -> str:
        try:
            return host if host.isascii() else host.encode("idna").decode()
        except UnicodeError:
            raise ValueError(f"{self.accepts}; {host!r} is no host name") from None


class Words(Parser[tuple[str, ...]]):
    """`first, second` -> words in lower case."""

    empty_is_default = False

    def __init__(self, accepts: str) -> None:
        """Describe the words."""
        self.accepts = accepts

    def _read(self, text: str) -> Reading[tuple[str, ...]]:
        return Reading(tuple(word.strip().lower() for word in text.split(",") if word.strip()))

    def _show(self, value: tuple[str, ...]) -> str:
        return ",".join(value)


class UriMap(Parser[tuple[tuple[str, str], ...]]):
    """`prefix=>protocol,...` -> (prefix without slashes, protocol in lower case)."""

    empty_is_default = False

    accepts = "PREFIX=>PROTOCOL, separated by commas"

    def _read(self, text: str) -> Reading[tuple[tuple[str, str], ...]]:
        mappings = []
        for entry in filter(None, (entry.strip() for entry in text.split(","))):
            prefix, arrow, protocol = entry.partition("=>")
            if not arrow or not protocol.strip():
                raise ValueError(f"{self.accepts}, such as iiif=>IIIF,zoom=>DeepZoom")
            mappings.append((prefix.strip().strip("/"), protocol.strip().lower()))
        return Reading(tuple(mappings))

    def _show(self, value: tuple[tuple[str, str], ...]) -> str:
        return ",".join(f"{prefix}=>{protocol}" for prefix, protocol in value)


class FileMode(Parser[int]):
    """Permissions as in chmod: `0660`."""

    accepts = "an octal number from 0 to 777"

    def _read(self, text: str) -> Reading[int]:
        if not re.fullmatch(r"\s*(0o?)?[0-7]{1,3}\s*", text):
            raise ValueError(self.accepts)
        return Reading(int(text, 8))

    def _show(self, value: int) -> str:
        return f"{value:04o}"
