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

FREE_BETWEEN = """
import ctypes
from iipserve.transport.malloc import Trimmer, tune_malloc
from iipserve.transport.worker_memory import own_bytes

tune_malloc()
trimmer, before, libc = Trimmer(), own_bytes(), ctypes.CDLL(None)
libc.malloc.restype = libc.memset.restype = ctypes.c_void_p
libc.malloc.argtypes, libc.free.argtypes = [ctypes.c_size_t], [ctypes.c_void_p]
libc.memset.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t]
blocks = [(libc.malloc(1 << 20), libc.malloc(40_000)) for _ in range(100)]
for large, small in blocks:
    libc.memset(large, 1, 1 << 20)
for large, small in blocks:
    libc.free(large)
freed = own_bytes()
trimmer.tick(idle=True)
print((freed - before) >> 20, (own_bytes() - before) >> 20)
"""
"""Blocks that are in use keep those between them in the heap."""


def run(code: str) -> list[int]:
    """The numbers that a process of its own prints."""
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root)
    return [int(number) for number in done.stdout.split()]


def test_free_memory_between_used_blocks_goes_back_to_the_system() -> None:
    kept, left = run(FREE_BETWEEN)
    assert kept > 80, "MB, of 100"
    assert left < 10


def test_memory_of_large_arrays_goes_back_to_the_system() -> None:
    (grown,) = run(TAKE_AND_FREE)
    assert grown < 80, "MB, of 192 in use at once"
