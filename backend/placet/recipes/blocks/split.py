"""The secret order in which a model's rows stand, and where training, validation and test begin in it.

The consumer's rows are ordered by a keyed hash of their identifiers. The key follows from the consumer's seed, to which
the plan commits, and from the hash of the block in which the job opened, which nobody knew then. So nobody chooses
who tests, neither beforehand nor after a look at the rows, and a row that is dropped moves no other one.
"""

from __future__ import annotations

import hmac
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from hashlib import sha256

from pydantic import JsonValue

from placet.catalogue.modelling import MAX_ROWS, Split
from placet.core.errors import DataError, InputError, ProtocolError
from placet.core.hashing import canonical
from placet.core.json_text import read_json
from placet.core.trail import Artefact
from placet.core.values import to_hex
from placet.jobs.party_run import PartyRun
from placet.jobs.step_recorder import StepRecorder, name_of
from placet.vault.rows import Rows

PROTOCOL = "split.hmac-sha256/1"
STEP = "split"
COUNTS = "split.counts"
_MAX_COUNTS = 256


@dataclass(frozen=True, slots=True)
class RowParts:
    """How many rows train, validate and test, in this order."""

    train: int
    validation: int
    test: int

    @property
    def total(self) -> int:
        return self.train + self.validation + self.test

    def to_json(self) -> dict[str, JsonValue]:
        return {"train": self.train, "validation": self.validation, "test": self.test}


LARGEST = RowParts(MAX_ROWS * 7 // 10, 0, MAX_ROWS - MAX_ROWS * 7 // 10)
"""As many rows as a job may have, by which a plan is tried before there are any."""


def parts_of(split: Split, rows: int) -> RowParts:
    """By percent, rounded down, what is left tests. DataError where the split is by a column."""
    if split.train is None or split.validation is None:
        raise DataError("a split by a column follows from the rows")
    train, validation = rows * split.train // 100, rows * split.validation // 100
    return RowParts(train, validation, rows - train - validation)


def order(
    identifiers: Sequence[str], key: bytes, split: Split, values: Sequence[int] | None
) -> tuple[list[int], RowParts]:
    """Which row stands at each place, and the parts. `values`: of the split's column, if it has one."""
    ranks = [hmac.digest(key, identifier.encode(), sha256) for identifier in identifiers]
    if values is None:
        return sorted(range(len(ranks)), key=ranks.__getitem__), parts_of(split, len(ranks))
    groups = [_group(split, value) for value in values]
    placed = sorted(range(len(ranks)), key=lambda row: (groups[row], ranks[row]))
    return placed, RowParts(*(groups.count(number) for number in range(3)))


def each(identifiers: Sequence[str], key: bytes, train: int) -> tuple[list[int], RowParts]:
    """The same order, and about so many percent that train: each row by its own rank alone. So a row that comes or goes
    changes the numbers of one part by one row, and moves nobody from one to the other, as a count by percent would."""
    ranks = [hmac.digest(key, identifier.encode(), sha256) for identifier in identifiers]
    edge = (train << 256) // 100
    trains = sum(int.from_bytes(rank, "big") < edge for rank in ranks)
    return sorted(range(len(ranks)), key=ranks.__getitem__), RowParts(trains, 0, len(ranks) - trains)


def _group(split: Split, value: int) -> int:
    return sum(value > edge for edge in (split.train_until, split.validation_until) if edge is not None)


def _key(job: PartyRun, block: bytes) -> bytes:
    return job.job_entropy(b"split", block)(32)


@asynccontextmanager
async def own_rows(
    job: PartyRun, rows: Rows, opened: Artefact, train: int, *, each_alone: bool = False
) -> AsyncIterator[tuple[StepRecorder, list[int], int]]:
    """The step in which a party splits rows that nobody else is told of, by their consents: their order, of which the
    first ones train, how many, and the others test. `each_alone`: as of `each`."""
    block = await job.opening_block()
    async with job.step(STEP, PROTOCOL, opened, parameters={"block": to_hex(block)}) as step:
        consents, key = [to_hex(consent) for consent in rows.consents], _key(job, block)
        if each_alone:
            placed, parts = each(consents, key, train)
        else:
            placed, parts = order(consents, key, Split(train=train, validation=0), None)
        yield step, placed, parts.train


async def consumer(
    job: PartyRun, split: Split, identifiers: Sequence[str], values: Sequence[int] | None, opened: Artefact
) -> tuple[list[int], RowParts, Artefact]:
    """The consumer's side: its rows' order, and the parts, which it tells everybody."""
    block = await job.opening_block()
    placed, parts = order(identifiers, _key(job, block), split, values)
    public: dict[str, JsonValue] = {"block": to_hex(block), **parts.to_json()}
    async with job.step(STEP, PROTOCOL, opened, parameters=public) as step:
        for party in job.peers:
            await step.send(name_of(party), COUNTS, canonical(public))
        made = step.output("order", canonical(placed))
    return placed, parts, made


async def provider(job: PartyRun, split: Split, of: int, opened: Artefact, *, most: int) -> tuple[RowParts, Artefact]:
    """A provider's side: the parts, by the same block. ProtocolError `peer.split` for others than the plan's."""
    block = await job.opening_block()
    async with job.step(STEP, PROTOCOL, opened, parameters={"block": to_hex(block)}) as step:
        raw = await step.receive(name_of(of), COUNTS, limit=_MAX_COUNTS)
        try:
            told = read_json(raw, COUNTS)
            parts = RowParts(*(told[name] for name in ("train", "validation", "test")))
            fits = all(
                type(count) is int and 0 <= count <= most for count in (parts.train, parts.validation, parts.test)
            )
            fits = fits and parts.total <= most and told["block"] == to_hex(block)
        except (InputError, KeyError, TypeError):
            fits = False
        if not fits or (split.train is not None and parts != parts_of(split, parts.total)):
            raise ProtocolError(
                "the consumer split its rows otherwise than planned",
                expected=f"the plan's parts of at most {most} rows, as of the block that opened the job",
                found=f"{len(raw)} bytes that do not fit",
                code="peer.split",
            )
        made = step.output("parts", canonical(parts.to_json()))
    return parts, made


def otherwise(rows: int) -> ProtocolError:
    """The consumer showed another list than it said."""
    return ProtocolError("the consumer's list is not as long as its parts", found=f"{rows} rows", code="peer.split")
