"""A model's lineage, read from one endpoint and its index as of a place on the chain."""

from __future__ import annotations

from collections.abc import Sequence

from placet.chain.client import Chain
from placet.chain.ends import offer_at
from placet.chain.events import JobOpened, JobSealed
from placet.chain.index import Index
from placet.core.errors import NotFoundError
from placet.core.ids import ConsentId, DatasetId, JobId, OfferId
from placet.core.lineage import Lineage, Order, Origin, Registration, lineage, withdrawn_since

END = (2**63 - 1, 0)
"""After everything."""


def lineage_at(chain: Chain, index: Index, dataset: DatasetId, *, before: Order = END) -> Lineage | None:
    """A model's lineage as of just before a place on the chain, or now; None where it can't be shown to be one. The
    index has been synchronised. ChainError `chain.incomplete` where events of withdrawals are missing."""
    return lineage(dataset, _Models(chain, index, before))


def withdrawn_at(chain: Chain, index: Index, job: JobId) -> tuple[tuple[OfferId, int], ...] | None:
    """Now, of each offer that the model of a job was made of, how many consents have ended since its seal. Errors and
    None as above."""
    return withdrawn_since(job, _Models(chain, index, END))


class _Models:
    """What the endpoint shows of models."""

    def __init__(self, chain: Chain, index: Index, before: Order) -> None:
        self._chain, self._index, self._before = chain, index, before
        self._head = index.latest()

    def registration(self, dataset: DatasetId) -> Registration | None:
        for one in self._index.models():
            if one.dataset == dataset and (at := (one.block, one.log_index)) < self._before:
                return Registration(dataset, one.provider, one.job, one.commitment, at)
        return None

    def origin(self, job: JobId) -> Origin | None:
        events = [event for event in self._index.job_events(job) if (event.block, event.log_index) < self._before]
        opened = next((event for event in events if isinstance(event, JobOpened)), None)
        sealed = next((event for event in events if isinstance(event, JobSealed)), None)
        if opened is None or sealed is None:
            return None
        plan = self._chain.opened_plan(job, opened.transaction)
        if plan is None or len(plan.inputs) != len(sealed.epochs):
            return None
        return Origin(
            job=job,
            parties=tuple(party.signer for party in plan.parties),
            inputs=tuple((one.offer, epoch) for one, epoch in zip(plan.inputs, sealed.epochs, strict=True)),
            sealed=(sealed.block, sealed.log_index),
        )

    def dataset(self, offer: OfferId) -> DatasetId | None:
        try:
            return self._chain.offer(offer, block=self._head).offer.dataset
        except NotFoundError:
            return None

    def ended(self, offer: OfferId) -> Sequence[ConsentId]:
        offer_at(self._chain, self._index, offer, self._head)
        ends = self._index.proven_ends(offer, self._head)
        return [event.consent for event in ends if (event.block, event.log_index) < self._before]
