"""A provider's rows hidden and answered: what comes back is a multiple by the key's scalar, or nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from examples import examples
from placet.core.errors import ProtocolError
from placet.protocols.order import Entropy
from placet.protocols.psi import hidden_rows
from placet.protocols.psi.hidden_rows import HiddenRows
from placet.protocols.psi.ristretto import Blinding, hash_to_group, require_point, total

KEY = Blinding()
ROWS = [hash_to_group(str(number).encode(), b"job") for number in range(5)]
GENERATOR = Blinding(lambda count: (1).to_bytes(count, "little")).public()


def times(number: int) -> bytes:
    order = 2**252 + 27742317777372353535851937790883648493
    return Blinding(lambda count: (number % order).to_bytes(count, "little"))(GENERATOR) if number else bytes(32)


@settings(deadline=None, max_examples=examples(40))
@given(st.lists(st.integers(-2, 2), min_size=1, max_size=6))
def test_answers_are_taken_only_if_none_is_off(gaps: list[int]) -> None:
    points = ROWS[: len(gaps) - 1]

    async def run() -> list[bytes]:
        hidden = await HiddenRows.of(points)
        answers = [total([KEY(one), times(gap)]) for one, gap in zip(hidden.shown, gaps, strict=True)]
        return await hidden.answered(KEY.public(), answers, "shop")

    if any(gaps):
        with pytest.raises(ProtocolError) as caught:
            asyncio.run(run())
        assert caught.value.code == "psi.scalar"
    else:
        assert asyncio.run(run()) == [KEY(point) for point in points]


def test_what_is_shown_does_not_follow_from_the_rows(seeded: Callable[[str], Entropy]) -> None:
    """The same draws show other rows as other points, and other draws the same rows; all are valid and differ."""
    shown = [
        asyncio.run(HiddenRows.of(rows, seeded(seed))).shown
        for rows, seed in ((ROWS[:2], "one"), (ROWS[2:4], "one"), (ROWS[:2], "two"))
    ]
    flat = [point for points in shown for point in points]
    assert len(set(flat)) == 9
    for point in flat:
        require_point(point, "bank")


def test_any_rows_may_be_behind_what_is_shown() -> None:
    """For other rows there are scalars that show the same points: the consumer can't tell them apart."""
    scalars = [3, 5, 7, 11]
    draws = iter([*scalars])
    rows = [times(2), times(4)]
    hidden = asyncio.run(HiddenRows.of(rows, lambda count: next(draws).to_bytes(count, "little")))
    order = 2**252 + 27742317777372353535851937790883648493
    others = [times(9), times(13)]
    keys = [3 * 2 * pow(9, -1, order), 5 * 4 * pow(13, -1, order), 17, 11 + 7 * 6 - 17 * 22]
    again = iter([key % order for key in keys])
    same = asyncio.run(HiddenRows.of(others, lambda count: next(again).to_bytes(count, "little")))
    assert hidden.shown == same.shown


@pytest.mark.parametrize("count", [0, 1, hidden_rows.SLICE, hidden_rows.SLICE + 1])
def test_rows_come_back_in_order_however_many(count: int) -> None:
    points = [hash_to_group(str(number).encode(), b"many") for number in range(count)]

    async def run() -> list[bytes]:
        hidden = await HiddenRows.of(points)
        assert len(hidden.shown) == count + 1
        return await hidden.answered(KEY.public(), [KEY(one) for one in hidden.shown], "shop")

    assert asyncio.run(run()) == [KEY(point) for point in points]


def test_what_takes_answers_apart_is_not_printed() -> None:
    hidden = asyncio.run(HiddenRows.of(ROWS[:1]))
    assert repr(hidden) == f"HiddenRows(shown={hidden.shown!r})"
