"""What a bundle's facts show of models before the job's opening, as the one rule on lineages wants to have it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

from placet.audit.case import Case
from placet.audit.facts import LineageOffer, ModelFact, Moment, OriginFact
from placet.core.ids import ConsentId, DatasetId, JobId, OfferId
from placet.core.lineage import Order, Origin, Registration


class ShownModels:
    """A view of the facts as of just before `moment`."""

    def __init__(self, case: Case, moment: Moment) -> None:
        self._case, self._moment = case, moment

    @cached_property
    def models(self) -> dict[DatasetId, ModelFact]:
        return {one.id: one for one in self._case.facts.models}

    @cached_property
    def origins(self) -> dict[JobId, OriginFact]:
        return {one.job: one for one in self._case.facts.origins}

    @cached_property
    def offers(self) -> dict[OfferId, LineageOffer]:
        return {one.offer.id: one for one in self._case.facts.lineage}

    def _before(self, at: Moment) -> bool:
        return at.order < self._moment.order

    def registration(self, dataset: DatasetId) -> Registration | None:
        fact = self.models.get(dataset)
        if fact is None or not self._before(fact.registered):
            return None
        return Registration(dataset, fact.provider, fact.origin, fact.commitment, fact.registered.order)

    def origin(self, job: JobId) -> Origin | None:
        fact = self.origins.get(job)
        if fact is None or fact.plan is None or fact.sealed is None or not self._before(fact.sealed):
            return None
        if fact.plan.job(self._case.deployment.jobs) != job or len(fact.plan.inputs) != len(fact.epochs):
            return None
        sealed: Order = fact.sealed.order
        inputs = zip((one.offer for one in fact.plan.inputs), fact.epochs, strict=True)
        return Origin(job, tuple(party.signer for party in fact.plan.parties), tuple(inputs), sealed)

    def dataset(self, offer: OfferId) -> DatasetId | None:
        shown = self.offers.get(offer)
        return None if shown is None else shown.offer.dataset

    def ended(self, offer: OfferId) -> Sequence[ConsentId]:
        shown = self.offers.get(offer)
        return () if shown is None else [one.consent for one in shown.ended if self._before(one.at)]
