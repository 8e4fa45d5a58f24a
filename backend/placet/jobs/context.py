"""What the runner works with: one institution's keys, chain, vault, peers and database."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import sqlalchemy as sa

from placet.chain.calls import Calls
from placet.chain.client import Chain
from placet.chain.index import Index
from placet.chain.sender import Sender
from placet.chain.signals import Signal, listening
from placet.core.at_rest import JOBS, AtRest
from placet.core.errors import ConfigError, LimitError, StateError
from placet.core.evidence import NamedConsent
from placet.core.ids import BatchRoot, ConsentId, EnrolmentRoot, JobId, OfferId
from placet.core.masking import public_key
from placet.core.model_card import ModelCard
from placet.core.offers import Offer, Scope
from placet.core.plan import Plan, Terms
from placet.core.signatures import Key
from placet.core.trust import Deployment, Institution, TrustList
from placet.core.values import Value, to_hex
from placet.jobs.holding import Hold
from placet.jobs.kept_payloads import KeptPayloads
from placet.jobs.messages import PartyEntry
from placet.jobs.sessions import WarmSessions
from placet.protocols.flower.extra import FlowerEngine
from placet.protocols.spu import SpareEngine, free_port, leftovers
from placet.vault.models import KeptModel
from placet.vault.responses import BatchLeaves, DeadLeaves, EnrolledLeaves, LawfulSet, LeavesPart, OpenedRows, SetToSign

if TYPE_CHECKING:
    from placet.vault.rows import Rows

R = TypeVar("R")


class Peers(Protocol):
    """The link to other institutions' nodes: mutual TLS, each side known by its certificate."""

    async def call(self, to: Institution, what: str, body: bytes, *, limit: int) -> bytes:
        """Ask a peer; its answer of at most `limit` bytes. PeerError if it is not there, or its own PlacetError."""


class RowSource(Protocol):
    """The institution's vault; see `placet.vault.client`."""

    async def lawful(self, offer: OfferId, block: int, deadline: int, sign: SetToSign | None = None) -> LawfulSet: ...
    async def without(self, offer: OfferId, root: bytes, sign: SetToSign | None = None) -> LawfulSet: ...
    async def dead(self, offer: OfferId, root: bytes) -> DeadLeaves: ...
    async def leaves(self, offer: OfferId, root: bytes, start: int) -> LeavesPart: ...
    async def batch(self, offer: OfferId, root: BatchRoot) -> BatchLeaves: ...
    async def enrolments(self, enroller: bytes, root: EnrolmentRoot) -> EnrolledLeaves: ...
    async def rows(self, job: JobId, plan: Plan, terms: Terms, attempt: int, input: int) -> Rows: ...
    async def rows_again(self, job: JobId, plan: Plan, terms: Terms, attempt: int, input: int) -> Rows: ...
    async def matched(self, job: JobId, plan: Plan, terms: Terms, attempt: int, input: int, marks: bytes) -> None: ...
    async def open_rows(
        self, job: JobId, plan: Plan, terms: Terms, attempt: int, input: int, consents: Sequence[ConsentId]
    ) -> OpenedRows: ...
    async def keep_model(self, job: JobId, plan: Plan, terms: Terms, model: KeptModel) -> None: ...
    async def settle_model(self, job: JobId) -> None: ...
    async def model(self, job: JobId, plan: Plan, terms: Terms, attempt: int, input: int) -> KeptModel: ...


class ConsentSource(Protocol):
    """Where the institution's own consents are kept: its vault, or a company's folder of documents."""

    async def named_evidence(self, consent: ConsentId) -> NamedConsent: ...


Answer = Callable[[bytes, Any], Awaitable[Value]]
"""(who asks, the parsed question) to the answer."""
Questions = Mapping[str, tuple[type[Value], Answer]]
"""By the question's name."""
Prepared = Sequence[tuple[OfferId, bytes]]
"""What a party brings into a plan: the offer and the root (a consent's id) of each input."""
FreshEntry = Callable[[Prepared], Awaitable[PartyEntry]]
"""An entry in a plan under a new seed, prepared for these inputs."""


class Extension(Protocol):
    """What an institution brings to a recipe that takes more than rows: questions of its own between peers, what it
    demands of a plan (PlanError), and what it keeps for a job until that ends."""

    def questions(self, context: JobContext, fresh: FreshEntry) -> Questions: ...
    def demand(self, context: JobContext, plan: Plan, terms: Terms) -> None: ...
    def forget(self, job: JobId) -> None: ...


PATIENCE = 60.0
"""Seconds for which a task waits for a port, less than for ever: two jobs at two nodes may each hold what the other
waits for."""
_LOOK = 1.0
"""Seconds between two looks at ports that other programs hold: of their end nothing is heard here. A task of this node
that ends wakes who waits."""


