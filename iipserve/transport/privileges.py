"""Rights given up at the start: sockets are opened as root, and everything else is done as another user."""

from __future__ import annotations

import grp
import os
import pwd
from typing import NamedTuple

from iipserve.errors import ConfigError

NO_ID = 2**32 - 1
"""No user and no group: to the system calls it means to leave them as they are (setresuid(2))."""


class Account(NamedTuple):
    """A user, and the groups of a process of that user."""

    uid: int
    gid: int
    groups: tuple[int, ...]
    """All of them, `gid` too."""


def parse_account(text: str) -> Account:
    """Parse `NAME`, `NAME:GROUP`, or numbers in place of them.

    The groups are those that the system's database lists for the user (initgroups(3)).

    Raises:
        ValueError: there is no such user or group, or a number without an entry has no group.
    """
    user, _, group = text.partition(":")
    number, entry = _number(user), _user(user)
    if entry is not None:
        gid = _gid(group) if group else entry.pw_gid
        return Account(entry.pw_uid, gid, tuple(os.getgrouplist(entry.pw_name, gid)))
    if number is None:
        raise ValueError(f"there is no user {user!r}")
    if not group:
        raise ValueError(
            f"user {user} has no entry in the system's database: a group is needed ({user}:GROUP)"
        )
    gid = _gid(group)
    return Account(number, gid, (gid,))


def _number(text: str) -> int | None:
    """The id that the text is; None for a name, and for numbers that are no ids."""
    if not (text.isascii() and text.isdigit()) or len(text) > len(str(NO_ID)) or int(text) >= NO_ID:
        return None
    return int(text)


def _user(text: str) -> pwd.struct_passwd | None:
    number = _number(text)
    try:
        return pwd.getpwnam(text) if number is None else pwd.getpwuid(number)
    except KeyError:
        return None


def _gid(text: str) -> int:
    number = _number(text)
    if number is not None:
        return number
    try:
        return grp.getgrnam(text).gr_gid
    except KeyError:
        raise ValueError(f"there is no group {text!r}") from None


def become(account: Account) -> None:
    """Give up root's rights, for good.

    Must be called while the process has one thread.

    Raises:
        ConfigError: this process is another user's already, or may not become that one.
    """
    if os.geteuid() != 0:
        if (os.geteuid(), os.getegid()) == (account.uid, account.gid):
            return
        raise ConfigError("--user needs to be started as root")
    try:
        os.setgroups(account.groups)
        os.setresgid(account.gid, account.gid, account.gid)
        os.setresuid(account.uid, account.uid, account.uid)
    except (OSError, OverflowError) as error:
        raise ConfigError(f"--user cannot be followed: {error}") from error
    if os.getresuid() != (account.uid,) * 3 or os.getresgid() != (account.gid,) * 3:
        raise ConfigError(f"--user cannot be followed: this process is user {os.geteuid()} still")
