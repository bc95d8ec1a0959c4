"""Samples for what starts the server and looks after it: systemd, supervisor, logrotate. Each with the real program.

tests/end_to_end/test_front_ends.py and others run the samples of web servers.
"""

from __future__ import annotations

import grp
import json
import os
import pwd
import re
import shlex
import socket
import subprocess
from fnmatch import fnmatch
from functools import partial
from pathlib import Path

import pytest

from tests.documentation.test_samples import CONF, containerfile, fetched
from tests.end_to_end import servers
from tests.end_to_end.running import ROOT, daemon, needed, running
from tests.ports import free_port
from tests.transport.client import connect
from tests.transport.processes import until

WORST_EXPOSURE = 30
"""Tenths of systemd's measure, of which it calls up to 20 OK and up to 50 MEDIUM; a service without settings has 96."""
TILE = "/iip?FIF=a.tif&JTL=0,0"


@pytest.mark.parametrize("path", CONF, ids=lambda path: path.name)
def test_each_sample_is_used_by_a_test(path: Path) -> None:
    """By its name, which those that run it with its own program read it by."""
    modules = (module.read_text() for module in (ROOT / "tests").rglob("*.py"))
    assert any(f'"{path.name}"' in text or f"/{path.name}" in text for text in modules)


# -- systemd


def unit(name: str, work: Path, replacements: dict[str, str]) -> Path:
    """A unit of the samples with other paths."""
    path = work / name
    path.write_text(servers.replaced((ROOT / "conf" / name).read_text(), replacements))
    return path


def entries(path: Path) -> dict[str, list[str]]:
    """Values of a unit by their names."""
    found: dict[str, list[str]] = {}
    for line in path.read_text().splitlines():
        if re.match(r"[A-Z]\w*=", line):
            name, _, value = line.partition("=")
            found.setdefault(name, []).append(value)
    return found


