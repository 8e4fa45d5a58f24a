"""What a privacy budget pays for is all that is told: no row changes more of a release than its noise is for, and no
job ends because of what stands in one row."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from columned import columned
from placet.catalogue import pooled_model, private_statistics, shared_representation, value_of_data
from placet.core.hashing import sha256
from placet.jobs.randomness import NoiseSource, stream
from placet.protocols.spu.tabulating import matched_table
from placet.recipes.blocks.pooled_opening import opened_table
from placet.recipes.blocks.pooled_table import MemberTable
from placet.recipes.private_statistics.run import MAX_NUMBER, read, room_of, run, written
from placet.recipes.shared_representation.report import room_of as room_of_heads
from placet.recipes.shared_representation.run import represented
from placet.recipes.shared_representation.source import with_noise
from placet.recipes.value_of_data.run import program_of
from placet.vault.rows import Rows

POOLED = pooled_model.SPEC.parse(
    {
        "label": "bad",
        "features": [{"kind": "number", "column": "income", "bounds": [0, 1000], "missing": "usual"}],
        "train": 70,
        "smallest_group": 5,
        "budget": 10_000_000,
    }
)
SHARED = shared_representation.SPEC.parse(
    {
        "source_labels": ["bad"],
        "label": "bad",
        "shared": [{"kind": "number", "column": "income", "bounds": [0, 1000]}],
        "own": [{"column": "limit", "kind": "number", "missing": "usual"}],
        "train": 50,
        "smallest_group": 5,
        "budget": 10**9,
    }
)
WORTH = value_of_data.SPEC.parse(
    {
        "identifier": "customer",
        "namespace": "urn:example:person",
        "label": "bad",
        "columns": [{"column": "income", "edges": [500]}],
        "smallest_group": 2,
        "budget": 10_000_000,
        "protocol": "cheetah",
    }
)


STATISTICS = private_statistics.SPEC.parse(
    {
        "questions": [
            {"ask": "mean", "column": "income", "bounds": [0, 1000], "budget": 10_000_000},
            {"ask": "histogram", "axis": {"column": "income", "edges": [10, 500]}, "budget": 10_000_000},
            {"ask": "quantiles", "column": "income", "bounds": [0, 1000], "parts": 4, "budget": 10_000_000},
        ],
        "smallest_group": 30,
    }
)


def rows_of(people: int, *, without: int | None = None, odd: dict[int, int | None] | None = None) -> Rows:
    """Incomes, and labels of which some are `odd`; all but one person."""
    places = [place for place in range(people) if place != without]
    bad = [(odd or {}).get(place, place % 2) for place in places]
    table = columned(
        {"income": [place * 37 % 1000 for place in places], "bad": bad},
    )
    return Rows(table, "customer", b"".join(sha256(place.to_bytes(4, "big")) for place in places))


def job_over(rows: Rows, attempt: int = 1, released: list[bytes] | None = None, **more: Any) -> Any:
    """A party's run, of which all follows from one seed and the opening's block."""

    @asynccontextmanager
    async def step(*_: object, **__: object) -> Any:
        yield SimpleNamespace(output=lambda *_: None, drew=lambda *_: None)

    async def brought(_: str) -> tuple[Rows, None]:
        return rows, None

    async def block() -> bytes:
        return bytes(32)

    async def noise() -> NoiseSource:
        return NoiseSource(bytes(32), bytes(32), attempt, bytes(32))

    async def release(part: bytes, *_: object) -> None:
        assert released is not None
        released.append(part)

    return SimpleNamespace(
        **{"open": brought, "opening_block": block, "noise": noise, "step": step, "release": release},
        job_entropy=lambda *labels: stream(bytes(32), *labels), **more,
    )  # fmt: skip


def opened(rows: Rows) -> MemberTable:
    """A bank's table as it comes to train."""
    table, _ = asyncio.run(opened_table(job_over(rows), POOLED.label, POOLED.features, POOLED.train, noisy=True))
    return table