@dataclass(frozen=True)
class EnginePorts:
    """Where this institution's engine listens (one of the ports, any if both are 0), its TLS key in PEM, unencrypted,
    the folder in which each task gets a folder of its own, and whether there is Flower. Sessions that nobody uses now
    keep their ports, until another task has none."""

    host: str
    ports: tuple[int, int]
    key: bytes = field(repr=False)
    scratch: Path
    flower: FlowerEngine = field(default_factory=FlowerEngine.here)
    sessions: WarmSessions = field(default_factory=WarmSessions, init=False, repr=False, compare=False)
    _held: set[int] = field(default_factory=set, init=False, repr=False, compare=False)
    _freed: Signal = field(default_factory=Signal, init=False, repr=False, compare=False)

    @cached_property
    def spare(self) -> SpareEngine:
        """An engine's process without a task, where one is wanted soon."""
        return SpareEngine(self.scratch)

    async def close(self) -> None:
        """End what no task uses."""
        await self.sessions.close()
        await self.spare.close()

    @contextlib.asynccontextmanager
    async def port(self) -> AsyncIterator[int]:
        """A port for one task, no other task's until this one has ended. LimitError `engine.busy` where none comes free
        for `PATIENCE` seconds."""
        port = await self._free()
        self._held.add(port)
        try:
            yield port
        finally:
            self._held.remove(port)
            self._freed.send()

    async def _free(self) -> int:
        now = asyncio.get_running_loop().time
        until = now() + PATIENCE
        with listening(self._freed) as listener:
            while True:
                try:
                    return free_port(self.host, *self.ports, but=self._held)
                except LimitError as error:
                    if await self.sessions.spare():
                        continue
                    if now() >= until:
                        raise LimitError(
                            "the engine has no port for another task",
                            expected=error.expected,
                            found=f"all taken, {len(self._held)} by tasks of this node",
                            remedy="a wider range of engine_ports, or fewer jobs at a time",
                            code="engine.busy",
                        ) from None
                await listener.wait(_LOOK)

    def clear(self) -> None:
        """Remove what a killed node left of its tasks."""
        self.scratch.mkdir(mode=0o700, exist_ok=True)
        leftovers.clear(self.scratch)


@dataclass(frozen=True)
class JobContext:
    """One institution's means. `scope` opens one of its own offers; `note_uses` tells owners what used their data;
    `standing_recipes` are served under standing plans alone, to which this institution agreed by hand; `hold` says
    which plans wait for a person; `stakes`: how much of a token this institution stakes for one job at the most.
    `cards` are those that it has registered of a job's model; `payloads` is where what others sent is kept for replays,
    None where nothing is;
    `hpke` is the secret of results; `earlier_hpke` are those before it that still open what is under them;
    `institution` is its address, where that is not the signer's: a contract's;
    `moved` is sent when the chain may have something new of the contracts.

    `rows` is None for a company, which has documents and no rows; `extensions` are what it brings to recipes that take
    more than rows.
    """

    signer: Key
    recorder: Key
    hpke: bytes = field(repr=False)
    tls_key: bytes
    engine: sa.Engine
    chain: Chain
    index: Index
    sender: Sender
    calls: Calls
    rows: RowSource | None
    consents: ConsentSource
    trust: TrustList
    deployment: Deployment
    peers: Peers
    engine_ports: EnginePorts
    scope: Callable[[Offer], Scope]
    recipes: tuple[str, ...]
    purposes: tuple[str, ...]
    note_uses: Callable[[JobId, int, OfferId, bytes], None]
    standing_recipes: tuple[str, ...] = ()
    hold: Hold = "none"
    stakes: Mapping[bytes, int] = field(default_factory=dict)
    earlier_hpke: tuple[bytes, ...] = field(default=(), repr=False)
    institution: bytes = b""
    extensions: tuple[Extension, ...] = ()
    cards: Callable[[JobId], tuple[ModelCard, ...]] = lambda job: ()
    moved: Signal = field(default_factory=Signal)
    payloads: KeptPayloads | None = None

    def demand_rows(self) -> RowSource:
        """StateError where this institution brings no rows."""
        if self.rows is None:
            raise StateError("a company of a comparison has documents and no rows", code="document.no-rows")
        return self.rows

    def resource(self, kind: type[R]) -> R:
        """The extension of that type. ConfigError where this institution does not bring it."""
        for extension in self.extensions:
            if isinstance(extension, kind):
                return extension
        raise ConfigError("this institution takes no such part in a job", found=kind.__name__, code="recipe.resource")

    @cached_property
    def at_rest(self) -> AtRest:
        """What this institution keeps of its jobs."""
        return AtRest(JOBS, self.hpke, self.earlier_hpke)

    def hpke_of(self, public: bytes) -> bytes:
        """The secret of one of the institution's HPKE keys. StateError `hpke.lost` where it is none of those kept."""
        try:
            return self._hpke_secrets[public]
        except KeyError:
            raise StateError(
                "the key that this result is sealed to is lost",
                expected=to_hex(public),
                remedy="put the key's file back from a backup, or run the job again",
                code="hpke.lost",
            ) from None

    @cached_property
    def _hpke_secrets(self) -> dict[bytes, bytes]:
        return {public_key(secret): secret for secret in (self.hpke, *self.earlier_hpke)}

    @property
    def address(self) -> bytes:
        """The institution's: a contract in whose name the signer acts, or the signer's own."""
        return self.institution or self.signer.address
