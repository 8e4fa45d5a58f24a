"""Providers and a consumer of `asset-view`'s sums in one process, any of whom may lie; and the auditor's view of it."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

from placet.core.errors import PlacetError, ProtocolError
from placet.core.hashing import sha256
from placet.core.trail import MASKED_OUTPUT, Artefact
from placet.core.verified_sums import SumComplaint
from placet.jobs.party_run import PartyRun
from placet.jobs.randomness import stream
from placet.jobs.step_recorder import name_of
from placet.protocols.local import LocalChannel, LocalNetwork
from placet.protocols.order import Entropy
from placet.recipes.asset_view import verified

NAMES = ("North", "South", "Fund", "Office", "Trust")
Lie = Callable[[int, str, int, bytes], bytes]
"""(sender, tag, receiver, what it would send) to what it sends."""


def honest(sender: int, tag: str, receiver: int, payload: bytes) -> bytes:
    return payload


@dataclass
class Step:
    """A channel of one party under which it may lie, and what it made."""

    channel: LocalChannel
    party: int
    lie: Lie

    @property
    def me(self) -> str:
        return self.channel.me

    async def send(self, to: str, tag: str, payload: bytes) -> None:
        receiver = int(to.removeprefix("party-"))
        await self.channel.send(to, tag, self.lie(self.party, tag, receiver, payload))

    async def receive(self, sender: str, tag: str, *, limit: int) -> bytes:
        return await self.channel.receive(sender, tag, limit=limit)

    def public(self, name: str, commitment: bytes) -> Artefact:
        return Artefact(name=name, commitment=commitment)

    def output(self, name: str, content: bytes) -> Artefact:
        return self.public(name, sha256(content))


@dataclass
class Run:
    """What the recipe sees of one party. The last party is the consumer."""

    network: LocalNetwork
    party: int
    lie: Lie
    seed: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    attempt: int = 1
    complaints: tuple[SumComplaint, ...] = ()

    @property
    def consumer(self) -> int:
        return len(self.network.names) - 1

    @property
    def terms(self) -> Any:
        return SimpleNamespace(roles=(*["provider"] * self.consumer, "consumer"))

    @property
    def peers(self) -> list[int]:
        return [party for party in range(len(self.network.names)) if party != self.party]

    def name(self, party: int) -> str:
        return "Consumer" if party == self.consumer else NAMES[party]

    def entropy(self, *labels: bytes) -> Entropy:
        return stream(self.seed, self.attempt.to_bytes(4, "big"), *labels)

    @contextlib.asynccontextmanager
    async def step(self, name: str, protocol: str, *inputs: Artefact, **more: Any) -> AsyncIterator[Step]:
        yield Step(self.network.channel(name_of(self.party)), self.party, self.lie)

    def working(self, what: str) -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext()

    async def refuse(self, error: ProtocolError, *complaints: SumComplaint) -> ProtocolError:
        self.complaints = complaints
        return error

    async def release(self, part: bytes, *inputs: Artefact) -> None:
        async with self.step("mask-output", "") as step:
            await step.send(name_of(self.consumer), MASKED_OUTPUT, part)


async def unkept(commitments: bytes) -> None:
    """No random audit will ask for them."""


@dataclass
class Summed:
    """How it went: the totals, or each party's error; who shows what; all messages by (sender, receiver, tag)."""

    totals: list[int] | None
    errors: dict[int, PlacetError]
    complaints: dict[int, tuple[SumComplaint, ...]]
    messages: dict[tuple[int, int, str], bytes]
    check: verified.SumCheck | None
    parts: dict[int, bytes]


def summed(values: list[list[int]], lie: Lie = honest) -> Summed:
    """By providers' values at each place. Who fails ends the others, as an attempt does."""
    network = LocalNetwork(tuple(name_of(i) for i in range(len(values) + 1)))
    runs = [Run(network, party, lie) for party in range(len(values) + 1)]
    places, consumer = len(values[0]), len(values)
    parts: dict[int, bytes] = {}
    errors: dict[int, PlacetError] = {}
    made = Artefact(name="rows", commitment=bytes(32))

    async def consume(run: Run) -> verified.SumCheck:
        job = cast(PartyRun, run)
        payloads = await verified.receive(job, places)
        for party in range(consumer):
            parts[party] = await network.channel(name_of(consumer)).receive(
                name_of(party), MASKED_OUTPUT, limit=1 << 26
            )
        return await verified.check(job, payloads, places)

    async def part(run: Run) -> verified.SumCheck | None:
        try:
            if run.party == consumer:
                return await consume(run)
            await verified.provide(cast(PartyRun, run), consumer, values[run.party], (made, made), unkept)
        except PlacetError as error:
            errors[run.party] = error
            raise
        return None

    async def all_of_them() -> verified.SumCheck | None:
        async with asyncio.timeout(60):
            tasks = [asyncio.create_task(part(run)) for run in runs]
            _, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
            for task in pending:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            return None if errors else tasks[-1].result()

    check, totals = asyncio.run(all_of_them()), None
    if check is not None:
        try:
            totals = verified.proven(parts, check)
        except PlacetError as error:
            errors[consumer] = error
    messages = defaultdict[tuple[int, int, str], bytes](bytes)
    for sender, receiver, tag, payload in network.sent:
        messages[int(sender[6:]), int(receiver[6:]), tag] = payload
    return Summed(totals, errors, {r.party: r.complaints for r in runs if r.complaints}, messages, check, parts)
