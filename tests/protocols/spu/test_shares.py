"""Shares as bytes: every share comes back, nothing else is read."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from placet.core.errors import InputError, LimitError
from placet.protocols.spu.shares import MAX_CHUNKS, MAX_META, ShareBytes, decode, encode

shares = st.builds(ShareBytes, st.binary(max_size=MAX_META), st.lists(st.binary(max_size=300), max_size=6).map(tuple))
SMALL = encode(ShareBytes(b"meta", (b"one", b"", b"three")))


@given(shares)
def test_a_share_comes_back(share: ShareBytes) -> None:
    assert decode(encode(share)) == share


@given(shares)
def test_a_share_has_one_encoding(share: ShareBytes) -> None:
    raw = encode(share)
    assert encode(decode(raw)) == raw


@given(st.binary(max_size=400))
@example(SMALL[:5] + b"\xff" * 60)
@example(SMALL[:5] + bytes(4) + b"\xff\xff\xff\xff")
def test_anything_else_is_refused(raw: bytes) -> None:
    for hostile in (raw, SMALL[:5] + raw):
        try:
            found = decode(hostile)
        except (InputError, LimitError):
            continue
        assert encode(found) == hostile


@pytest.mark.parametrize("length", range(len(SMALL)))
def test_a_share_that_ends_early_is_refused(length: int) -> None:
    with pytest.raises(InputError):
        decode(SMALL[:length])


def test_a_tail_and_another_version_are_refused() -> None:
    with pytest.raises(InputError, match="tail"):
        decode(SMALL + b"\0")
    with pytest.raises(InputError, match="not a share"):
        decode(SMALL[:4] + b"\x02" + SMALL[5:])


def test_sizes_are_bounded_both_ways() -> None:
    with pytest.raises(LimitError):
        encode(ShareBytes(bytes(MAX_META + 1), ()))
    with pytest.raises(LimitError):
        encode(ShareBytes(b"", (b"",) * (MAX_CHUNKS + 1)))
    with pytest.raises(LimitError):
        decode(SMALL, limit=len(SMALL) - 1)
    assert decode(SMALL, limit=len(SMALL))
