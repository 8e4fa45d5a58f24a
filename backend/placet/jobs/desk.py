"""What the runner works with: one institution's keys, chain, vault, peers and database."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Protocol

import sqlalchemy as sa

from placet.chain.calls import Calls
from placet.chain.client import Chain
from placet.chain.index import Index
from placet.chain.sender import Sender
from placet.core.consent import Offer, Scope
from placet.core.signatures import Key
from placet.core.trust import Deployment, Institution, TrustList
from placet.vault.client import VaultClient


class Peers(Protocol):
    """The link to other institutions' nodes: mutual TLS, each side known by its certificate."""

    async def call(self, to: Institution, what: str, body: bytes, *, limit: int) -> bytes:
        """Ask a peer; its answer of at most `limit` bytes. PeerError if it is not there, or its own PlacetError."""


@dataclass(frozen=True)
class Desk:
    """One institution's means. `scope` opens one of its own offers; `note_uses` tells owners what used their data."""

    signer: Key
    recorder: Key
    hpke: bytes = field(repr=False)
    tls_key: bytes
    engine: sa.Engine
    chain: Chain
    index: Index
    sender: Sender
    calls: Calls
    vault: VaultClient
    trust: TrustList
    deployment: Deployment
    peers: Peers
    scope: Callable[[Offer], Scope]
    recipes: tuple[str, ...]
    purposes: tuple[str, ...]
    note_uses: Callable[[bytes, int, Iterable[bytes]], None]

    @property
    def address(self) -> bytes:
        return self.signer.address
