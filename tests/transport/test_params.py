"""PARAMS of many requests through one decoder, against each of them decoded alone."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iipserve.transport import params
from iipserve.transport.params import ADDRESS, ParamsDecoder
from iipserve.transport.wire import ProtocolError, decode_pairs
from tests.transport import client

NGINX = {
    "QUERY_STRING": "FIF=a.tif&JTL=0,0", "REQUEST_METHOD": "GET", "REQUEST_URI": "/i.fcgi?FIF=a.tif&JTL=0,0",
    "DOCUMENT_URI": "/i.fcgi", "SERVER_NAME": "localhost", "REMOTE_PORT": "40000", "HTTP_HOST": "example.org",
}  # fmt: skip
SERVERS = {
    "the address first": NGINX,
    "the address last": dict(reversed(NGINX.items())),
    "no address": {"SERVER_NAME": "localhost", "HTTP_HOST": "example.org"},
}
NAMES = st.sampled_from([*sorted(ADDRESS), "HTTP_HOST", "HTTP_COOKIE", "REMOTE_ADDR", "", "n" * 130])
VALUES = st.sampled_from(["", "a", "b" * 127, "c" * 128, "d" * 300, "\u00e9"])
PAIRS = st.tuples(NAMES, VALUES).map(lambda pair: client.pairs(dict([pair])))
BLOCKS = st.lists(st.lists(PAIRS, max_size=9).map(b"".join), max_size=8)


@pytest.mark.parametrize("variables", SERVERS.values(), ids=SERVERS.keys())
def test_requests_of_one_client_have_their_own_addresses(variables: dict[str, str]) -> None:
    decoder = ParamsDecoder()
    for number in range(5):
        for length in (1, 127, 128, 400):
            address = f"{number}".rjust(length, "/")
            changed = {name: address if name in ADDRESS else value for name, value in variables.items()}
            assert decoder.decode(client.pairs(changed)) == changed


def test_clients_have_their_own_headers() -> None:
    decoder = ParamsDecoder()
    for _ in range(3):
        for port in range(20):
            asked = {**NGINX, "REMOTE_PORT": str(port), "HTTP_ACCEPT": "image/webp" if port % 2 else ""}
            assert decoder.decode(client.pairs(asked)) == asked


def test_what_is_returned_may_be_changed() -> None:
    decoder = ParamsDecoder()
    for _ in range(3):
        pairs = decoder.decode(client.pairs(NGINX))
        assert pairs == NGINX
        pairs.clear()


@given(BLOCKS)
def test_any_requests_are_decoded_as_if_alone(blocks: list[bytes]) -> None:
    decoder = ParamsDecoder()
    for block in blocks + blocks:
        assert decoder.decode(block) == decode_pairs(block)


@given(BLOCKS, st.data())
def test_cut_and_changed_bytes_are_refused_as_if_alone(blocks: list[bytes], data: st.DataObject) -> None:
    decoder = ParamsDecoder()
    for block in blocks:
        decoder.decode(block)
    for block in filter(None, blocks):
        place = data.draw(st.integers(0, len(block) - 1))
        for broken in (block[:place], block[:place] + b"\xff" + block[place + 1 :]):
            assert decoded(decoder.decode, broken) == decoded(decode_pairs, broken)


def decoded(decode: Callable[[bytes], dict[str, str]], block: bytes) -> dict[str, str] | None:
    """The pairs of a block; None if it is refused."""
    try:
        return decode(block)
    except ProtocolError:
        return None


def test_a_crowd_of_clients_takes_bounded_memory() -> None:
    decoder = ParamsDecoder()
    for port in range(3 * params.MAX_REMEMBERED):
        decoder.decode(client.pairs({**NGINX, "REMOTE_PORT": str(port)}))
        decoder.decode(client.pairs({**NGINX, "HTTP_COOKIE": str(port).zfill(params.MAX_REMEMBERED_LENGTH)}))
    assert len(decoder._remembered) <= params.MAX_REMEMBERED
    assert max(map(len, decoder._remembered)) <= params.MAX_REMEMBERED_LENGTH
