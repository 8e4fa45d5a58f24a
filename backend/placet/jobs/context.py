"""What the runner works with: one institution's keys, chain, vault, peers and database."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import sqlalchemy as sa

from placet.chain.calls import Calls
from placet.chain.client import Chain
from placet.chain.index import Index
from placet.chain.sender import Sender
from placet.core.consent import Offer, Scope
from placet.core.errors import LimitError
from placet.core.evidence import NamedConsent
from placet.core.plan import Plan, Terms
from placet.core.signatures import Key
from placet.core.trust import Deployment, Institution, TrustList
from placet.protocols.enclave.sealed.task import Role
from placet.protocols.spu import free_port, leftovers
from placet.recipes.contract_compare.documents import Documents
from placet.recipes.contract_compare.sessions import EnclaveSessions, Proof
from placet.vault.responses import BatchLeaves, LawfulSet, LeavesPart
from placet.vault.rows import Rows


class Peers(Protocol):
    """The link to other institutions' nodes: mutual TLS, each side known by its certificate."""

    async def call(self, to: Institution, what: str, body: bytes, *, limit: int) -> bytes:
        """Ask a peer; its answer of at most `limit` bytes. PeerError if it is not there, or its own PlacetError."""


class Vault(Protocol):
    """The institution's vault, or what stands for it where there are no rows; see `placet.vault.client`."""

    async def lawful(self, offer: bytes, block: int, deadline: int) -> LawfulSet: ...
    async def without(self, offer: bytes, root: bytes) -> LawfulSet: ...
    async def dead(self, offer: bytes, root: bytes) -> list[bytes]: ...
    async def leaves(self, offer: bytes, root: bytes, start: int) -> LeavesPart: ...
    async def batch(self, offer: bytes, root: bytes) -> BatchLeaves: ...
    async def named_evidence(self, consent: bytes) -> NamedConsent: ...
    async def rows(
        self, job: bytes, plan: Plan, terms: Terms, attempt: int, input: int, columns: Sequence[str] | None = None
    ) -> Rows: ...


class EnclaveService(Protocol):
    """An institution that runs enclaves, as the companies of a job see it. Its own PlacetError where it says no."""

    async def prove(self, job: bytes, nonce: bytes) -> Proof:
        """What the job's enclave shows of itself, over this nonce."""

    async def upload(self, job: bytes, attempt: int, role: Role, file: Path) -> None:
        """The encrypted document, from where an upload was broken off."""

    async def download(self, job: bytes, party: int, *, size: int) -> bytes:
        """A party's masked result of so many bytes."""


PATIENCE = 60.0
"""Seconds for which a task waits for a port, less than for ever: two jobs at two nodes may each hold what the other
waits for."""
_LOOK = 0.25


@dataclass(frozen=True)
class EnginePorts:
    """Where this institution's engine listens (one of the ports, any if both are 0), its TLS key in PEM, unencrypted,
    and the folder in which each task gets a folder of its own."""

    host: str
    ports: tuple[int, int]
    key: bytes = field(repr=False)
    scratch: Path
    _held: set[int] = field(default_factory=set, init=False, repr=False, compare=False)

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

    async def _free(self) -> int:
        now = asyncio.get_running_loop().time
        until = now() + PATIENCE
        while True:
            try:
                return free_port(self.host, *self.ports, but=self._held)
            except LimitError as error:
                if now() >= until:
                    raise LimitError(
                        "the engine has no port for another task",
                        expected=error.expected,
                        found=f"all taken, {len(self._held)} by tasks of this node",
                        remedy="a wider range of engine_ports, or fewer jobs at a time",
                        code="engine.busy",
                    ) from None
            await asyncio.sleep(_LOOK)

    def clear(self) -> None:
        """Remove what a killed node left of its tasks."""
        self.scratch.mkdir(mode=0o700, exist_ok=True)
        leftovers.clear(self.scratch)


@dataclass(frozen=True)
class JobContext:
    """One institution's means. `scope` opens one of its own offers; `note_uses` tells owners what used their data;
    `accepts` refuses a plan that this institution has more to ask of than others (PlanError).

    `sessions` are the enclaves of one that runs them; `documents` and `service` are a company's that has one compared.
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
    vault: Vault
    trust: TrustList
    deployment: Deployment
    peers: Peers
    engine_ports: EnginePorts
    scope: Callable[[Offer], Scope]
    recipes: tuple[str, ...]
    purposes: tuple[str, ...]
    note_uses: Callable[[bytes, int, Iterable[bytes]], None]
    accepts: Callable[[Plan, Terms], None] = lambda plan, terms: None
    sessions: EnclaveSessions | None = None
    documents: Documents | None = None
    service: Callable[[Institution], EnclaveService] | None = None

    @property
    def address(self) -> bytes:
        return self.signer.address