def test_service_has_few_rights(tmp_path: Path) -> None:
    service = unit("iipserve.service", tmp_path, {"/opt/iipserve/bin/iipserve": "/bin/true"})
    command = [
        needed("systemd-analyze"),
        "security",
        "--offline=true",
        f"--threshold={WORST_EXPOSURE}",
        str(service),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if "nknown option" in done.stderr or "unrecognized option" in done.stderr:
        pytest.skip("systemd-analyze is too old to rate a file")
    assert done.returncode == 0, done.stdout[-200:] + done.stderr


def test_service_may_write_what_the_documents_name() -> None:
    known = entries(ROOT / "conf" / "iipserve.service")
    assert known["ProtectSystem"] == ["strict"]
    for name, folder in (
        ("RuntimeDirectory", "/run/iipserve/iipserve.sock"),
        ("LogsDirectory", "/var/log/iipserve/iipserve.log"),
        ("CacheDirectory", "/var/cache/iipserve/catalog.json"),
        ("StateDirectory", "/var/lib/iipserve/collections.sqlite"),
    ):
        assert Path(folder).parent.name == known[name][0]
        documents = [*(ROOT / "docs").glob("*.md"), ROOT / "conf" / "iipserve.service"]
        assert any(folder in document.read_text() for document in documents)


def test_socket_activation(images: Path, tmp_path: Path) -> None:
    """The command of the unit, with a socket that another process listens on: it replaces --bind."""
    known = entries(ROOT / "conf" / "iipserve.service")
    path = tmp_path / "iipserve.sock"
    assert entries(ROOT / "conf" / "iipserve.socket")["ListenStream"][0] in known["ExecStart"][0]
    text = known["ExecStart"][0].replace("/opt/iipserve", str(servers.starter(tmp_path)))
    text = text.replace("/run/iipserve/", f"{tmp_path}/not-made/")
    settings = {"FILESYSTEM_PREFIX": f"{images}/", "LOGFILE": "-", "WORKERS": "1"}
    given = [f"--setenv={name}={value}" for name, value in (*settings.items(), ("PATH", os.environ["PATH"]))]
    command = [needed("systemd-socket-activate"), "-l", str(path), *given, *shlex.split(text)]
    with running(command, [], tmp_path / "log"):
        # it is started by the first connection
        peer = until(lambda: connect(str(path)))
        with peer:
            assert peer.ask(TILE).status == 200
    assert f"serves FastCGI on {path}" in (tmp_path / "log").read_text()
    assert path.exists(), "the socket is not the server's"


def test_service_reports_that_it_is_ready(images: Path, tmp_path: Path) -> None:
    """Type=notify: systemd's socket for messages gets READY=1 (sd_notify(3))."""
    assert entries(ROOT / "conf" / "iipserve.service")["Type"] == ["notify"]
    port = free_port()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(120)
        given = {"NOTIFY_SOCKET": f"{tmp_path}/notify"}
        with daemon(images, tmp_path, "--bind", f"127.0.0.1:{port}", ports=[port], **given):
            assert b"READY=1" in manager.recv(4096)


# -- supervisor

SUPERVISOR = """
[unix_http_server]
file = {work}/supervisor.sock
[supervisord]
logfile = {work}/supervisord.log
pidfile = {work}/supervisord.pid
childlogdir = {work}
nodaemon = true
{user}
[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface
[supervisorctl]
serverurl = unix://{work}/supervisor.sock
[include]
files = {work}/conf.d/*.conf
"""


def test_supervisor_runs_its_sample(images: Path, tmp_path: Path) -> None:
    """Started, restarted and stopped by supervisorctl. It writes its log itself, as logrotate needs it."""
    work, port, logs = tmp_path / "work", free_port(), tmp_path / "logs"
    (work / "conf.d").mkdir(parents=True)
    logs.mkdir()
    own = pwd.getpwuid(os.geteuid()).pw_name
    sample = servers.replaced(
        (ROOT / "conf" / "supervisor.conf").read_text(),
        {
            "/opt/iipserve": str(servers.starter(tmp_path)), "127.0.0.1:9000": f"127.0.0.1:{port}",
            "/srv/images/": f"{images}/", "/var/log/iipserve": str(logs), "user=www-data": f"user={own}",
        },
    )  # fmt: skip
    (work / "conf.d" / "iipserve.conf").write_text(sample)
    user = f"user = {own}" if os.geteuid() == 0 else ""
    (work / "supervisord.conf").write_text(SUPERVISOR.format(work=work, user=user))

    def control(*command: str) -> str:
        done = subprocess.run(
            [needed("supervisorctl"), "-c", str(work / "supervisord.conf"), *command],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        return done.stdout

    with running(
        [needed("supervisord"), "-c", str(work / "supervisord.conf")], [port], work / "out", WORKERS="1"
    ):
        with connect(("127.0.0.1", port)) as peer:
            assert peer.ask(TILE).status == 200
        until(lambda: "RUNNING" in control("status", "iipserve"))
        assert "iipserve: started" in control("restart", "iipserve")
        with until(lambda: connect(("127.0.0.1", port))) as peer:
            assert peer.ask(TILE).status == 200
        assert "iipserve: stopped" in control("stop", "iipserve")
    assert (logs / "iipserve.log").read_text().count("INFO iipserve ends") == 2
    assert (logs / "supervisor.out").read_text() == ""


def test_logrotate_moves_the_server_s_own_log_only() -> None:
    """supervisord would go on writing to a file of its own that was moved."""
    supervisor = (ROOT / "conf" / "supervisor.conf").read_text()
    pattern = (ROOT / "conf" / "iipserve.logrotate").read_text().split("\n/")[1].split()[0]
    (log,), (output,) = (
        re.findall(r'LOGFILE="(.*?)"', supervisor),
        re.findall(r"^stdout_logfile=(.*)", supervisor, re.M),
    )
    assert fnmatch(log, f"/{pattern}")
    assert not fnmatch(output, f"/{pattern}")


# -- logrotate


def rotate(sample: Path, *options: str) -> None:
    """Run logrotate as if it were time."""
    command = [needed("logrotate"), "--state", str(sample.with_name("state")), *options, str(sample)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def logged(log: Path, text: str) -> bool:
    return text in log.read_text()


def test_log_goes_on_in_the_file_that_logrotate_makes(images: Path, tmp_path: Path) -> None:
    logs, port = tmp_path / "logs", free_port()
    logs.mkdir(mode=0o750)
    own, group = pwd.getpwuid(os.geteuid()).pw_name, grp.getgrgid(os.getegid()).gr_name
    sample = tmp_path / "sample"
    sample.write_text(
        servers.replaced(
            (ROOT / "conf" / "iipserve.logrotate").read_text(),
            {"/var/log/iipserve": str(logs), "www-data www-data": f"{own} {group}"},
        )
    )
    sample.chmod(0o644)
    log = logs / "iipserve.log"
    settings = {"LOGFILE": str(log), "VERBOSITY": "2"}
    with daemon(images, tmp_path, "--http", f"127.0.0.1:{port}", ports=[port], **settings):
        for text in ("JTL=2,0", "JTL=2,1", "JTL=2,2"):
            fetched(f"http://127.0.0.1:{port}/iip?FIF=a.tif&{text}")
            until(partial(logged, log, text))
            rotate(sample, "--force")
            assert log.read_text() == ""
            assert log.stat().st_mode & 0o777 == 0o640
    assert "JTL=2,2" in (logs / "iipserve.log.1").read_text()
    assert (logs / "iipserve.log.2.gz").exists(), "the one before is compressed"
    assert log.read_text().endswith("INFO iipserve ends\n"), "the supervisor follows too"


# -- the container


def test_container_copies_what_there_is(tmp_path: Path) -> None:
    """Each file that an instruction names is in the build's context, or made by an earlier stage."""
    instructions = containerfile()
    made = [rest for word, rest in instructions if word == "RUN" and "npm install" in rest]
    for word, rest in instructions:
        if word != "COPY":
            continue
        *sources, _ = (part for part in rest.split() if not part.startswith("--"))
        for source in sources:
            assert (ROOT / source).exists() or any(source.startswith(shlex.split(run)[3]) for run in made)
    users = dict(instructions)["USER"]
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", users), "not root, and a number, which needs no entry"
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    for needed_file in ("setup.cfg", "pyproject.toml", "iipserve", "README.md", "LICENSE"):
        assert (ROOT / needed_file).exists()
        assert needed_file not in ignored
    assert json.loads(dict(instructions)["ENTRYPOINT"]) == ["iipserve"]
