"""Tokens of those who may edit: a file with the SHA-256 hash of each, and a name."""

from __future__ import annotations

import hashlib
import hmac
import logging
import re
from pathlib import Path

from iipserve.errors import ConfigError, StoreUnavailable
from iipserve.http import Request

log = logging.getLogger(__name__)

LINE = re.compile(r"([0-9A-Fa-f]{64})[ \t]+(\S(?:.*\S)?)")
"""Hash and name: what `sha256sum` writes."""
MAX_LENGTH = 1 << 20
"""Bytes of the file."""
BEARER = re.compile(r"Bearer +([A-Za-z0-9\-._~+/]{1,1024}=*) *", re.IGNORECASE)
"""Credentials of RFC 6750, section 2.1."""


def read(path: Path) -> dict[str, str]:
    """Names by hash, in lower case.

    Raises:
        ConfigError: the file cannot be read, or has mistakes: a line for each.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MAX_LENGTH + 1)
    except OSError as error:
        raise ConfigError(f"the file of tokens cannot be read: {error.strerror}") from error
    if len(content) > MAX_LENGTH:
        raise ConfigError(f"the file of tokens is longer than {MAX_LENGTH} bytes")
    found: dict[str, str] = {}
    mistakes = []
    for number, line in enumerate(content.decode(errors="replace").splitlines(), 1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        match = LINE.fullmatch(text)
        if match is None:
            mistakes.append(
                f"the file of tokens, line {number}: a SHA-256 hash of 64 hexadecimal digits and a name are needed"
            )
        else:
            found[match[1].lower()] = match[2]
    if mistakes:
        raise ConfigError("\n".join(mistakes))
    return found


def bearer(request: Request) -> str | None:
    """The token of a request; None where it has none that can be one."""
    match = BEARER.fullmatch(request.environ.get("HTTP_AUTHORIZATION", ""))
    return match[1] if match else None


def holder(token: str, path: Path) -> str | None:
    """The name of a token's holder; None where the file has no such token.

    The file is read each time: edits are rare, and a token that is taken out of it ends at once.

    Raises:
        StoreUnavailable: the file cannot be read, or has mistakes, which are logged.
    """
    try:
        names = read(path)
    except ConfigError as error:
        log.error("%s: nobody may edit", error)
        raise StoreUnavailable("tokens cannot be checked at present; ask again later") from error
    digest = hashlib.sha256(token.encode("ascii")).hexdigest()
    # all are compared, each in constant time
    matches = [name for known, name in names.items() if hmac.compare_digest(known, digest)]
    return matches[0] if matches else None