def people_in(table: MemberTable, rows: Rows, part: str) -> set[bytes]:
    return {bytes(rows.consents[place]) for place in getattr(table, part).tolist()}


def test_who_leaves_moves_nobody_between_training_and_testing() -> None:
    """Both may spend the whole budget only where nobody's row is in both, whoever else is there."""
    whole = rows_of(60)
    parts = {part: people_in(opened(whole), whole, part) for part in ("train", "test")}
    assert len(parts["train"]) + len(parts["test"]) == 60 and min(map(len, parts.values())) > 5
    for left in range(60):
        others = rows_of(60, without=left)
        gone = {sha256(left.to_bytes(4, "big"))}
        for part, before in parts.items():
            assert people_in(opened(others), others, part) == before - gone, (
                f"without {left} somebody else moves in or out of what {part}s"
            )


@pytest.mark.parametrize("label", [2, -1, None])
def test_a_column_is_a_label_or_not_whatever_stands_in_one_row(label: int | None) -> None:
    """Else who names a column as the label learns, without noise, whether anybody has another value than 0 and 1."""
    odd, fewer = rows_of(200, odd={17: label}), rows_of(200, without=17)
    noise = [with_noise(stream(bytes(32))) for _ in range(2)]
    assert represented(SHARED, odd, noise[0]) == represented(SHARED, fewer, noise[1])
    with_odd, with_fewer = opened(odd), opened(fewer)
    for part in ("train", "test"):
        assert people_in(with_odd, odd, part) == people_in(with_fewer, fewer, part)


def test_a_consumer_that_fills_all_bins_makes_no_count_spill_into_the_next() -> None:
    """It says that it has 64 customers and lists all of the provider's, in whose table there is room for them."""
    pytest.importorskip("jax", reason="placet[spu] is not installed here")
    import jax

    program, nothing = program_of(WORTH, (256, 64)), np.zeros(2 * WORTH.cells, np.int64)

    def counts(people: int) -> Any:
        bins = np.arange(1, 201)
        cells = np.zeros((200, WORTH.cells), np.int64)
        cells[:people, 0] = 1
        arrays = {"cuckoo": np.where(np.arange(200) < people, bins, -1), "simple": bins[:, None], "cells": cells}
        with jax.experimental.enable_x64():
            (out,) = matched_table(
                program, arrays | {"classes": np.ones((200, 1), np.int64), "noise-0": nothing, "noise-1": nothing}
            )
        return np.asarray(out)

    for most in (63, 127, 199):
        assert np.abs(counts(most + 1) - counts(most)).sum() <= 1


def test_how_long_a_masked_part_is_tells_nothing_of_what_stands_in_it() -> None:
    """The consumer has one of each attempt, and only the one that is sealed is paid for: else who makes attempts fail
    reads digits of noisy numbers, and which groups look too small, until noise averages out."""
    parts: list[bytes] = []
    for attempt, people in enumerate((0, 25, 35, 90, 101, 1_000, 10_001)):
        about = {"role": "provider", "parameters": lambda _: STATISTICS}
        asyncio.run(run(job_over(rows_of(people), attempt, parts, **about)))
    contents = [read(part, STATISTICS.questions) for part in parts]
    assert contents[0][0] == [None, None] and contents[-1][0] != [None, None], "some look too few and others not"
    assert len(set(map(len, parts))) == 1
    widest = [[-MAX_NUMBER] * 2, [-MAX_NUMBER] * 3, [-MAX_NUMBER] * 3]
    assert len(written(widest)) <= room_of(STATISTICS.questions) == len(parts[0])

    heads = [
        represented(SHARED, rows_of(people), with_noise(stream(seed.to_bytes(32, "big"))))
        for seed, people in enumerate((0, 200, 3_000))
    ]
    assert {len(head) for head in heads} == {room_of_heads(SHARED)}
    assert len({len(head.rstrip()) for head in heads}) > 1, "else it would be as long without care"
