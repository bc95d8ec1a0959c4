"""Sample files work as they are written; only ports and folders are replaced.

tests/end_to_end/test_front_ends.py runs those of the web servers, test_services.py those for systemd, supervisor and logrotate.
"""

from __future__ import annotations

import json
import re
import subprocess
import urllib.request
from pathlib import Path

import pytest

from tests.documentation.clone import PLACES
from tests.documentation.markdown import DOCUMENTS, blocks
from tests.end_to_end import servers
from tests.end_to_end.running import ROOT, daemon, needed, running
from tests.ports import free_port

CONF = sorted(path for path in (ROOT / "conf").iterdir() if path.is_file())
PATH = re.compile(r"(?<![\w.:/$])/(?:opt|srv|etc|run|var)/[\w./-]*[\w/]")
OWN_PLACES = {
    "/etc/default/iipserve",
    "/etc/iipserve/services.toml",
    "/etc/iipserve/tokens",
    "/var/cache/iipserve",
    "/var/cache/iipserve/catalog.json",
    "/var/lib/iipserve",
    "/var/lib/iipserve/collections.sqlite",
    "/etc/systemd/system",
    "/etc/logrotate.d/iipserve",
    "/etc/supervisor/conf.d/iipserve.conf",
    "/var/lib/apt/lists/",
    "/srv/colormaps",
    "/srv/mark.png",
    "/srv/mark.tif",
}
"""Paths of other programs that are named besides `PLACES`."""
OWN_DOCUMENTS = [path for path in DOCUMENTS if path.name != "migration.md"]
"""Documents that name no paths of iipsrv."""


def fetched(address: str) -> tuple[dict[str, str], bytes]:
    with urllib.request.urlopen(address, timeout=120) as answer:
        return {name.lower(): value for name, value in answer.headers.items()}, answer.read()


@pytest.mark.parametrize(
    "path", [*CONF, ROOT / "nginx-example.conf", *OWN_DOCUMENTS], ids=lambda path: path.name
)
def test_paths_are_the_same_everywhere(path: Path) -> None:
    for found in PATH.findall(path.read_text()):
        known = found in OWN_PLACES or found.startswith(PLACES)
        assert known, f"{path.name} names {found}"


def test_sample_commands_are_that_of_the_install() -> None:
    for path in CONF:
        for found in re.findall(r"\S*iipserve(?:\.fcgi)?(?= --)", path.read_text()):
            assert found.removeprefix("ExecStart=").removeprefix("command=") in (
                "/opt/iipserve/bin/iipserve",
                "iipserve",
            )


@pytest.mark.parametrize("unit", ["iipserve.service", "iipserve.socket"])
def test_units_are_valid(unit: str, tmp_path: Path) -> None:
    launcher = servers.starter(tmp_path) / "bin" / "iipserve"
    for name in ("iipserve.service", "iipserve.socket"):
        text = (ROOT / "conf" / name).read_text().replace("/opt/iipserve/bin/iipserve", str(launcher))
        (tmp_path / name).write_text(text)
    assert verified(tmp_path / unit) == (0, [])


def test_debian_s_unit_of_iipsrv_takes_the_lines(tmp_path: Path) -> None:
    (block,) = (block for block in blocks(ROOT / "docs" / "migration.md") if block.language == "ini")
    launcher = servers.starter(tmp_path) / "bin" / "iipserve"
    unit = tmp_path / "iipsrv.service"
    unit.write_text(
        "[Service]\nEnvironmentFile=-/etc/default/iipsrv\nExecStart=/bin/true\nRestart=on-failure\n"
    )
    changes = tmp_path / "iipsrv.service.d" / "override.conf"
    changes.parent.mkdir()
    changes.write_text(block.text.replace("/opt/iipserve/bin/iipserve", str(launcher)))
    assert verified(unit) == (0, [])


def test_debian_s_apache_module_of_iipsrv_takes_the_lines(images: Path, tmp_path: Path) -> None:
    (block,) = (block for block in blocks(ROOT / "docs" / "migration.md") if block.language == "apache")
    lines = [line.removeprefix("# instead of ") for line in block.text.splitlines()]
    changes = dict(zip(lines[0::2], lines[1::2], strict=True)) | {
        '"/var/log/iipsrv.log"': f'"{tmp_path}/log"'
    }
    try:
        text = Path("/etc/apache2/mods-available/iipsrv.conf").read_text()
    except FileNotFoundError:
        pytest.skip("iipimage-server is not installed")
    text = servers.replaced(text, changes).replace("/opt/iipserve", str(servers.starter(tmp_path)))
    own = f"FcgidIPCDir {tmp_path}\nFcgidProcessTableFile {tmp_path}/shm\nFcgidInitialEnv FILESYSTEM_PREFIX {images}/\n"
    with servers.apache(tmp_path, ("fcgid",), own + text) as site:
        assert fetched(f"{site}/iipsrv/iipsrv.fcgi?FIF=a.tif&JTL=0,0")[0]["content-type"] == "image/jpeg"
        assert fetched(f"{site}/iipsrv/iipsrv.fcgi")[1].startswith(b"iipserve")


