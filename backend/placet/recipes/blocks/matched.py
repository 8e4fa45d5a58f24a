"""How many rows a provider and the consumer both have, and the sum of the provider's values over them, by circuit PSI.

The functionality is private intersection-sum with cardinality (Ion et al., EuroS&P 2020): by a garbled circuit on the
embedded engine, by Cheetah on the distributed one. The count is compared with the plan's smallest group inside the
circuit, and below it nothing else comes out. What comes out stays shares, the provider's until the release; nobody
learns which rows matched.

Without noise each side tells how many rows it has. With noise it tells no more than that number rounded up, so that by
the places that stay empty nobody sees who has gone, and something runs however few rows there are.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from pydantic import JsonValue

from placet.catalogue.circuit_psi import GARBLED, CircuitParameters
from placet.core.errors import InputError
from placet.core.garbling import GarblingComplaint, counting_context
from placet.core.hashing import canonical
from placet.core.privacy import GaussianRelease
from placet.core.trail import Artefact
from placet.jobs.party_run import PartyRun
from placet.jobs.recipe import UNFIT
from placet.jobs.step_recorder import StepRecorder, name_of
from placet.protocols import garbled
from placet.protocols.bins import rounded
from placet.protocols.counted import count_and_total_of, demand_range, noisy_count_of
from placet.protocols.garbled import Brought, CheatedError, CountTerms
from placet.protocols.spu import Network, choose, count_and_sum, open_count_and_sum, open_noisy_count
from placet.protocols.work import Progress
from placet.recipes.blocks import distributed
from placet.recipes.blocks.columns import subjects, whole

SECONDS = 600
"""For putting the shares together."""
PROVIDER, CONSUMER, PARTIES = 0, 1, (0, 1)
"""The plan's order, which is the engine's too: the provider, then the consumer."""
ROWS = "garbled.rows"
FINAL = UNFIT | {CheatedError.code, "garbled.choice", "ot.check"}
"""Nobody runs another attempt with a party that was caught."""


@dataclass(frozen=True)
class MatchedRows:
    """What two parties count: whose rows are the same by `identifier`, from `smallest` on; `value` names the provider's
    column that is added up over them, None for a count alone. `release`: the count, where each of them adds noise to
    it. `garblings`: how many the provider commits to, where it garbles."""

    identifier: str
    value: str | None
    smallest: int
    protocol: str
    release: GaussianRelease | None = None
    garblings: int = 1

    @classmethod
    def of(
        cls, parameters: CircuitParameters, *, value: str | None = None, release: GaussianRelease | None = None
    ) -> MatchedRows:
        """As a plan has it."""
        return cls(
            parameters.identifier,
            value,
            parameters.smallest_group,
            parameters.protocol,
            release,
            parameters.garblings,
        )

    async def run(self, job: PartyRun) -> None:
        """The same function at both parties."""
        if job.role == "provider":
            rows, opened = await job.open("accounts")
            values = None if self.value is None else whole(rows, self.value)
            if values is not None:
                demand_range(values)
            share, _, artefact = await self._compute(job, subjects(rows, self.identifier), values, opened)
            return await job.release(share, artefact)
        rows, opened = await job.open("customers")
        customers = [str(customer).encode() for customer in rows.columns[self.identifier]]
        share, counts, artefact = await self._compute(job, customers, None, opened)
        state: dict[str, JsonValue] = {"share": share.hex(), "rows": list(counts), "smallest_group": self.smallest}
        state |= {"summed": self.value is not None, "protocol": self.protocol}
        if self.release is not None:
            state["variance"] = self.release.variance
        await job.collect(canonical(state), artefact)

    async def _compute(
        self, job: PartyRun, identifiers: Sequence[bytes], values: Sequence[int] | None, opened: Artefact
    ) -> tuple[bytes, tuple[int, int], Artefact]:
        async def on_spu(running: CountingRun) -> bytes:
            return await count_and_sum(
                running.on_spu,
                identifiers,
                values,
                rows=running.rows,
                amounts_of=None if self.value is None else PROVIDER,
                smallest=self.smallest,
                scratch=job.context.engine_ports.scratch,
                seconds=job.seconds_left,
                noise=running.noise[0] if running.noise else None,
            )

        async def by_tables(running: CountingRun) -> bytes:
            provides = job.party == PROVIDER
            try:
                return await (garbled.garble if provides else garbled.evaluate)(
                    running.step,
                    name_of(CONSUMER if provides else PROVIDER),
                    Brought(identifiers, values, running.noise[0] if running.noise else None),
                    CountTerms(
                        running.rows, self.value is not None, self.release is not None, self.smallest, self.garblings
                    ),
                    context=counting_context(job.record.job, job.attempt),
                    entropy=job.entropy(b"garbled"),
                    progress=running.progress,
                )
            except CheatedError as cheated:
                raise await job.refuse(cheated, _complaint(job, cheated)) from None

        circuit = MatchedCircuit(self.smallest, self.protocol, self.release)
        return await circuit.run(job, len(identifiers), opened, by_tables if self.protocol == GARBLED else on_spu)


def _complaint(job: PartyRun, cheated: CheatedError) -> GarblingComplaint:
    shown = cheated.certificate
    return GarblingComplaint(
        attempt=job.attempt,
        accused=PROVIDER,
        about="garbling",
        index=shown.index,
        choice=shown.choice,
        choosing_seed=shown.choosing_seed,
        own_seed=shown.own_seed,
        answers=shown.answers,
        payload=shown.committed,
    )


@dataclass(frozen=True)
class CountingRun:
    """Two parties that are about to count: in which step, with room for so many rows of each, with how much noise of
    ours, who hears of it meanwhile; and where SPU counts, its network."""

    step: StepRecorder
    rows: tuple[int, int]
    noise: Sequence[int]
    progress: Progress
    network: Network | None

    @property
    def on_spu(self) -> Network:
        """The network. InputError where SPU does not count."""
        if self.network is None:
            raise InputError("there is no network of SPU here", expected="a protocol of SPU's")
        return self.network


Counting = Callable[[CountingRun], Awaitable[bytes]]
"""This party's share of what is counted."""


