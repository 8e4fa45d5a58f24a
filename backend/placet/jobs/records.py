"""A job and its attempts as a node has them, and the tables that hold them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from placet.chain.signals import Signal
from placet.core.ids import JobId
from placet.core.plan import Plan, Terms
from placet.core.values import to_hex


class Phase(StrEnum):
    """Where this party stands in an attempt."""

    RUNNING = "running"
    COMPUTED = "computed"
    FAILED = "failed"


@dataclass(frozen=True)
class JobRecord:
    """A job as this node agreed to it. `seed` is sealed (`core.at_rest`)."""

    job: JobId
    plan: Plan
    terms: Terms
    signatures: tuple[bytes, ...]
    party: int
    seed: bytes
    ended: str | None
    result: bytes | None
    created: int

    @property
    def signed(self) -> bool:
        """By all: consumer and sponsor stand among the parties."""
        return all(self.signatures[: len(self.plan.parties)])


@dataclass(frozen=True)
class Attempt:
    """This party's part of an attempt; `key` and `private` are closed, `output` is the masked output."""

    attempt: int
    phase: Phase
    why: str | None
    roots: tuple[bytes, ...]
    key: bytes | None
    output: bytes | None
    private: bytes | None


def hexes(values: Sequence[bytes]) -> str:
    return json.dumps([to_hex(value) for value in values])


def octets_of(text: str) -> tuple[bytes, ...]:
    return tuple(bytes.fromhex(value[2:]) for value in json.loads(text))


class JobTables:
    """Each call of a store is one transaction. `told` is sent when there is something new for who follows a job; `due`
    when this process has written what the runner goes on from."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self.told = Signal()
        self.due = Signal()

    def _one(self, query: sa.Select[Any]) -> sa.RowMapping | None:
        with self._engine.connect() as connection:
            return connection.execute(query).mappings().one_or_none()

    def _all(self, query: sa.Select[Any]) -> Sequence[sa.RowMapping]:
        with self._engine.connect() as connection:
            return connection.execute(query).mappings().all()

    def _write(self, *statements: sa.Executable) -> None:
        with self._engine.begin() as connection:
            for statement in statements:
                connection.execute(statement)
