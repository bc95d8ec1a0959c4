"""Metrics for Prometheus: what is counted of each request, and the text that tells of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from iipserve.exchange import Exchange
from iipserve.transport.answered import Answered
from iipserve.transport.counters import BUCKETS, GAUGE, Counters, WorkerCounters, total

SEPARATOR = "|"
"""Between the name of a metric and the values of its labels."""
CAPITAL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
HISTOGRAMS = {
    "request_seconds": ("Time until answers were ready.", ("protocol", "cache")),
    "phase_seconds": ("Time that answers took in each phase.", ("phase",)),
}
COUNTERS = {
    "requests": ("Requests that have been answered.", ("protocol", "status")),
    "response_bytes": ("Bytes of the bodies of answers.", ("protocol",)),
    "renders": ("Images that were made.", ("protocol",)),
    "missing_images": ("Images that answers lack, as they cannot be opened or read.", ("protocol",)),
    "errors": ("Answers that are errors, by kind.", ("kind",)),
    "incomplete_responses": ("Answers of which the client did not receive all.", ()),
    "workers_replaced": ("Worker processes that ended and were replaced, by reason.", ("reason",)),
}
GAUGES = {
    "worker_memory_bytes": "Memory of each worker that it does not share.",
    "waiting_requests": "Requests that wait for others to be rendered.",
    "images_opened": "Files of images that were opened since the worker started.",
    "cache_bytes": "Bytes in the cache of encoded images and decoded tiles.",
    "cache_capacity_bytes": "Bytes that this cache may have.",
    "cache_entries": "Encoded images and decoded tiles in the cache.",
}
"""Of each worker, as of the last second."""
UNKNOWN = "none"
"""Protocol of requests that lead to none."""


class Metrics:
    """A sink of records that counts them."""

    def __init__(self, counters: WorkerCounters) -> None:
        self._counters = counters

    def add(self, record: Answered, exchange: Exchange) -> None:
        """Count one request."""
        counters, protocol = self._counters, record.protocol or UNKNOWN
        counters.observe(f"request_seconds|{protocol}|{record.cache}", record.seconds)
        counters.add(f"requests|{protocol}|{record.status}")
        counters.add(f"response_bytes|{protocol}", record.bytes)
        if record.renders:
            counters.add(f"renders|{protocol}", record.renders)
        if exchange.missing:
            counters.add(f"missing_images|{protocol}", len(exchange.missing))
        if record.error:
            counters.add(f"errors|{CAPITAL.sub('_', record.error).lower()}")
        if not record.complete:
            counters.add("incomplete_responses")
        for phase, seconds in record.phases.items():
            counters.observe(f"phase_seconds|{phase}", seconds)


class Collector:
    """Gives prometheus_client what all workers have counted."""

    def __init__(self, counters: Counters) -> None:
        self._counters = counters

    def collect(self) -> Iterator[Any]:
        """A family for each metric."""
        parts = self._counters.read()
        series = total([{name: part[name] for name in part if not name.startswith(GAUGE)} for part in parts])
        yield from self._counted(series)
        yield from self._gauges(parts)

    def _counted(self, series: Any) -> Iterator[Any]:
        from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily

        for name, (text, labels) in HISTOGRAMS.items():
            histogram = HistogramMetricFamily(f"iipserve_{name}", text, labels=labels)
            for values, (seconds, *counts) in _of(name, series):
                histogram.add_metric(values, _cumulated(counts), seconds)
            yield histogram
        for name, (text, labels) in COUNTERS.items():
            counter = CounterMetricFamily(f"iipserve_{name}", text, labels=labels)
            for values, (amount, *_) in _of(name, series):
                counter.add_metric(values, amount)
            yield counter

    def _gauges(self, parts: list[dict[str, list[float]]]) -> Iterator[Any]:
        from prometheus_client.core import GaugeMetricFamily

        for name, text in GAUGES.items():
            gauge = GaugeMetricFamily(f"iipserve_{name}", text, labels=("worker",))
            for index, part in enumerate(parts[1:]):
                if (values := part.get(GAUGE + name)) is not None:
                    gauge.add_metric((str(index),), values[0])
            yield gauge
        workers = GaugeMetricFamily("iipserve_workers", "Worker processes.")
        workers.add_metric((), len(parts) - 1)
        yield workers


def exposition(counters: Counters, accept: str) -> tuple[bytes, str]:
    """The text for Prometheus in the form that it accepts, and its media type."""
    from prometheus_client import CollectorRegistry
    from prometheus_client.exposition import choose_encoder

    registry = CollectorRegistry()
    registry.register(Collector(counters))
    encode, media_type = choose_encoder(accept)
    return encode(registry), media_type


def _of(name: str, series: Any) -> Iterator[tuple[tuple[str, ...], list[float]]]:
    for key in sorted(series):
        found, *labels = key.split(SEPARATOR)
        if found == name:
            yield tuple(labels), series[key]


def _cumulated(counts: list[float]) -> list[tuple[str, float]]:
    """Counts of durations up to each limit."""
    found, so_far = [], 0.0
    for limit, count in zip((*map(str, BUCKETS), "+Inf"), counts):  # noqa: B905  # others are not used
        so_far += count
        found.append((limit, so_far))
    return found
