"""What a party of a pooled model is told of groups smaller than the smallest: not by a lie about who has enough, not by
what is left of all people, not by who has two things at once."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

import numpy as np
import pytest

from placet.catalogue.pooled_model import SPEC, PooledModelParameters
from placet.core.errors import ProtocolError
from placet.models.pooled import FRACTION, symmetric
from placet.models.pooled_checks import Seat
from placet.recipes.blocks.pooled_table import MemberTable
from placet.recipes.pooled_model import tree_training
from placet.recipes.pooled_model.training import Pooled, trained
from pooling import Adding, together

SMALLEST, ROWS = 10, 600
LIAR = 2


def parameters(**more: Any) -> PooledModelParameters:
    return SPEC.parse(
        {
            "label": "label",
            "features": [
                {"kind": "category", "column": "shop", "values": ["rare", "city", "sea"], "missing": "usual"},
                {"kind": "category", "column": "work", "values": ["office", "field"], "missing": "usual"},
                {"kind": "number", "column": "age", "bounds": [18, 90], "missing": "usual"},
            ],
            "train": 70,
            "smallest_group": SMALLEST,
            "steps": 20,
        }
        | more
    )


def bank(seed: int, *, rare: int = 0, field_by_sea: int | None = None) -> MemberTable:
    """`rare`: so many have the first category. `field_by_sea`: so many by the sea work in the field."""
    chance = np.random.default_rng(seed)
    sea = chance.random(ROWS) < 0.4
    field = chance.random(ROWS) < 0.3
    if field_by_sea is not None:
        field &= ~sea
        field[np.flatnonzero(sea)[:field_by_sea]] = True
    shop = ["rare" if row < rare else ("sea" if own else "city") for row, own in enumerate(sea)]
    age = chance.integers(18, 90, ROWS)
    labels = (chance.random(ROWS) < 1 / (1 + np.exp(1.0 - sea - field + (age - 50) / 40))).astype(np.int64)
    work = ["field" if one else "office" for one in field]
    return MemberTable((shop, work, age.tolist()), labels, np.arange(500), np.arange(500, ROWS))


def totals(adding: Adding, what: str) -> list[int]:
    """Of the first sum of this."""
    number = next(n for n, heard in enumerate(adding.heard) if heard[0] == what)
    return [sum(column) for column in zip(*adding.brought[number].values(), strict=True)]


def refusal_of(asked: PooledModelParameters, tables: list[MemberTable], sums: str, mark: int) -> ProtocolError:
    """By an honest party, where the last one adds this to each of the sums of this name, and does not mind itself."""
    adding = Adding(len(tables))

    def adder(number: int) -> Any:
        add = adding.of(number)

        async def lying(what: str, numbers: list[int], most: int) -> list[int]:
            lies = number == LIAR and what == sums
            outcome: list[int] = await add(what, [mark] * len(numbers) if lies else numbers, most)
            if lies:
                await asyncio.Event().wait()
            return outcome

        return lying

    async def run() -> None:
        async def member(number: int) -> object:
            add, seat = adder(number), Seat(number, len(tables))
            if asked.trees is None:
                return await trained(asked, tables[number], add, seat)
            return await tree_training.trained(asked, asked.trees, tables[number], add, seat)

        await asyncio.wait_for(asyncio.gather(*map(member, range(len(tables)))), 60)

    with pytest.raises(ProtocolError) as caught:
        asyncio.run(run())
    return caught.value


@pytest.mark.parametrize(
    ("sums", "more"),
    [
        ("parties with enough people", {}),
        ("parties with enough people in pairs", {}),
        ("parties with enough people in bands", {}),
        ("parties with enough people", {"trees": {"count": 2, "depth": 3}}),
        ("parties with enough people in nodes", {"trees": {"count": 2, "depth": 3}}),
    ],
)
def test_who_says_that_others_have_enough_ends_the_job(sums: str, more: dict[str, Any]) -> None:
    """Else sums would be opened in which nobody has, and what is left of one without his own could be one person."""
    tables = [bank(0, rare=1), bank(1), bank(LIAR)]
    for mark in (1, 2, 3, 7, -1):
        assert refusal_of(parameters(**more), tables, sums, mark).code == "sums.impossible"


def test_no_lie_makes_two_of_nobody() -> None:
    """Whatever the last of three adds to what the others say."""
    seats = [Seat(number, 3) for number in range(3)]
    for first, second, lie in itertools.product((0, 1), (0, 1), range(-9, 10)):
        total = seats[0].marks([first])[0] + seats[1].marks([second])[0] + lie
        try:
            counts = {seat.counted("", [own], [total])[0] for seat, own in zip(seats, (first, second), strict=False)}
        except ProtocolError:
            continue
        assert counts in ({first + second}, {first + second + 1}) and lie in (0, 4)


@pytest.mark.parametrize("rare", [0, 1, SMALLEST - 1])
def test_what_is_left_of_all_people_is_no_small_group(rare: int) -> None:
    """The first category has no indicator: it is all people less those of the others, and its gradient follows too."""
    tables = [bank(seed, rare=rare if not seed else 0) for seed in range(3)]
    pooled, _ = together(parameters(), tables)
    assert pooled is not None
    left = pooled.people - sum(count for count in pooled.counts[:3] if count is not None)
    assert left >= 2 * SMALLEST and sum(pooled.open[:3]) == 1
    enough, _ = together(parameters(), [bank(seed, rare=40) for seed in range(3)])
    assert enough is not None and sum(enough.open[:3]) == 2


@pytest.mark.parametrize("few", [0, 1, SMALLEST - 1, 60])
def test_no_curvature_counts_a_small_group_that_has_two_things(few: int) -> None:
    """At equal weights the curvature of two indicators is how many have both."""
    tables = [bank(0, rare=40, field_by_sea=few), *(bank(n, rare=40, field_by_sea=60 * (few == 60)) for n in (1, 2))]
    pooled, adding = together(parameters(), tables)
    assert pooled is not None and pooled.open == (True, True, False, True, False, True)
    told = totals(adding, "gradients and curvatures")
    size = 1 + sum(pooled.open)
    curvature = symmetric(told[3 + size :], size)
    share = pooled.positives / pooled.people * (1 - pooled.positives / pooled.people)  # type: ignore[operator]
    both = curvature[1][2] / FRACTION / share
    true = sum(
        shop == "sea" and work == "field"
        for one in tables
        for shop, work in zip(*one.columns(one.train)[:2], strict=True)
    )
    assert abs(both - (true if few == 60 else 0)) < 0.5  # 0: nothing was added
    assert curvature[0][2] / FRACTION / share > 100  # the city has enough
    assert pooled.steps < parameters().steps  # at rest all the same


def test_projections_are_of_what_each_party_has_enough_of() -> None:
    """However often they are asked for: one person by the sea at one bank is in none."""
    asked = parameters(leave_one_out="each")
    tables = [bank(seed, rare=40) for seed in range(4)]
    shop, *others = tables[3].values
    alone = ["sea" if row == 50 else ("city" if one == "sea" else one) for row, one in enumerate(shop)]
    tables[3] = MemberTable((alone, *others), tables[3].labels, tables[3].train, tables[3].test)
    weights_of_parts: list[list[int]] = []

    class Listening(Adding):
        async def parts(self, what: str, weights: Any) -> list[list[int]]:
            if what.startswith("gradients"):
                weights_of_parts.extend(weights)
            return await super().parts(what, weights)

    adding = Listening(4)

    async def run() -> list[Pooled | None]:
        members = (trained(asked, one, adding.of(n), Seat(n, 4), adding) for n, one in enumerate(tables))
        return await asyncio.gather(*members)

    pooled = asyncio.run(run())[0]
    assert pooled is not None and pooled.open[1] and pooled.left_out is not None
    assert weights_of_parts and all(one[3 + 1] == 0 and any(one) for one in weights_of_parts)


def test_columns_that_are_missing_together_need_no_more_steps_for_what_is_hidden() -> None:
    asked = SPEC.parse(
        {
            "label": "label",
            "features": [{"kind": "number", "column": f"x{n}", "bounds": [0, 100]} for n in range(4)],
            "train": 70,
            "smallest_group": SMALLEST,
            "steps": 10,
        }
    )
    tables = []
    for seed in range(3):
        chance = np.random.default_rng(seed)
        lacking, values = chance.random(ROWS) < 0.2, chance.integers(0, 100, (4, ROWS))
        labels = (chance.random(ROWS) < 1 / (1 + np.exp((50 - values.mean(axis=0)) / 20 - lacking))).astype(np.int64)
        columns = ([None if gone else int(one) for one, gone in zip(column, lacking, strict=True)] for column in values)
        tables.append(MemberTable(tuple(columns), labels, np.arange(500), np.arange(500, ROWS)))
    pooled, _ = together(asked, tables)
    assert pooled is not None and all(pooled.open) and pooled.steps <= 6
