"""Hex is `0x` and pairs of ASCII hex digits, and nothing that looks like it."""

from __future__ import annotations

import re
import tracemalloc

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from placet.core.errors import InputError
from placet.core.values import Octets, Value, from_hex

PATTERN = re.compile(r"0x(?:[0-9a-fA-F]{2})*", re.ASCII)


class Held(Value):
    octets: Octets


@given(st.text("0123456789abcdefABCDEFxX \n_-+٣g", max_size=12).map(lambda text: "0x" + text) | st.text(max_size=12))
@example("0x")
@example("")
@example("0X00")
@example("0x0 0")
@example("0x00\n")
@example("0x٣٣")
def test_both_doors_take_what_the_pattern_takes(text: str) -> None:
    good = PATTERN.fullmatch(text) is not None
    if good:
        assert from_hex(text) == Held.model_validate({"octets": text}).octets == bytes.fromhex(text[2:])
        return
    with pytest.raises(InputError):
        from_hex(text)
    with pytest.raises(ValueError, match="expected bytes"):
        Held.model_validate({"octets": text})


def test_a_long_text_takes_memory_of_its_own_size() -> None:
    text = "0x" + "5a" * 1_000_000
    tracemalloc.start()
    try:
        from_hex(text)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 4 * len(text)
