"""Rights given up at the start: sockets are opened as root, and everything else is done as another user."""

from __future__ import annotations

import os
import pwd
from typing import NamedTuple

from iipserve.config.system_ids import group_number, id_number
from iipserve.errors import ConfigError


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
    number, entry = id_number(user), _user(user)
    if entry is not None:
        gid = group_number(group) if group else entry.pw_gid
        return Account(entry.pw_uid, gid, tuple(os.getgrouplist(entry.pw_name, gid)))
    if number is None:
        raise ValueError(f"there is no user {user!r}")
    if not group:
        raise ValueError(
            f"user {user} has no entry in the system's database: a group is needed ({user}:GROUP)"
        )
    gid = group_number(group)
    return Account(number, gid, (gid,))


def _user(text: str) -> pwd.struct_passwd | None:
    number = id_number(text)
    try:
        return pwd.getpwnam(text) if number is None else pwd.getpwuid(number)
    except KeyError:
        return None


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
