"""Searches of each kind of store, against the same in Python: filters by the evaluator of cql2, places by shapely."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

cql2 = pytest.importorskip("cql2")
shapely = pytest.importorskip("shapely")

from iipserve.collections.expressions import Expression, all_of  # noqa: E402
from iipserve.collections.filters import parse_filter  # noqa: E402
from iipserve.collections.store import Store  # noqa: E402
from iipserve.collections.times import format_instant, parse_interval  # noqa: E402
from iipserve.collections.values import Interval, Item, ItemSearch, SortKey, split_box  # noqa: E402
from iipserve.errors import InvalidRequest, NotFound  # noqa: E402
from iipserve.geo.grid import Bounds  # noqa: E402
from tests.collections.images import polygon  # noqa: E402
from tests.collections.searched_items import ITEMS, START, found  # noqa: E402


def feature(item: Item) -> dict[str, Any]:
    """An item as the evaluator of cql2 reads it."""
    times = {"datetime": item.datetime, "start_datetime": item.start, "end_datetime": item.end}
    named = {name: format_instant(time) for name, time in times.items() if time is not None}
    gsd = {} if item.gsd_min is None else {"gsd": item.gsd_min}
    properties = dict(item.properties) | named | gsd
    return {
        "type": "Feature",
        "id": item.id,
        "collection": "aerial",
        "geometry": item.geometry,
        "properties": properties,
    }


COMPARED = [
    "eo:cloud_cover < 50", "eo:cloud_cover >= 20 AND eo:cloud_cover <= 70.5", "eo:cloud_cover = 7",
    "eo:cloud_cover BETWEEN 10 AND 30", "platform = 'landsat-8'", "platform > 'a'", "platform < 'a'",
    "platform IN ('landsat-8', 'señal')", "id IN ('i1', 'i2', 'nothing')", "id = 'i7' OR id = 'i9'",
    "gsd = 0.5", "gsd > 1 AND platform <> '100%'", "eo:cloud_cover + 10 > 50", "eo:cloud_cover * 2 < 50 - 10",
    "flag = TRUE", "flag = FALSE AND gsd = 10", "S_INTERSECTS(geometry, POLYGON((-20 -20, 20 -20, 20 20, -20 20, -20 -20)))",
    "S_WITHIN(geometry, POLYGON((-90 -60, 0 -60, 0 60, -90 60, -90 -60)))", "collection = 'aerial'",
    "S_DISJOINT(geometry, POLYGON((-90 -60, 90 -60, 90 60, -90 60, -90 -60)))", "collection = 'other'",
]  # fmt: skip


@pytest.mark.parametrize("text", COMPARED)
def test_a_filter_finds_what_the_evaluator_of_cql2_finds(filled: Store, text: str) -> None:
    expression = cql2.parse_text(text)
    expected = set()
    for each in ITEMS.values():
        try:
            matches = each.geometry is not None and expression.matches(feature(each))
        except Exception:
            continue  # a property that the item does not have
        if matches:
            expected.add(each.id)
    assert set(found(filled, filter=parse_filter(text))) - {"picture"} == expected


def where(condition: Callable[[Item], bool | None]) -> set[str]:
    """Ids of the items of which a condition is true."""
    return {each.id for each in ITEMS.values() if condition(each)}


def is_number(value: object) -> bool:
    """Whether a value of JSON is a number."""
    return isinstance(value, int | float) and not isinstance(value, bool)


MIXED = {
    "mixed = 1": lambda each: is_number(each.properties.get("mixed")) and each.properties["mixed"] == 1,
    "mixed <> 1": lambda each: is_number(each.properties.get("mixed")) and each.properties["mixed"] != 1,
    "NOT mixed = 1": lambda each: is_number(each.properties.get("mixed")) and each.properties["mixed"] != 1,
    "mixed = '1'": lambda each: each.properties.get("mixed") == "1",
    "mixed < 'c'": lambda each: isinstance(each.properties.get("mixed"), str),
    "mixed = TRUE": lambda each: each.properties.get("mixed") is True,
    "mixed IS NULL": lambda each: each.properties.get("mixed") is None,
    "mixed IS NOT NULL": lambda each: each.properties.get("mixed") is not None,
    "mixed = mixed": lambda each: (
        is_number(each.properties.get("mixed")) or isinstance(each.properties.get("mixed"), str)
    ),
    "nothing = 1 OR NOT nothing = 1": lambda each: False,
    "datetime IS NULL": lambda each: each.datetime is None,
    "geometry IS NULL": lambda each: each.geometry is None,
    "TRUE": lambda each: True,
    "FALSE": lambda each: False,
    "eo:cloud_cover / 0 = 1": lambda each: False,
    "eo:cloud_cover % 7 = 3": lambda each: each.properties.get("eo:cloud_cover", 0) % 7 == 3,
    "eo:cloud_cover DIV 10 = 2": lambda each: each.properties.get("eo:cloud_cover", 0) // 10 == 2,
    "(eo:cloud_cover - 50) ^ 0.5 = 3": lambda each: each.properties.get("eo:cloud_cover") == 59,
    "eo:cloud_cover ^ 2 = 4": lambda each: each.properties.get("eo:cloud_cover") == 2,
    "platform LIKE 'landsat%'": lambda each: each.properties.get("platform") == "landsat-8",
    "CASEI(platform) LIKE CASEI('LANDSAT-_')": lambda each: each.properties.get("platform", "").startswith(
        ("l", "L")
    ),
    "CASEI(platform) = CASEI('SEÑAL')": lambda each: each.properties.get("platform") == "señal",
    "ACCENTI(platform) = ACCENTI('senal')": lambda each: each.properties.get("platform") == "señal",
    "platform LIKE '%\\%'": lambda each: each.properties.get("platform") == "100%",
    "platform LIKE '[l]andsat%'": lambda each: False,
    "platform LIKE 'sentinel\\_2_'": lambda each: each.properties.get("platform") == "sentinel_2a",
}


@pytest.mark.parametrize("text", MIXED)
def test_a_property_of_another_type_has_no_value(filled: Store, text: str) -> None:
    assert set(found(filled, filter=parse_filter(text))) == where(MIXED[text])


def test_long_lists_and_filters_are_found(filled: Store) -> None:
    names = [f"i{number}" for number in range(1500)]
    ids = {"op": "in", "args": [{"property": "id"}, names]}
    assert set(found(filled, filter=parse_filter(ids))) == set(ITEMS) - {"picture"}
    numbers = {"op": "in", "args": [{"property": "eo:cloud_cover"}, list(range(1500))]}
    whole = where(lambda each: float(each.properties.get("eo:cloud_cover", 0.5)).is_integer())
    assert set(found(filled, filter=parse_filter(numbers))) == whole
    clouds = {"op": "=", "args": [{"property": "eo:cloud_cover"}, -1]}
    for operator in ("or", "and"):
        many = {"op": operator, "args": [clouds] * 650}
        assert found(filled, filter=parse_filter(many)) == []


def outcome(store: Store, expression: Expression) -> str:
    """What a search of items that are not there comes to."""
    try:
        return "found" if found(store, filter=expression) else "nothing"
    except InvalidRequest as error:
        return str(error)


def test_a_search_that_the_database_cannot_compile_is_refused(filled: Store) -> None:
    total: Any = 1
    for number in range(24):
        total = {"op": "+", "args": [total, {"property": f"p{number}"}]}
    deep = parse_filter({"op": "<", "args": [total, 1]})
    clouds = {"op": "=", "args": [{"property": "eo:cloud_cover"}, -1]}
    long = parse_filter({"op": "and", "args": [clouds] * 660})
    for expression in (deep, all_of(long, long)):
        assert outcome(filled, expression) in (
            "nothing",
            "the search has too many conditions, or too many within each other",
        )


NOON = START + timedelta(hours=12)
DAY_2 = START + timedelta(hours=24)
INSTANTS = {
    f"datetime > TIMESTAMP('{format_instant(NOON)}')": lambda each: each.datetime and each.datetime > NOON,
    f"datetime = TIMESTAMP('{format_instant(NOON)}')": lambda each: each.datetime == NOON,
    f"TIMESTAMP('{format_instant(NOON)}') <= datetime": lambda each: each.datetime and each.datetime >= NOON,
    "datetime = DATE('2020-01-01')": lambda each: each.datetime and each.datetime < DAY_2,
    "datetime <> DATE('2020-01-01')": lambda each: each.datetime and each.datetime >= DAY_2,
    "datetime > DATE('2020-01-01')": lambda each: each.datetime and each.datetime >= DAY_2,
    "datetime <= DATE('2020-01-01')": lambda each: each.datetime and each.datetime < DAY_2,
    "T_BEFORE(datetime, DATE('2020-01-02'))": lambda each: each.latest and each.latest < DAY_2,
    "T_AFTER(datetime, DATE('2020-01-01'))": lambda each: each.earliest and each.earliest >= DAY_2,
    "T_INTERSECTS(datetime, INTERVAL('2020-01-02T00:00:00Z', '..'))": lambda each: each.latest and each.latest >= DAY_2,
    "T_DISJOINT(datetime, INTERVAL('..', '2020-01-02T00:00:00Z'))": lambda each: each.earliest and each.earliest > DAY_2,
    "T_DURING(INTERVAL(start_datetime, end_datetime), INTERVAL('2020-01-01', '2020-01-01'))": lambda each: (
        each.start and each.start > START and each.end < DAY_2 - timedelta(microseconds=1)),
    "start_datetime < end_datetime": lambda each: each.start is not None,
}  # fmt: skip


@pytest.mark.parametrize("text", INSTANTS)
def test_times_are_compared_as_instants_and_days(filled: Store, text: str) -> None:
    assert set(found(filled, filter=parse_filter(text))) == where(INSTANTS[text])


@pytest.mark.parametrize(
    "text",
    [
        "2020-01-01T12:00:00Z",
        "2020-01-01T06:00:00Z/2020-01-01T18:00:00+02:00",
        "../2020-01-01T03:00:00Z",
        "2020-01-02T12:00:00Z/",
    ],
)
def test_an_interval_finds_items_by_their_time_or_their_start_and_end(filled: Store, text: str) -> None:
    interval = parse_interval(text)
    start, end = interval.start or START, interval.end or START + timedelta(days=9)
    expected = where(lambda each: each.earliest is not None and each.earliest <= end and each.latest >= start)  # type: ignore[operator]
    assert expected
    assert set(found(filled, interval=interval)) == expected
    assert "picture" not in found(filled, interval=Interval(None, None))


def footprints_in(geometry: dict[str, Any]) -> set[str]:
    """Ids of the items whose footprint meets a geometry."""
    shape = shapely.geometry.shape(geometry)
    return where(
        lambda each: each.geometry is not None and shape.intersects(shapely.geometry.shape(each.geometry))
    )


@pytest.mark.parametrize(
    "box",
    [(-10, -10, 25, 20), (0.5, 0.5, 0.6, 0.6), (170, -40, -170, 40), (-180, -90, 180, 90), (-180, -90, 0, 90), (179.9, -90, 180, 90), (5, 5, 5, 5)],
)  # fmt: skip
def test_a_box_finds_footprints_and_not_their_bounds(filled: Store, box: tuple[float, ...]) -> None:
    expected = (
        footprints_in(polygon(*box))
        if box[0] != box[2]
        else footprints_in({"type": "Point", "coordinates": box[:2]})
    )
    assert set(found(filled, boxes=split_box(Bounds(*map(float, box))))) == expected


TRIANGLE = {"type": "Polygon", "coordinates": [[[-60, -60], [60, -60], [0, 60], [-60, -60]]]}
LINE = {"type": "LineString", "coordinates": [[-179, -80], [179, 80]]}
POINTS = {
    "type": "MultiPoint",
    "coordinates": [
        [each.bounds[0].min_x + 5, each.bounds[0].min_y + 2.5]
        for each in list(ITEMS.values())[:9]
        if len(each.bounds) == 1
    ],
}


@pytest.mark.parametrize("geometry", [TRIANGLE, LINE, POINTS], ids=["polygon", "line", "points"])
def test_a_geometry_finds_footprints_that_meet_it(filled: Store, geometry: dict[str, Any]) -> None:
    expected = footprints_in(geometry)
    assert expected
    assert set(found(filled, intersects=geometry)) == expected


def test_a_polygon_past_180_degrees_is_the_one_split_there(filled: Store) -> None:
    past = {"type": "Polygon", "coordinates": [[[170, -40], [190, -40], [190, 40], [170, 40], [170, -40]]]}
    expected = footprints_in(polygon(170, -40, -170, 40))
    assert expected
    assert set(found(filled, intersects=past)) == expected


@pytest.mark.parametrize(
    "value", [{}, {"type": "Polygon"}, {"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [0, 0]]]}]
)
def test_what_is_not_a_geometry_is_refused(filled: Store, value: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest):
        filled.search(ItemSearch(intersects=value))


def test_conditions_are_met_together(filled: Store) -> None:
    clouds = parse_filter("eo:cloud_cover < 60")
    box = (Bounds(-100, -60, 100, 60),)
    interval = parse_interval("2020-01-01T00:00:00Z/2020-01-01T23:00:00Z")
    expected = (
        set(found(filled, filter=clouds))
        & set(found(filled, boxes=box))
        & set(found(filled, interval=interval))
    )
    assert expected
    assert set(found(filled, filter=clouds, boxes=box, interval=interval)) == expected


def test_items_are_found_by_their_ids_and_collections(filled: Store) -> None:
    assert set(found(filled, ids=("i3", "i1", "nothing", "a\0", "\ud800"))) == {"i1", "i3"}
    page = filled.search(ItemSearch(ids=("i0",), sort=(SortKey("collection"),)))
    assert [(each.collection, each.id) for each in page.items] == [("aerial", "i0"), ("other", "i0")]
    assert page.items[1] == filled.item("other", "i0")
    assert filled.search(ItemSearch(collections=("empty",))).items == ()
    assert len(filled.search(ItemSearch(limit=1000)).items) == len(ITEMS) + 1
    with pytest.raises(NotFound, match="none"):
        filled.search(ItemSearch(collections=("aerial", "none")))


def test_all_matches_are_counted_if_wanted(filled: Store) -> None:
    clouds = parse_filter("eo:cloud_cover < 60")
    count = len(found(filled, filter=clouds))
    search = ItemSearch(collections=("aerial",), filter=clouds, limit=5, count=True)
    first = filled.search(search)
    assert first.matched == count > 10
    assert first.next_token is not None
    assert filled.search(ItemSearch(collections=("aerial",), limit=5, count=True)).matched == len(ITEMS)
    assert filled.search(ItemSearch(limit=5, count=True)).matched == len(ITEMS) + 1
    assert filled.search(ItemSearch(filter=clouds, limit=5, count=True)).matched == count
    near = ItemSearch(
        collections=("aerial",), boxes=split_box(Bounds(-90.0, -60.0, 90.0, 60.0)), limit=5, count=True
    )
    assert filled.search(near).matched == len(found(filled, boxes=near.boxes))
