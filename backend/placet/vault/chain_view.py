"""What the vault wants to know of the chain, from its own endpoint."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Protocol

from placet.core.consent import Status
from placet.core.ids import BatchRoot, ConsentId, DatasetId, JobId, OfferId
from placet.core.lawful import ModelRef
from placet.core.lineage import Lineage
from placet.core.offers import Offer, Subjects
from placet.core.signatures import Verifiers
from placet.vault.responses import EndpointFindings


@dataclass(frozen=True)
class ChainSnapshot:
    """One look at the chain: latest block, the highest block at confirmation depth, and the time (Unix seconds), by the
    latest block (`block_time`) and by that or this machine's clock, whichever is later (`time`)."""

    head: int
    confirmed: int
    time: int
    block_time: int


@dataclass(frozen=True)
class OfferFacts:
    """An offer as the registry holds it at the latest block, and what its dataset was registered with: whose rows, or,
    of a model, which."""

    offer: Offer
    provider: bytes
    epoch: bytes
    openings: int
    subjects: Subjects
    model: ModelRef | None = None


@dataclass(frozen=True)
class JobFacts:
    """A job as the ledger holds it at the latest block.

    `open` is false from seal, abort or cancel on; `openings` has one number an input; `amendments` has the roots of
    each attempt from the second to the current one; `opened_block` and `attempt_block` are where opening and current
    attempt stand, `opened_at` is the opening's time (Unix seconds), `sealed_block`, `aborted_block`,
    `completed_block` and `closed_block` are where the job ended so.
    """

    open: bool
    attempt: int
    terms: bytes
    openings: tuple[int, ...]
    amendments: tuple[tuple[bytes, ...], ...]
    opened_block: int
    attempt_block: int
    opened_at: int
    sealed_block: int | None = None
    aborted_block: int | None = None
    completed_block: int | None = None
    closed_block: int | None = None


class ChainView(Protocol):
    """All answers between two `look`s are about the same head. Everything raises ChainError rather than guess."""

    @property
    def verifiers(self) -> Verifiers: ...

    def examine(self) -> EndpointFindings:
        """How the endpoint is, tried at the endpoint itself; raises nothing."""

    def look(self, *, thorough: bool) -> ChainSnapshot:
        """Catch up with the endpoint. ChainError if it is lost or behind what this vault has seen confirmed;
        DeploymentError if the contracts are others (checked now if `thorough`, else from time to time)."""

    def timestamp(self, block: int) -> int:
        """A block's time (Unix seconds)."""

    def offer(self, offer: OfferId) -> OfferFacts:
        """NotFoundError for an offer that nobody made."""

    def lineage(self, dataset: DatasetId, job: JobId) -> Lineage | None:
        """Of a model, as of just before a job's opening; None where it can't be shown to be one."""

    def batches(self, offer: OfferId) -> Mapping[BatchRoot, int]:
        """Anchored roots and the block of each."""

    def dead(self, offer: OfferId) -> Collection[ConsentId]:
        """Consents withdrawn or revoked, proven or not."""

    def status(self, consent: ConsentId) -> Status:
        """A named consent's status."""

    def job(self, job: JobId) -> JobFacts | None:
        """None for a job that was never opened."""
