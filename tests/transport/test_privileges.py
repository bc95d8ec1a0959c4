"""`--user`: what root opens, and what is done as another user."""

from __future__ import annotations

import grp
import os
import pwd
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from iipserve.transport.privileges import Account, parse_account
from tests.other_users import PACKAGES, USER, folder_of_all, interpreter_of_all
from tests.ports import free_port
from tests.transport.processes import ROOT, Command, echo, until


@pytest.fixture
def folder() -> Iterator[Path]:
    with folder_of_all() as folder:
        yield folder


@pytest.fixture(autouse=True)
def _only_root(request: pytest.FixtureRequest) -> None:
    if os.geteuid() != 0 and "folder" in request.fixturenames:
        pytest.skip("only root may become another user")


@pytest.fixture(scope="module")
def interpreter() -> str:
    return interpreter_of_all()


@contextmanager
def started(folder: Path, interpreter: str, *arguments: str, log: str, **settings: str) -> Iterator[Command]:
    """The command, run by that interpreter in place of the tests'."""
    wrapper = ["sh", "-c", 'shift; exec "$0" "$@"', interpreter]
    settings |= {"LOGFILE": log, "PYTHONPATH": PACKAGES}
    command = Command(folder, *arguments, wrapper=wrapper, **settings)
    try:
        yield command
    finally:
        command.stop()


def status(process: int) -> dict[str, list[str]]:
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return {name: value.split() for name, _, value in (line.partition(":") for line in lines)}


def test_names_and_numbers_of_users_and_groups() -> None:
    known = pwd.getpwnam(USER)
    group = grp.getgrgid(known.pw_gid)
    usual = parse_account(USER)
    assert usual == Account(known.pw_uid, known.pw_gid, tuple(os.getgrouplist(USER, known.pw_gid)))
    assert parse_account(str(known.pw_uid)) == usual
    assert (
        parse_account(f"{USER}:{group.gr_name}") == parse_account(f"{known.pw_uid}:{group.gr_gid}") == usual
    )
    assert parse_account("54321:12345") == Account(54321, 12345, (12345,))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("no-such-user", "there is no user 'no-such-user'"),
        ("", "there is no user ''"),
        ("4294967295:33", "there is no user '4294967295'"),
        ("9" * 5000, f"there is no user '{'9' * 5000}'"),
        (f"{USER}:no-such-group", "there is no group 'no-such-group'"),
        (f"{USER}:4294967295", "there is no group '4294967295'"),
        (f"{USER}:99999999999999", "there is no group '99999999999999'"),
        ("54321", "user 54321 has no entry in the system's database: a group is needed (54321:GROUP)"),
    ],
)
def test_unknown_names_are_wrong_usage(text: str, reason: str, tmp_path: Path) -> None:
    command = Command(tmp_path, "--bind", f"127.0.0.1:{free_port()}", "--user", text)
    code, err = command.end()
    assert code == 2
    assert err.endswith(f"argument --user: {reason}\n")


def test_supervisor_and_workers_have_no_right_of_root(folder: Path, interpreter: str) -> None:
    account, port = parse_account(USER), free_port()
    logs = folder / "logs"
    logs.mkdir()
    os.chown(logs, account.uid, account.gid)
    with started(
        folder, interpreter, "--bind", f"127.0.0.1:{port}", "--user", USER, log=f"{logs}/log"
    ) as command:
        worker = until(lambda: echo(("127.0.0.1", port)))["pid"]
        for process in (command.process.pid, worker):
            known = status(process)
            assert known["Uid"] == [str(account.uid)] * 4
            assert known["Gid"] == [str(account.gid)] * 4
            assert set(known["Groups"]) == {str(group) for group in account.groups}
            assert {int(known[name][0], 16) for name in ("CapPrm", "CapEff")} == {0}
    assert (logs / "log").stat().st_uid == account.uid


def test_socket_in_a_folder_of_root(folder: Path, interpreter: str) -> None:
    """Which only root may make; as this user may not remove it, the next start does."""
    path = folder / "socket"
    for _ in range(2):
        arguments = ("--bind", str(path), "--user", USER)
        with started(folder, interpreter, *arguments, log=f"{folder}/log", SOCKET_MODE="0660") as command:
            until(lambda: echo(str(path)))
            assert path.stat().st_mode & 0o777 == 0o660
            command.process.terminate()
            code, err = command.end()
        assert code == 0
        assert f"LOGFILE '{folder}/log' cannot be used (Permission denied)" in err
        assert "Traceback" not in err
        assert path.exists()


def test_file_that_only_root_may_read_is_none_for_the_server(folder: Path, interpreter: str) -> None:
    services = folder / "services.toml"
    services.write_text("[service]\n")
    services.chmod(0o600)
    arguments = ("--bind", f"127.0.0.1:{free_port()}", "--user", USER)
    with started(folder, interpreter, *arguments, log="-", SERVICES=str(services)) as command:
        code, err = command.end()
    assert code == 1
    assert "SERVICES is" in err
    assert "ermission denied" in err


@pytest.mark.parametrize("ids", [(2**32 - 1, 33), (33, 2**32 - 1)])
def test_ids_that_change_nothing_are_refused(folder: Path, ids: tuple[int, int]) -> None:
    """To setresuid(2) and setresgid(2), -1 means to leave an id as it is."""
    script = f"become(Account({ids[0]}, {ids[1]}, (33,)))"
    done = subprocess.run(
        [sys.executable, "-c", f"from iipserve.transport.privileges import *; {script}"], cwd=ROOT,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "iipserve.errors.ConfigError: --user cannot be followed" in done.stderr


def test_check_is_that_user_s(folder: Path, interpreter: str) -> None:
    """Who may not enter a folder that root may."""
    images = folder / "images"
    images.mkdir(mode=0o700)
    environ = {"FILESYSTEM_PREFIX": f"{images}/", "LOGFILE": "-", "PYTHONPATH": f"{ROOT}:{PACKAGES}"}
    done = subprocess.run(
        [interpreter, "-m", "iipserve", "--check", "--user", USER], cwd="/",
        env=environ, capture_output=True, text=True, check=False,
    )  # fmt: skip
    line = f"FILESYSTEM_PREFIX is '{images}/'; this user cannot read that folder\n"
    assert (done.returncode, done.stderr) == (1, line)


def test_other_users_cannot_change(folder: Path) -> None:
    script = "import os; os.setresuid(1234, 1234, 1234); become(Account(1234, os.getgid(), ())); become(Account(1, 1, ()))"
    done = subprocess.run(
        [sys.executable, "-c", f"from iipserve.transport.privileges import *; {script}"], cwd=ROOT,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stderr.endswith("iipserve.errors.ConfigError: --user needs to be started as root\n")
