"""Requests that cannot fit are refused, those that fit later wait."""

from __future__ import annotations

import threading

import pytest

from iipserve.config import Config
from iipserve.engine.admission import AdmissionControl, Cost
from iipserve.errors import Overloaded, TooLarge
from iipserve.geometry import Size
from iipserve.leader import Leadership

MB = 1_000_000


def cost(side: int = 64, *, read: int = 0, decoded: int = 0, made: int = 0, memory: int = 0) -> Cost:
    """Of a square image of three bands; what is not given follows from its side."""
    area = side * side
    return Cost(
        "image.tif",
        Size(side, side),
        read or area,
        decoded or area,
        False,
        made or area,
        3,
        memory or 6 * area,
    )


TILE = cost()
LARGE = cost(4000)
OF_A_LARGE_REGION = cost(decoded=16 * MB)
ENLARGED = cost(4000, read=4096, decoded=4096)
OF_A_WHOLE_FILE = cost(64, read=4096, decoded=100 * MB)


def test_tile_passes() -> None:
    with AdmissionControl(Config()).admit(TILE):
        pass


def test_too_many_pixels_to_decode() -> None:
    with (
        pytest.raises(TooLarge, match="1600 megapixels"),
        AdmissionControl(Config()).admit(cost(read=1600 * MB)),
    ):
        pass


def test_too_much_to_decode_around_what_is_shown() -> None:
    admission = AdmissionControl(Config())
    with pytest.raises(TooLarge, match="6400 megapixels"), admission.admit(cost(decoded=6400 * MB)):
        pass
    large = cost(memory=3000 * MB)._replace(decoding=2999 * MB)
    with pytest.raises(TooLarge, match="however little of it is shown"), admission.admit(large):
        pass


def test_too_much_memory() -> None:
    admission = AdmissionControl(Config(max_render_memory=50))
    with pytest.raises(TooLarge, match="limit is 50"), admission.admit(LARGE):
        pass


def test_second_waits_for_the_first() -> None:
    admission = AdmissionControl(Config(max_render_memory=LARGE.memory / 1e6))
    entered = threading.Event()

    def second() -> None:
        with admission.admit(LARGE):
            entered.set()

    thread = threading.Thread(target=second)
    with admission.admit(LARGE):
        thread.start()
        assert not entered.wait(0.1)
    assert entered.wait(60)
    thread.join()


def test_waiting_ends() -> None:
    admission = AdmissionControl(Config(max_render_memory=LARGE.memory / 1e6, request_timeout=0.1))
    with admission.admit(LARGE), pytest.raises(Overloaded), admission.admit(LARGE):
        pass


def test_memory_is_given_back_after_an_error() -> None:
    admission = AdmissionControl(Config(max_render_memory=LARGE.memory / 1e6, request_timeout=0.1))
    for _ in range(3):
        with pytest.raises(KeyError), admission.admit(LARGE):
            raise KeyError


def test_no_more_at_once_than_set() -> None:
    admission = AdmissionControl(Config(max_renders=1, request_timeout=0.1))
    with admission.admit(TILE), pytest.raises(Overloaded), admission.admit(TILE):
        pass
    with admission.admit(TILE):
        pass


@pytest.mark.parametrize(
    "heavy",
    [
        pytest.param(LARGE, id="large"),
        pytest.param(OF_A_LARGE_REGION, id="of a large region"),
        pytest.param(ENLARGED, id="enlarged"),
        pytest.param(OF_A_WHOLE_FILE, id="of a file that is decoded as a whole"),
    ],
)
def test_heavy_ones_wait_for_one_another_and_not_for_tiles(heavy: Cost) -> None:
    admission = AdmissionControl(Config(max_renders=1, request_timeout=0.1))
    with admission.admit(heavy), admission.admit(TILE), pytest.raises(Overloaded), admission.admit(LARGE):
        pass


def test_largest_tile_is_not_heavy() -> None:
    assert not cost(2048).is_heavy
    assert cost(2049).is_heavy


@pytest.mark.parametrize(
    ("found", "is_brief"),
    [
        pytest.param(cost(512), True, id="little"),
        pytest.param(cost(256, decoded=2048 * 2048), False, id="part of a large tile"),
        pytest.param(cost(4000, read=4096, decoded=4096), False, id="enlarged"),
        pytest.param(cost(256)._replace(is_expensive=True), False, id="expensive to decode"),
    ],
)
def test_what_is_brief(found: Cost, is_brief: bool) -> None:
    assert found.is_brief is is_brief


def test_processing_holds_copies_of_the_result() -> None:
    read = cost(100, memory=50_000)
    processed = read.processed(20_000, copies=4, pixel_bytes=4)
    assert processed.made == 20_000
    assert processed.memory == 4 * 20_000 * 4
    assert read.processed(100, copies=4, pixel_bytes=4).memory == 50_000, "reading takes more"
    assert (processed.read, processed.decoded, processed.size) == (read.read, read.decoded, read.size)


