from __future__ import annotations

import os
import signal

from iipserve.command_line.parallel import ENDED, in_processes


def squared(number: int) -> tuple[int, str]:
    """The square of a number; one of them ends the process."""
    if number == 13:
        os.kill(os.getpid(), signal.SIGKILL)
    return number * number, ""


def failed(number: int, reason: str) -> tuple[int, str]:
    return number, reason


def test_what_ends_its_process_fails_alone() -> None:
    results = list(in_processes(squared, range(11, 16), 1, failed))
    expected = [(number * number, "") for number in range(11, 16) if number != 13]
    assert sorted(results) == [(13, ENDED), *expected]


def test_nothing_to_do() -> None:
    assert list(in_processes(squared, [], 2, failed)) == []
