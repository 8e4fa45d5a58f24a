"""Where enclaves run. One interface; `simulated` is the platform that runs anywhere with bubblewrap and swtpm.

Evidence is verified by `evidence.verify`, whatever the platform. A platform's class is never its own to say: it
follows from the kind of its evidence.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import BinaryIO, Protocol

from placet.core.enclave_policy import Role
from placet.core.hashing import sha256
from placet.core.ids import JobId
from placet.protocols.enclave.evidence.model import EnclaveEvidence
from placet.protocols.enclave.sealed.task import Task


@dataclass(frozen=True, kw_only=True)
class SealedResult:
    """The result for one party, masked under all release keys and encrypted to that party."""

    party: int
    enclave: bytes
    """The key of the enclave that it is from, as its evidence names it: it takes part in the mask's key."""
    masked: bytes

    @property
    def commitment(self) -> bytes:
        """SHA-256 of the masked result, as the seal will have it."""
        return sha256(self.masked)


class Enclave(Protocol):
    """One enclave for one job. It is ended after its result, whatever the result is."""

    @property
    def key(self) -> bytes:
        """Its X25519 public key."""

    async def prove(self, nonce: bytes) -> EnclaveEvidence:
        """Evidence over chain, job, key and the nonce (32 bytes). As often as parties ask."""

    async def compute(
        self, task: Task, keys: Mapping[Role, bytes], documents: Mapping[Role, BinaryIO], *, seconds: float
    ) -> tuple[SealedResult, ...]:
        """Sealed keys and encrypted documents to sealed results, one for each recipient of the task, in its order."""

    async def end(self) -> None:
        """Kill it, and everything that it started, and return when all of it is gone. Can be called at any time."""


class Platform(Protocol):
    @property
    def measurement(self) -> bytes:
        """What its evidence will show, and plans name."""

    async def start(self, *, chain: int, job: JobId) -> Enclave:
        """A new enclave with a new key."""

    async def close(self) -> None:
        """End all of its enclaves."""
