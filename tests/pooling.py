"""Parties of a pooled model in one process, whose sums are added up in the clear."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from placet.catalogue.pooled_model import MEMBER, SPEC, PooledModelParameters
from placet.core.hashing import sha256
from placet.jobs.randomness import NoiseSource, stream
from placet.models.pooled_checks import Seat, demand
from placet.models.pooled_private import Release
from placet.protocols.mpc import shamir
from placet.recipes.blocks.noise import DeclaredNoise
from placet.recipes.blocks.pooled_table import MemberTable
from placet.recipes.blocks.secure_sums import VIEW, bytes_of
from placet.recipes.pooled_model import card_training, private_card, private_training
from placet.recipes.pooled_model.card_training import PooledCard
from placet.recipes.pooled_model.private_training import Noise
from placet.recipes.pooled_model.training import Pooled, trained

Lie = Callable[[str, list[int]], list[int]]
"""(what is summed, the own numbers) to what a party adds instead."""


class Adding:
    """Adds up what parties bring, who wait for each other. `heard`: (what, number of words, the largest total) of each
    sum, in order; `brought` by party; `noises` too, where there are any."""

    def __init__(self, parties: int) -> None:
        self.parties = parties
        self.heard: list[tuple[str, int, int]] = []
        self.brought: list[dict[int, list[int]]] = []
        self._events: list[asyncio.Event] = []
        self.noises: dict[int, DeclaredNoise] = {}

    def noise(self, asked: PooledModelParameters, party: int, seed: bytes) -> Noise:
        """A party's noise by a seed: what the recipe declares, and no other."""
        declared = SPEC.noise(MEMBER, asked)
        self.noises[party] = own = DeclaredNoise(
            NoiseSource(sha256(bytes([party]), seed), bytes(32), 1, bytes(32)), declared
        )

        async def noise(release: Release, amount: int) -> Sequence[int]:
            return own.on(len(release.numbers), release.variance(amount))

        return noise

    @property
    def members(self) -> int:
        return self.parties

    def coin(self, what: str) -> Any:
        return stream(bytes(32), what.encode())

    async def parts(self, what: str, weights: Sequence[Sequence[int]]) -> list[list[int]]:
        """Of what each party brought to the last sum of this."""
        brought = next(b for b, heard in zip(self.brought[::-1], self.heard[::-1], strict=True) if heard[0] == what)
        return [
            [sum(a * b for a, b in zip(one, brought[party], strict=False)) for one in weights]
            for party in range(self.parties)
        ]

    def of(self, party: int) -> Any:
        number = 0

        async def add(what: str, numbers: list[int], most: int) -> list[int]:
            nonlocal number
            if number == len(self.heard):
                self.heard.append((what, len(numbers), most))
                self.brought.append({})
                self._events.append(asyncio.Event())
            here, number = number, number + 1
            assert self.heard[here] == (what, len(numbers), most)
            self.brought[here][party] = numbers
            if len(self.brought[here]) == self.parties:
                self._events[here].set()
            await self._events[here].wait()
            totals = [sum(column) for column in zip(*self.brought[here].values(), strict=True)]
            demand(what, all(abs(total) <= most for total in totals))
            return totals

        return add


def together(
    asked: PooledModelParameters, tables: Sequence[MemberTable], seed: bytes = b"", lie: Lie | None = None
) -> tuple[Pooled | None, Adding]:
    """All parties' outcome, which must be one; where there is a budget, with noise by the seed. `lie`: what the last
    party adds instead of its numbers."""
    adding = Adding(len(tables))

    def adder(number: int) -> Any:
        add = adding.of(number)
        if lie is None or number < len(tables) - 1:
            return add

        async def lying(what: str, numbers: list[int], most: int) -> list[int]:
            totals: list[int] = await add(what, lie(what, numbers), most)
            return totals

        return lying

    async def member(number: int, table: MemberTable) -> Pooled | None:
        add = adder(number)
        if asked.budget is None:
            return await trained(asked, table, add, Seat(number, len(tables)), adding if asked.leave_one_out else None)
        noise = adding.noise(asked, number, seed)
        return await private_training.trained(asked, table, add, noise, asked.budget, len(tables))

    async def run() -> list[Pooled | None]:
        return await asyncio.gather(*(member(n, table) for n, table in enumerate(tables)))

    outcomes = asyncio.run(run())
    assert all(one == outcomes[0] for one in outcomes)
    return outcomes[0], adding


def cards(
    asked: PooledModelParameters, tables: Sequence[MemberTable], seed: bytes = b"", *, apart: bool = False
) -> tuple[PooledCard | None, Adding]:
    """All parties' scorecard, which must be one; where there is a budget, with noise by the seed."""
    adding, scale = Adding(len(tables)), asked.scale
    assert scale is not None

    async def member(number: int, table: MemberTable) -> PooledCard | None:
        if asked.budget is None:
            by_party = adding if apart else None
            seat = Seat(number, len(tables))
            return await card_training.trained(asked, scale, table, adding.of(number), seat, by_party)
        noise, count = adding.noise(asked, number, seed), len(tables)
        return await private_card.trained(asked, scale, table, adding.of(number), noise, asked.budget, count)

    async def run() -> list[PooledCard | None]:
        return await asyncio.gather(*(member(n, table) for n, table in enumerate(tables)))

    outcomes = asyncio.run(run())
    assert all(one == outcomes[0] for one in outcomes)
    return outcomes[0], adding


def sent(sums: Sequence[tuple[str, int, int]], members: int) -> int:
    """Bytes of payload that a party sends in secure sums: keys, shares, uploads and what it reveals."""
    fixed = 32 + 2 * shamir.SHARE + VIEW + members * shamir.SHARE
    return (members - 1) * sum(fixed + words * bytes_of(most) for _, words, most in sums)
