"""Length-prefixed frames: what is written is read, and nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from placet.core.errors import InputError, LimitError, PlacetError
from placet.core.framing import FrameReader, announced, frame, header

WIDTHS = st.sampled_from([1, 4, 8])
PARTS = st.lists(st.tuples(st.binary(max_size=200), WIDTHS), max_size=6)


def joined(parts: list[tuple[bytes, int]]) -> bytes:
    return b"".join(frame(content, width) for content, width in parts)


@given(PARTS, st.binary(max_size=20))
def test_what_is_written_is_read(parts: list[tuple[bytes, int]], tail: bytes) -> None:
    reader = FrameReader(joined(parts) + tail, "a test")
    assert [(reader.frame(len(content), width), width) for content, width in parts] == parts
    assert reader.left == len(tail)
    assert reader.rest() == tail
    reader.end()


@given(PARTS.filter(bool), st.data())
def test_what_is_cut_short_is_refused(parts: list[tuple[bytes, int]], data: st.DataObject) -> None:
    whole = joined(parts)
    reader = FrameReader(whole[: data.draw(st.integers(0, len(whole) - 1))], "a test")
    with pytest.raises(InputError, match="a test ends early"):
        for _, width in parts:
            reader.frame(2**32, width)


@given(st.binary(max_size=60), st.lists(WIDTHS, min_size=1, max_size=9))
def test_any_bytes_are_frames_or_an_error_and_never_more_than_there_is(raw: bytes, widths: list[int]) -> None:
    reader, back = FrameReader(raw, "noise"), b""
    try:
        for width in widths:
            back += frame(reader.frame(40, width), width)
    except PlacetError:
        pass
    assert raw.startswith(back)


@pytest.mark.parametrize("width", [1, 4, 8])
def test_a_length_is_held_to_its_limit_before_the_content(width: int) -> None:
    assert announced(header(7, width), 7) == 7
    with pytest.raises(LimitError, match="a frame is too large"):
        announced(header(8, width), 7)
    with pytest.raises(LimitError):
        FrameReader(header(8, width), "a test").frame(7, width)
    with pytest.raises(LimitError):
        FrameReader(header(8, width), "a test").number(7, width)
    with pytest.raises(LimitError):
        header(1 << 8 * width, width)
    assert len(header((1 << 8 * width) - 1, width)) == width


def test_known_bytes() -> None:
    assert frame(b"abc") == b"\0\0\0\3abc"
    assert frame(b"", 1) == b"\0"
    assert frame(b"ab", 8) == bytes(7) + b"\2ab"
    with pytest.raises(LimitError):
        frame(bytes(256), 1)


def test_a_tail_is_refused() -> None:
    reader = FrameReader(frame(b"x") + b"y", "a test")
    reader.frame(1)
    with pytest.raises(InputError, match="a test has a tail"):
        reader.end()