def verified(unit: Path) -> tuple[int, list[str]]:
    """Status and complaints of systemd about a unit."""
    command = [needed("systemd-analyze"), "verify", "--man=no", str(unit)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if "Failed to initialize manager" in done.stderr:
        pytest.skip(f"systemd-analyze does not run here: {done.stderr.strip()}")
    return done.returncode, [line for line in done.stderr.splitlines() if "iips" in line]


def test_each_sample_of_a_web_server_is_a_front_end_of_the_tests() -> None:
    """tests/end_to_end/test_front_ends.py asks all of them."""
    starters = Path(servers.__file__).read_text()
    samples = [path.name for path in CONF if path.name.startswith(("apache-", "lighttpd-", "nginx-"))]
    assert len(samples) >= 6
    assert [name for name in samples if f'"{name}"' not in starters] == []


def test_http_proxy_under_a_path_of_its_own(images: Path, tmp_path: Path) -> None:
    (block,) = (block for block in blocks(ROOT / "docs" / "deployment.md") if block.language == "nginx")
    http, port = free_port(), free_port()
    (tmp_path / "nginx.conf").write_text(
        f"worker_processes 1; pid {tmp_path}/pid; error_log {tmp_path}/error.log; events {{}}\n"
        f"http {{ access_log off; proxy_temp_path {tmp_path}/proxy; client_body_temp_path {tmp_path}/body;"
        f" fastcgi_temp_path {tmp_path}/fastcgi; uwsgi_temp_path {tmp_path}/uwsgi; scgi_temp_path {tmp_path}/scgi;\n"
        f"server {{ listen 127.0.0.1:{port};\n{block.text.replace('127.0.0.1:8080', f'127.0.0.1:{http}')} }} }}"
    )
    options = "daemon off; user root;" if servers.os.geteuid() == 0 else "daemon off;"
    command = [needed("nginx"), "-c", f"{tmp_path}/nginx.conf", "-e", f"{tmp_path}/start.log", "-g", options]
    with (
        daemon(images, tmp_path, "--http", f"127.0.0.1:{http}", ports=[http]),
        running(command, [port], tmp_path / "nginx.log"),
    ):
        site = f"http://127.0.0.1:{port}/images"
        info = json.loads(fetched(f"{site}/iiif/a.tif/info.json")[1])
        assert info["id"] == f"{site}/iiif/a.tif"
        forged = urllib.request.Request(
            f"{site}/iiif/a.tif/info.json",
            headers={
                "X-Forwarded-Host": "evil.example",
                "X-IIIF-ID": "http://evil.example/a",
                "Forwarded": "host=evil.example",
            },
        )
        with urllib.request.urlopen(forged, timeout=120) as answer:
            assert json.load(answer)["id"] == info["id"]


def containerfile() -> list[tuple[str, str]]:
    """Instructions with their arguments."""
    text = (ROOT / "conf" / "Containerfile").read_text().replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(word, rest.strip()) for word, _, rest in (line.partition(" ") for line in lines)]


def test_container_starts_and_is_healthy(images: Path, tmp_path: Path) -> None:
    instructions = containerfile()
    assert [word for word, _ in instructions] == [
        "FROM", "RUN", "FROM", "RUN", "COPY", "RUN", "COPY", "USER", "ENV", "EXPOSE", "STOPSIGNAL", "HEALTHCHECK", "ENTRYPOINT", "CMD",
    ]  # fmt: skip
    found = dict(instructions)
    copied = [rest.split() for word, rest in instructions if word == "COPY"]
    assert copied[0][0] == "."
    assert found["RUN"].endswith(f" {copied[0][1]}")
    environ = dict(pair.split("=", 1) for pair in found["ENV"].split())
    environ |= {"FILESYSTEM_PREFIX": f"{images}/", "WORKERS": "1"}
    port = free_port()
    assert found["EXPOSE"] == "8080"
    entry = [*json.loads(found["ENTRYPOINT"]), *json.loads(found["CMD"].replace("8080", str(port)))]
    assert entry[0] == "iipserve"
    command = [str(servers.starter(tmp_path) / "bin" / entry[0]), *entry[1:]]
    with running(command, [port], tmp_path / "log", **environ):
        health = json.loads(found["HEALTHCHECK"].partition("CMD ")[2].replace("8080", str(port)))
        assert subprocess.run([servers.sys.executable, *health[1:]], check=False).returncode == 0
        broken = [part.replace(str(port), str(free_port())) for part in health[1:]]
        failed = subprocess.run([servers.sys.executable, *broken], capture_output=True, check=False)
        assert failed.returncode != 0


def test_containers_hold_nothing_that_git_ignores() -> None:
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    for line in (ROOT / ".gitignore").read_text().splitlines():
        assert line in ignored or f"**/{line}" in ignored
