"""What large images took is given back."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

TAKE_AND_FREE = """
import threading
import numpy as np
from iipserve.transport.malloc import tune_malloc

def resident():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) // 1024 for line in status if line.startswith("VmRSS"))

tune_malloc()
before, barrier = resident(), threading.Barrier(8)

def take():
    for _ in range(3):
        large, small = np.ones(20_000_000, np.uint8), [np.ones(200_000, np.uint8) for _ in range(20)]
        barrier.wait()

threads = [threading.Thread(target=take) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(resident() - before)
"""


def test_memory_of_large_arrays_goes_back_to_the_system() -> None:
    grown = subprocess.run(
        [sys.executable, "-c", TAKE_AND_FREE],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    ).stdout
    assert int(grown) < 80, "MB, of 192 in use at once"