@pytest.mark.parametrize(
    ("cores", "brief", "keeps"),
    [
        pytest.param(1, True, True, id="brief, one core"),
        pytest.param(1, False, False, id="not brief"),
        pytest.param(2, True, False, id="others could use the second core"),
    ],
)
def test_brief_work_keeps_the_lead(
    monkeypatch: pytest.MonkeyPatch, cores: int, brief: bool, keeps: bool
) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda pid: set(range(cores)))
    admission, leadership = AdmissionControl(Config(workers=1)), Leadership()
    leadership.acquire()
    with admission.admit(TILE, brief=brief):
        assert leadership.is_mine() is keeps
    leadership.release()


def test_brief_work_hands_over_where_it_has_to_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda pid: {0})
    admission = AdmissionControl(Config(workers=1, max_renders=1, request_timeout=0.2))
    leadership = Leadership()
    leadership.acquire()
    with admission.admit(TILE, brief=True):
        assert leadership.is_mine()
        with pytest.raises(Overloaded), admission.admit(TILE, brief=True):
            pass
        assert not leadership.is_mine()


def entering(admission: AdmissionControl, costs: list[Cost], order: list[int]) -> list[threading.Thread]:
    """Threads that enter one after another has begun to wait; each notes its index and leaves."""

    def enter(index: int) -> None:
        with admission.admit(costs[index]):
            order.append(index)

    threads = [threading.Thread(target=enter, args=(index,)) for index in range(len(costs))]
    for count, thread in enumerate(threads, 1):
        thread.start()
        while admission.waiting() < count:
            threading.Event().wait(0.001)
    return threads


def test_first_come_first_served() -> None:
    """A large one is not passed by smaller ones that came later and would fit sooner."""
    admission, order = AdmissionControl(Config(max_render_memory=100, max_renders=4)), list[int]()
    costs = [cost(4000, memory=memory * MB) for memory in (90, 60, 30, 90, 20)]
    with admission.admit(cost(4000, memory=95 * MB)):
        threads = entering(admission, costs, order)
        assert not order
    for thread in threads:
        thread.join()
    assert order.index(0) == 0
    assert order.index(3) > max(order.index(1), order.index(2))
    assert order[-1] == 4


def test_tiles_pass_a_heavy_one_that_waits_for_another() -> None:
    admission, order = AdmissionControl(Config(max_render_memory=100, max_renders=4)), list[int]()
    with admission.admit(cost(4000, memory=60 * MB)):
        threads = entering(admission, [cost(4000, memory=60 * MB)], order)
        with admission.admit(TILE):
            assert not order
    threads[0].join()


def test_tiles_do_not_pass_one_that_waits_for_tiles() -> None:
    """Else a request for nearly all memory would never get it."""
    admission, order = AdmissionControl(Config(max_render_memory=100, max_renders=4)), list[int]()
    with admission.admit(cost(memory=40 * MB)):
        threads = entering(admission, [cost(4000, memory=90 * MB), cost(memory=40 * MB)], order)
        assert not order
    for thread in threads:
        thread.join()
    assert order == [0, 1]


def test_quick_tiles_do_not_wait_for_memory_that_others_hold() -> None:
    admission, order = AdmissionControl(Config(max_render_memory=100, max_renders=4)), list[int]()
    with admission.admit(cost(4000, memory=60 * MB)), admission.admit(cost(memory=40 * MB)):
        threads = entering(admission, [cost(4000, memory=60 * MB), cost(memory=5 * MB)], order)
        with admission.admit(TILE):
            assert not order
    for thread in threads:
        thread.join()
    assert sorted(order) == [0, 1]


@pytest.mark.parametrize(
    "slow",
    [
        pytest.param(cost(1024)._replace(is_expensive=True), id="expensive to decode"),
        pytest.param(cost(2048), id="of much memory"),
    ],
)
def test_quick_tiles_do_not_wait_for_slow_ones(slow: Cost) -> None:
    admission = AdmissionControl(Config(max_renders=1, request_timeout=0.1))
    with admission.admit(slow), admission.admit(TILE), pytest.raises(Overloaded), admission.admit(slow):
        pass


def test_who_gives_up_keeps_nobody_back() -> None:
    admission = AdmissionControl(Config(max_render_memory=100, max_renders=4, request_timeout=0.2))
    with admission.admit(cost(4000, memory=60 * MB)):
        with pytest.raises(Overloaded), admission.admit(cost(4000, memory=90 * MB)):
            pass
        with admission.admit(cost(4000, memory=30 * MB)):
            assert not admission.waiting()


def test_bundles_wait_for_one_another_and_not_for_what_they_are_made_of() -> None:
    admission = AdmissionControl(Config(max_renders=1, request_timeout=0.1))
    with admission.admit_bundle(), pytest.raises(Overloaded), admission.admit_bundle():
        pass
    with admission.admit_bundle(), admission.admit(TILE), admission.admit(LARGE):
        pass
