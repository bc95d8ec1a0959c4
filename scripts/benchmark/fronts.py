"""Warm tiles by the three ways of nginx: asking iipserve each time, from its own cache, and straight from memcached; and by HTTP
from iipserve itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from scripts.benchmark.cases import WARM, paths_of
from scripts.benchmark.images import Image
from scripts.benchmark.load import write_paths, wrk
from scripts.benchmark.servers import Ports, cpu_seconds, iipserve, memcached, nginx

SECONDS = 5.0


def measured(
    mount: str, *, keeps_bodies: bool = False, has_front: bool = True
) -> Callable[[Path, Mapping[str, Image]], str]:
    """Answers per second below a path, and the CPU time that each of the servers takes for one.

    Args:
        mount: the path.
        keeps_bodies: iipserve puts bodies into memcached.
        has_front: nginx is asked, and not iipserve over HTTP.
    """

    def measure(folder: Path, images: Mapping[str, Image]) -> str:
        case, ports = replace(WARM[0], memcached=keeps_bodies), Ports.free()
        if keeps_bodies:
            case = replace(case, settings={**case.settings, "MEMCACHED_PASS": "3600"})
        paths = write_paths("front", mount, paths_of(case, images))
        with ExitStack() as stack:
            processes = {"memcached": stack.enter_context(memcached(ports))} if keeps_bodies else {}
            server = stack.enter_context(iipserve(ports, folder, case, over_http=not has_front))
            processes["iipserve"] = server
            if has_front:
                processes["nginx"] = stack.enter_context(nginx(ports))
            else:
                ports = replace(ports, nginx=ports.iipserve)
            wrk(paths, ports, server, 8, case.warm_seconds)
            before = {name: cpu_seconds(process.pid) for name, process in processes.items()}
            found = wrk(paths, ports, server, 8, SECONDS)
            answers = found.per_second * SECONDS
            shares = {
                name: (cpu_seconds(process.pid) - before[name]) / answers * 1e6
                for name, process in processes.items()
            }
        parts = ", ".join(f"{name} {share:.1f}" for name, share in shares.items())
        return (
            f"{found.per_second:,.0f} per s, p50 {found.median:.3g} ms, p99 {found.slowest:.3g} ms; "
            f"µs CPU: {parts}, together {sum(shares.values()):.1f}"
            + f"; {found.failed} failed"
            * bool(found.failed)
        )

    return measure
