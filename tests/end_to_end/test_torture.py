"""`scripts/torture`, for `TORTURE_SECONDS`: nothing is wrong, and nothing fails but what is killed."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

pytest.importorskip("rasterio")
pytest.importorskip("cql2")

from tests.end_to_end.running import ROOT

SECONDS = os.environ.get("TORTURE_SECONDS", "60")


def test_right_answers_under_disturbance() -> None:
    command = [sys.executable, "-P", "-m", "scripts.torturing", "--seconds", SECONDS]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith("nothing is wrong\n")
