"""Where a model comes from, and how many of those it was learned from have withdrawn since.

A model is a dataset that a job made: its holders, parties of that job, registered their parts after the job's seal.
Its lineage are the inputs of that job, each an offer under the epoch that the seal names; where an input was a
model itself, that one's lineage too. An epoch is the head of the list of an offer's proven ends, so the chain alone
says which of them came after the seal. All consents to the offer count, since a lawful root does not say whose rows
it holds; an end that was unproven when it came counts from its proof on.

The model's offer says how many are tolerated. Nodes, vaults and the audit each read a `Lineage` from their own view of
the chain, as of the block before a job's opening, and call `model_breaches`: nothing else decides.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from placet.core.ids import ConsentId, DatasetId, JobId, OfferId
from placet.core.lawful import Breach
from placet.core.offers import Scope
from placet.core.values import to_hex
from placet.core.withdrawal import FIRST_EPOCH, withdrawal_head

KEEP = "keep-model"
"""The name of the step in which parties commit to their parts of a model that they make."""
COMMITMENT = "model"
"""The name of that step's output that commits to the whole model."""

Order: TypeAlias = tuple[int, int]
"""A place on the chain: block, and the log's place in it."""


@dataclass(frozen=True, slots=True)
class Registration:
    """A holder's part of a model, as `ModelRegistered` tells it; `origin` is the holder's word."""

    dataset: DatasetId
    provider: bytes
    origin: JobId
    commitment: bytes
    at: Order


@dataclass(frozen=True, slots=True)
class Origin:
    """A job that made a model: its parties' signers, the offer of each input and the epoch that the seal names for it,
    and the seal's place."""

    job: JobId
    parties: tuple[bytes, ...]
    inputs: tuple[tuple[OfferId, bytes], ...]
    sealed: Order


class Models(Protocol):
    """What somebody's view of the chain shows of models, before one moment."""

    def registration(self, dataset: DatasetId) -> Registration | None:
        """None for a dataset that is no model."""

    def origin(self, job: JobId) -> Origin | None:
        """None for a job that was not sealed, or of which the view does not hold the plan."""

    def dataset(self, offer: OfferId) -> DatasetId | None:
        """An offer's dataset; None for an offer that nobody made."""

    def ended(self, offer: OfferId) -> Sequence[ConsentId]:
        """An offer's proven ends, in the order in which they were proven."""


@dataclass(frozen=True, slots=True)
class Lineage:
    """A model's origin, and of each offer of its lineage how many consents have ended since its seal."""

    registration: Registration
    origin: Origin
    withdrawn: tuple[tuple[OfferId, int], ...]

    @property
    def total(self) -> int:
        return sum(count for _, count in self.withdrawn)


def ended_since(ended: Sequence[ConsentId]) -> dict[bytes, int]:
    """Each epoch that an offer has had, by its proven ends in order, and how many ends came after it."""
    after, head = {FIRST_EPOCH: len(ended)}, FIRST_EPOCH
    for place, consent in enumerate(ended, 1):
        head = withdrawal_head(head, consent)
        after[head] = len(ended) - place
    return after


def lineage(dataset: DatasetId, models: Models) -> Lineage | None:
    """A model's lineage; None where the view does not show all of it."""
    registration = models.registration(dataset)
    origin = None if registration is None else models.origin(registration.origin)
    if registration is None or origin is None:
        return None
    withdrawn = withdrawn_since(origin.job, models, before=registration.at)
    return None if withdrawn is None else Lineage(registration, origin, withdrawn)


def withdrawn_since(
    job: JobId, models: Models, *, before: Order | None = None
) -> tuple[tuple[OfferId, int], ...] | None:
    """Of each offer that a job's model was made of, how many consents have ended since its seal, whether a model of it
    is registered or not; None where the view does not show all of it, or the job was not sealed `before`. Of an offer
    that stands in it twice, the earlier epoch counts. A job that uses a model was sealed after that one's registration,
    and before that of what it made."""
    counts: dict[OfferId, int] = {}
    epochs: dict[OfferId, dict[bytes, int]] = {}
    waiting: list[tuple[JobId, Order | None]] = [(job, before)]
    seen: set[DatasetId] = set()
    while waiting:
        origin_job, until = waiting.pop()
        maker = models.origin(origin_job)
        if maker is None or (until is not None and maker.sealed >= until):
            return None
        for offer, epoch in maker.inputs:
            if offer not in epochs:
                epochs[offer] = ended_since(models.ended(offer))
            count, behind = epochs[offer].get(epoch), models.dataset(offer)
            if count is None or behind is None:
                return None
            counts[offer] = max(count, counts.get(offer, 0))
            earlier = models.registration(behind)
            if earlier is None:
                continue
            if earlier.at >= maker.sealed:
                return None
            if behind not in seen:
                seen.add(behind)
                waiting.append((earlier.origin, earlier.at))
    return tuple(sorted(counts.items()))


def model_breaches(provider: bytes, scope: Scope | None, lineage: Lineage | None) -> Iterator[Breach]:
    """What its lineage says against the use of a model's part that `provider` holds; for errors `model.RULE`. Without
    the `scope`, which other parties do not know, all that the chain shows is judged."""
    if lineage is None:
        yield Breach(
            "origin",
            "the chain does not show which job made the model",
            "a job that was sealed before the model was registered",
            "none",
            "register a model after its job's seal; or use an endpoint that shows the job's transactions",
        )
        return
    if provider not in lineage.origin.parties or lineage.registration.provider != provider:
        yield Breach(
            "origin",
            "the model is held by an institution that was no party of the job that made it",
            ", ".join(map(to_hex, lineage.origin.parties)),
            to_hex(lineage.registration.provider),
        )
    tolerated = None if scope is None else scope.tolerated_withdrawals or 0
    if tolerated is not None and lineage.total > tolerated:
        yield Breach(
            "stale",
            "more of those whose consents the model was made under have withdrawn than its offer tolerates",
            f"{tolerated} at the most",
            lineage.total,
            "train it anew over today's consents: propose the job that made it again",
        )