@dataclass(frozen=True)
class MatchedCircuit:
    """Two parties that count by circuit PSI, each with its own noise on what is released; None for none. `protocol`:
    `garbled` on the embedded engine, or one of SPU's."""

    smallest: int
    protocol: str
    release: GaussianRelease | None

    async def run(
        self, job: PartyRun, number: int, opened: Artefact, count: Counting
    ) -> tuple[bytes, tuple[int, int], Artefact]:
        """This party's share, both sides' numbers of rows, of which we have `number`, and what the last step made. With
        noise numbers of rows are rounded up. Without it, where one side has fewer than the smallest group, which both
        know then, nothing runs and the share is empty."""
        (peer,) = (party for party in PARTIES if party != job.party)
        protocol, public = f"psi.circuit.{self.protocol}/1", self._public(job)
        drawn = None
        if self.release is not None:
            number = rounded(number)
            source = await job.noise()
            drawn = await asyncio.to_thread(source.draw, self.release)
        async with AsyncExitStack() as stack:
            port = None if self.protocol == GARBLED else await stack.enter_async_context(job.engine_port())
            async with job.step("statistics-start", protocol, opened, parameters=public) as step:
                if drawn is not None:
                    step.drew(drawn)
                tag = distributed.ROWS if port is not None else ROWS
                theirs = await distributed.numbers_of_rows(step, peer, number, tag)
                counts = (number, theirs) if job.party == PROVIDER else (theirs, number)
                enough, network = drawn is not None or min(counts) >= self.smallest, None
                if enough and port is not None:
                    network = await distributed.meet(job, step, PARTIES, b"statistics", port)
            if not enough:
                return b"", counts, opened
            async with job.step("statistics", protocol, opened, parameters=public) as step:
                with job.working(f"the engine to count over {counts[0]} and {counts[1]} rows") as work:
                    noise = () if drawn is None else drawn.numbers
                    share = await count(CountingRun(step, counts, noise, work.count, network))
                artefact = step.output("share", share)
        return share, counts, artefact

    def _public(self, job: PartyRun) -> dict[str, JsonValue]:
        public: dict[str, JsonValue] = {
            "engine": distributed.engine_of(job.terms.engine),
            "protocol": self.protocol,
            "smallest_group": self.smallest,
        }
        if self.protocol != GARBLED:
            public["field"] = choose(len(PARTIES), named=self.protocol).field
        return public


def count_and_total(parts: Mapping[int, bytes], private: bytes, scratch: Path) -> tuple[int, tuple[int, int] | None]:
    """The smallest group, and count and sum over the matched rows; None where too few matched. InputError for shares
    that no honest parties reach."""
    state = json.loads(private)
    smallest, rows = state["smallest_group"], (state["rows"][0], state["rows"][1])
    if min(rows) < smallest:
        return smallest, None
    shares = (parts[PROVIDER], bytes.fromhex(state["share"]))
    if state["protocol"] == GARBLED:
        count, *sums = garbled.opened(shares, 1 + state["summed"])
        return smallest, count_and_total_of(count, sum(sums), rows=rows, smallest=smallest)
    opening = open_count_and_sum(
        shares, rows=rows, summed=state["summed"], smallest=smallest, scratch=scratch, seconds=SECONDS
    )
    return smallest, asyncio.run(opening)


@dataclass(frozen=True)
class NoisyCount:
    """`count` with both parties' noise, each of `variance`; None where it looks smaller than `smallest`."""

    count: int | None
    smallest: int
    variance: int


def noisy_count(parts: Mapping[int, bytes], private: bytes, scratch: Path) -> NoisyCount:
    """What comes out of a job with noise. InputError as `count_and_total`."""
    state = json.loads(private)
    smallest, variance, rows = state["smallest_group"], state["variance"], (state["rows"][0], state["rows"][1])
    shares = (parts[PROVIDER], bytes.fromhex(state["share"]))
    if state["protocol"] == GARBLED:
        (number,) = garbled.opened(shares, 1)
        count = noisy_count_of(number, rows=rows, variance=variance, smallest=smallest)
        return NoisyCount(count, smallest, variance)
    opening = open_noisy_count(
        shares, rows=rows, variance=variance, smallest=smallest, scratch=scratch, seconds=SECONDS
    )
    return NoisyCount(asyncio.run(opening), smallest, variance)
