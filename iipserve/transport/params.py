"""PARAMS of many requests: what a web server repeats from one to the next is decoded once.

Web servers send their variables in an order that does not change, and most of them are the same in all requests of a
client: the server's names, the client's address and headers. Only those before the end of the address differ.
"""

from __future__ import annotations

from struct import error, unpack_from

from iipserve.transport.wire import ProtocolError, decode_pairs

ADDRESS = frozenset((
    "DOCUMENT_URI", "PATH_INFO", "PATH_TRANSLATED", "QUERY_STRING", "REDIRECT_QUERY_STRING", "REDIRECT_URL",
    "REQUEST_URI", "SCRIPT_FILENAME", "SCRIPT_NAME", "SCRIPT_URI", "SCRIPT_URL",
))  # fmt: skip
"""Variables that differ from request to request."""
MAX_REMEMBERED = 512
"""Remembered ends of PARAMS, each of one client; about 4 KB with its variables."""
MAX_REMEMBERED_LENGTH = 2048
"""Bytes of an end that is remembered; longer ones carry cookies."""


class ParamsDecoder:
    """Decodes PARAMS as `decode_pairs` does, and remembers their ends. Safe for many threads."""

    def __init__(self) -> None:
        """Nothing is remembered."""
        self._first = 0
        """So many variables come before the end of the address."""
        self._remembered: dict[bytes, dict[str, str]] = {}

    def decode(self, block: bytes) -> dict[str, str]:
        """Names and values of a whole PARAMS stream, as Latin-1 (FastCGI section 3.4).

        Raises:
            ProtocolError: a length exceeds the stream.
        """
        pairs, position = self._beginning(block)
        end = block[position:]
        found = self._remembered.get(end)
        if found is None:
            found = self._decoded(end, len(pairs))
        pairs.update(found)
        return pairs

    def _beginning(self, block: bytes) -> tuple[dict[str, str], int]:
        """The variables up to the end of the address, and where the others begin."""
        text = block.decode("latin-1")
        pairs: dict[str, str] = {}
        position, size, first = 0, len(block), self._first
        try:
            while len(pairs) < first and position < size:
                name_length, value_length = block[position], block[position + 1]
                if value_length < 128 and name_length < 128:
                    middle = position + 2 + name_length
                elif name_length < 128:
                    value_length = unpack_from("!L", block, position + 1)[0] & 0x7FFFFFFF
                    middle = position + 5 + name_length
                else:
                    break
                position = middle + value_length
                pairs[text[middle - name_length : middle]] = text[middle:position]
        except (IndexError, error):
            raise ProtocolError("the stream ends within the lengths of a name-value pair") from None
        if position > size:
            raise ProtocolError("a name-value pair is longer than its stream")
        return pairs, position

    def _decoded(self, end: bytes, before: int) -> dict[str, str]:
        """The variables of an end that was not met before, which is remembered unless it holds the address."""
        pairs = decode_pairs(end)
        if not ADDRESS.isdisjoint(pairs):
            self._first = before + 1 + max(place for place, name in enumerate(pairs) if name in ADDRESS)
        elif len(end) <= MAX_REMEMBERED_LENGTH:
            if len(self._remembered) >= MAX_REMEMBERED:
                self._remembered.clear()
            self._remembered[end] = pairs
        return pairs
