"""logrotate moves the log of a running daemon by the sample of `conf/`, and no line is lost."""

from __future__ import annotations

import grp
import gzip
import os
import pwd
import subprocess
import urllib.request
from pathlib import Path

from tests.end_to_end.running import ROOT, daemon, needed
from tests.ports import free_port
from tests.transport.processes import until


def test_log_follows_logrotate(tmp_path: Path) -> None:
    command = needed("logrotate")
    log, port = tmp_path / "logs" / "iipserve.log", free_port()
    log.parent.mkdir(mode=0o755)
    user = pwd.getpwuid(os.getuid())
    sample = (ROOT / "conf" / "iipserve.logrotate").read_text()
    sample = sample.replace("/var/log/iipserve", str(log.parent))
    sample = sample.replace("www-data www-data", f"{user.pw_name} {grp.getgrgid(user.pw_gid).gr_name}")
    configuration = tmp_path / "logrotate.conf"
    configuration.write_text(sample)
    configuration.chmod(0o644)
    settings = {"LOGFILE": str(log), "VERBOSITY": "2", "WORKERS": "2"}
    count = 60
    with daemon(tmp_path, tmp_path, "--http", f"127.0.0.1:{port}", ports=[port], **settings):
        for number in range(count):
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/iip", timeout=60) as answer:
                assert answer.status == 200
            if number in (20, 40):
                subprocess.run(
                    [command, "--force", "--state", str(tmp_path / "state"), str(configuration)],
                    check=True, timeout=60,
                )  # fmt: skip
        until(lambda: sum(_requests(path) for path in log.parent.glob("iipserve.log*")) >= count)
        files = sorted(path.name for path in log.parent.iterdir())
        assert files[:2] == ["iipserve.log", "iipserve.log.1"]
        assert files[2].startswith("iipserve.log.2")
        assert sum(_requests(path) for path in log.parent.glob("iipserve.log*")) == count
        assert all(_requests(path) > 5 for path in log.parent.glob("iipserve.log*"))


def _requests(path: Path) -> int:
    data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    return data.count(b" GET /iip 200 ")
