"""A job's facts out of the events of the deployment's contracts, whoever tells of these.

Two do: a chain endpoint (`placet.audit.chain_facts`), and receipts under the hashes of blocks (`placet.audit.proof`).
What no event tells (how far a job has come, an offer's heads, whether an account has code) each says by a method of its
own.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import Literal, Protocol

from pydantic import ValidationError

from placet.audit.facts import (
    AcceptedMeasurement,
    Amended,
    Anchored,
    BudgetChange,
    ChainFacts,
    Committed,
    DatasetFact,
    End,
    Ending,
    Funding,
    Given,
    LineageOffer,
    ModelFact,
    Moment,
    OfferFact,
    Opened,
    OriginFact,
    Paid,
    ProvenEnd,
    Recorded,
    ReleasedKey,
    Sealed,
    StakeFact,
    Withdrawn,
    Withheld,
)
from placet.chain import events
from placet.chain.events import E
from placet.core.errors import ChainError
from placet.core.hashing import document_hash
from placet.core.ids import ConsentId, DatasetId, JobId, OfferId
from placet.core.offers import Offer
from placet.core.plan import Plan
from placet.core.trust import Deployment


class OfferHeads(Protocol):
    """An offer as the contract has it at the facts' head; see `OfferFact`."""

    @property
    def offer(self) -> Offer: ...
    @property
    def provider(self) -> bytes: ...
    @property
    def epoch(self) -> bytes: ...
    @property
    def unproven(self) -> bytes: ...


class FactReader(ABC):
    """Facts of one job up to `head`; `status` and `attempt` as the ledger has them there."""

    def __init__(self, job: JobId, deployment: Deployment, head: Moment, status: Ending, attempt: int) -> None:
        self.job, self.deployment, self.head = job, deployment, head
        self.status, self.attempt = status, attempt

    @abstractmethod
    def all(self, kinds: Sequence[type[E]], **indexed: bytes | int) -> list[E]:
        """All events of these kinds with these indexed fields up to the head, in order."""

    @abstractmethod
    def time(self, event: events.Event) -> int:
        """The Unix time of the event's block."""

    @abstractmethod
    def offer_heads(self, offer: OfferId) -> OfferHeads:
        """NotFoundError where nobody made the offer."""

    def lineage_heads(self, offer: OfferId) -> tuple[Offer, bytes]:
        """The offer that an origin's plan uses, and its epoch. NotFoundError where nobody made it. Its making is looked
        for, so that a proof goes back to it: its ends lie above."""
        self.all((events.OfferMade,), offer=offer)
        heads = self.offer_heads(offer)
        return heads.offer, heads.epoch

    @abstractmethod
    def has_code(self, address: bytes) -> bool:
        """Is there code at an account?"""

    @abstractmethod
    def opened_plan(self, job: JobId, transaction: bytes) -> Plan | None:
        """The plan with which a job was opened, out of that transaction; None where it is not shown."""

    def of_job(self, kind: type[E]) -> list[E]:
        return self.all((kind,), job=self.job)

    def first(self, kind: type[E]) -> E | None:
        return next(iter(self.of_job(kind)), None)

    def moment(self, event: events.Event) -> Moment:
        return Moment(block=event.block, index=event.log_index, timestamp=self.time(event))

    def facts(self, plan: Plan | None) -> ChainFacts:
        """ChainError for a number that the contracts' types can't hold; a list that is too long is a fact."""
        try:
            return self._facts(plan)
        except ValidationError as error:
            where = ".".join(str(part) for part in error.errors(include_url=False)[0]["loc"])
            raise ChainError(
                "events tell what no contract of the deployment can",
                found=f"{error.title}: a bad value at {where}",
                remedy="ask another endpoint",
                code="chain.impossible",
            ) from None

    def _facts(self, plan: Plan | None) -> ChainFacts:
        inputs = plan.inputs if plan else ()
        offers = tuple(o for i in inputs for o in self._offer(i.offer))
        datasets = tuple(d for id_ in dict.fromkeys(o.offer.dataset for o in offers) for d in self._dataset(id_))
        models, origins, lineage = self._lineage([one.offer.dataset for one in offers])
        opened, sealed, funded = self.first(events.JobOpened), self.first(events.JobSealed), self.first(events.Funded)
        return ChainFacts(
            job=self.job,
            deployment=document_hash(self.deployment),
            chain_id=self.deployment.chain_id,
            head=self.head,
            status=self.status,
            attempt=self.attempt,
            opened=self._opened(opened) if opened else None,
            offers=offers,
            datasets=datasets,
            budgets=tuple(self._budgets(datasets)),
            models=models,
            origins=origins,
            lineage=lineage,
            made=tuple(self._model(e) for e in self.of_job(events.ModelRegistered)),
            anchored=tuple(
                Anchored(offer=e.offer, root=e.root, at=self.moment(e))
                for i in inputs
                if not i.named
                for e in self.all((events.BatchAnchored,), offer=i.offer)
            ),
            withdrawn=tuple(w for i in inputs for w in self._withdrawn(i.offer)),
            given=tuple(g for i in inputs if i.named for g in self._given(i.consent)),
            contracts=self._contracts(plan) if plan else (),
            committed=tuple(c for i in inputs if i.named for c in self._committed(i.offer)),
            accepted=tuple(a for p in (plan.parties if plan else ()) if not p.inputs for a in self._accepted(p.signer)),
            amended=tuple(
                Amended(attempt=e.attempt, roots=e.roots, epochs=e.epochs, at=self.moment(e))
                for e in self.of_job(events.JobAmended)
            ),
            recorded=tuple(
                Recorded(
                    attempt=e.attempt, party=e.party, first=e.from_, hashes=e.hashes, head=e.head, at=self.moment(e)
                )
                for e in self.of_job(events.StepsRecorded)
            ),
            sealed=self._sealed(sealed) if sealed else None,
            released=tuple(
                ReleasedKey(party=e.party, key=e.key, at=self.moment(e)) for e in self.of_job(events.KeyReleased)
            ),
            withheld=tuple(Withheld(party=e.party, at=self.moment(e)) for e in self.of_job(events.KeyWithheld)),
            funded=self._funding(funded) if funded else None,
            paid=tuple(self._paid()),
            end=self._end(),
            stakes=tuple(self._stakes()),
        )

    def _opened(self, event: events.JobOpened) -> Opened:
        return Opened(
            at=self.moment(event),
            block_hash=event.block_hash,
            consumer=event.consumer,
            sponsor=event.sponsor,
            terms=event.terms,
            open_by=event.open_by,
            deadline=event.deadline,
            settle_by=event.settle_by,
            openings=event.openings,
        )

    def _sealed(self, event: events.JobSealed) -> Sealed:
        return Sealed(
            attempt=event.attempt,
            heads=event.heads,
            outputs=event.outputs,
            keys=event.keys,
            epochs=event.epochs,
            payouts=event.payouts,
            at=self.moment(event),
        )

    def _offer(self, offer: OfferId) -> Iterator[OfferFact]:
        for event in self.all((events.OfferMade,), offer=offer):
            state = self.offer_heads(offer)
            yield OfferFact(
                id=offer,
                offer=state.offer,
                provider=state.provider,
                made=self.moment(event),
                epoch=state.epoch,
                unproven=state.unproven,
            )

    def _dataset(self, dataset: DatasetId) -> Iterator[DatasetFact]:
        for e in self.all((events.DatasetRegistered,), dataset=dataset):
            yield DatasetFact(
                id=dataset,
                provider=e.provider,
                subjects=e.subjects,
                budget=e.budget,
                registered=self.moment(e),
            )

    def _budgets(self, datasets: Sequence[DatasetFact]) -> Iterator[BudgetChange]:
        """All that was ever spent of those that have a budget, by whatever job, in order."""
        kinds: list[type[events.BudgetSpent | events.BudgetRefunded]] = [events.BudgetSpent, events.BudgetRefunded]
        changes = (e for dataset in datasets if dataset.budget for e in self.all(kinds, dataset=dataset.id))
        for e in sorted(changes, key=lambda e: (e.block, e.log_index)):
            yield BudgetChange(
                kind="spent" if isinstance(e, events.BudgetSpent) else "refunded",
                dataset=e.dataset,
                offer=e.offer,
                job=e.job,
                amount=e.amount,
                left=e.left,
                at=self.moment(e),
            )

    def _model(self, event: events.ModelRegistered) -> ModelFact:
        return ModelFact(
            id=event.dataset,
            provider=event.provider,
            origin=event.job,
            commitment=event.commitment,
            card=event.card,
            registered=self.moment(event),
        )

    def _lineage(
        self, datasets: Sequence[DatasetId]
    ) -> tuple[tuple[ModelFact, ...], tuple[OriginFact, ...], tuple[LineageOffer, ...]]:
        """Of all models among these datasets, and of those that they were made of."""
        models: dict[DatasetId, ModelFact] = {}
        origins: dict[JobId, OriginFact] = {}
        lineage: dict[OfferId, LineageOffer] = {}
        waiting = list(datasets)
        while waiting:
            dataset = waiting.pop()
            registered = next(iter(self.all((events.ModelRegistered,), dataset=dataset)), None)
            if dataset in models or registered is None:
                continue
            models[dataset] = self._model(registered)
            if registered.job in origins:
                continue
            origins[registered.job] = origin = self._origin(registered.job)
            for plan_input in origin.plan.inputs if origin.plan is not None else ():
                if plan_input.offer not in lineage:
                    lineage[plan_input.offer] = self._lineage_offer(plan_input.offer)
                    waiting.append(lineage[plan_input.offer].offer.dataset)
        return tuple(models.values()), tuple(origins.values()), tuple(lineage.values())

    def _origin(self, job: JobId) -> OriginFact:
        opened = next(iter(self.all((events.JobOpened,), job=job)), None)
        sealed = next(iter(self.all((events.JobSealed,), job=job)), None)
        return OriginFact(
            job=job,
            plan=None if opened is None else self.opened_plan(job, opened.transaction),
            sealed=None if sealed is None else self.moment(sealed),
            epochs=() if sealed is None else sealed.epochs,
        )

    def _lineage_offer(self, offer: OfferId) -> LineageOffer:
        terms, epoch = self.lineage_heads(offer)
        proven = [(one.proven, one.consent) for one in self._withdrawn(offer) if one.proven is not None]
        return LineageOffer(
            offer=terms,
            epoch=epoch,
            ended=tuple(
                ProvenEnd(consent=consent, at=at) for at, consent in sorted(proven, key=lambda one: one[0].order)
            ),
        )

    def _committed(self, offer: OfferId) -> Iterator[Committed]:
        kinds: list[type[events.DatasetRegistered | events.DatasetCommitted]] = [
            events.DatasetRegistered,
            events.DatasetCommitted,
        ]
        for event in self.all((events.OfferMade,), offer=offer):
            for e in self.all(kinds, dataset=event.terms.dataset):
                yield Committed(dataset=e.dataset, commitment=e.commitment, at=self.moment(e))

    def _accepted(self, provider: bytes) -> Iterator[AcceptedMeasurement]:
        retired = {e.measurement: self.moment(e) for e in self.all((events.MeasurementRetired,), provider=provider)}
        for e in self.all((events.MeasurementAccepted,), provider=provider):
            yield AcceptedMeasurement(
                provider=provider,
                measurement=e.measurement,
                enclave_class=e.class_,
                at=self.moment(e),
                retired=retired.get(e.measurement),
            )

    def _withdrawn(self, offer: OfferId) -> Iterator[Withdrawn]:
        later = {e.consent: self.moment(e) for e in self.all((events.WithdrawalProven,), offer=offer)}
        erased: dict[ConsentId, Moment] = {}
        for anchored in self.all((events.ErasureAnchored,), offer=offer):
            erased.setdefault(anchored.consent, self.moment(anchored))
        ended: list[events.ConsentWithdrawn | events.ConsentRevoked] = [
            *self.all((events.ConsentWithdrawn,), offer=offer),
            *self.all((events.ConsentRevoked,), offer=offer),
        ]
        for e in sorted(ended, key=lambda e: (e.block, e.log_index)):
            at = self.moment(e)
            yield Withdrawn(
                offer=offer,
                consent=e.consent,
                kind="withdrawn" if isinstance(e, events.ConsentWithdrawn) else "revoked",
                at=at,
                head=e.head,
                proven=at if e.proven else later.get(e.consent),
                erased=erased.get(e.consent),
            )

    def _given(self, consent: ConsentId) -> Iterator[Given]:
        for e in self.all((events.ConsentGiven,), consent=consent):
            yield Given(
                consent=consent,
                offer=e.offer,
                not_before=e.not_before,
                not_after=e.not_after,
                first_opening=e.first_opening,
                uses=e.uses,
                at=self.moment(e),
            )

    def _contracts(self, plan: Plan) -> tuple[bytes, ...]:
        addresses = (signer for signer in dict.fromkeys(plan.signers) if len(signer) == 20)
        return tuple(a for a in addresses if self.has_code(a))

    def _paid(self) -> Iterator[Paid]:
        for credit in self.of_job(events.Credited):
            yield Paid(kind="credit", to=credit.payee, amount=credit.amount, at=self.moment(credit))
        for refund in self.of_job(events.Refunded):
            yield Paid(kind="refund", to=refund.sponsor, amount=refund.amount, at=self.moment(refund))

    def _funding(self, funded: events.Funded) -> Funding:
        return Funding(token=funded.token, sponsor=funded.sponsor, amount=funded.amount, at=self.moment(funded))

    def _stakes(self) -> Iterator[StakeFact]:
        reported = {e.stake: e for e in self.of_job(events.FaultReported)}
        answered = {e.stake: e for e in self.of_job(events.FaultAnswered)}
        slashed = {e.stake: e for e in self.of_job(events.StakeSlashed)}
        returned = {e.stake: e for e in self.of_job(events.StakeReturned)}
        for deposit in self.of_job(events.StakeDeposited):
            report, reply = reported.get(deposit.stake), answered.get(deposit.stake)
            end: events.Event | None = slashed.get(deposit.stake) or returned.get(deposit.stake)
            how: Literal["returned", "slashed"] = "slashed" if deposit.stake in slashed else "returned"
            yield StakeFact(
                stake=deposit.stake,
                party=deposit.party,
                holder=deposit.terms.holder,
                amount=deposit.terms.amount,
                deposited=self.moment(deposit),
                fault=0 if report is None else report.fault,
                reported=None if report is None else self.moment(report),
                answered=None if reply is None else self.moment(reply),
                end=None if end is None else how,
                ended=None if end is None else self.moment(end),
            )

    def _end(self) -> End | None:
        aborted, cancelled = self.first(events.JobAborted), self.first(events.JobCancelled)
        if aborted:
            return End(kind=Ending.ABORTED, at=self.moment(aborted), by=aborted.by, reason=aborted.reason)
        if cancelled:
            return End(kind=Ending.CANCELLED, at=self.moment(cancelled), signer=cancelled.signer)
        if completed := self.first(events.JobCompleted):
            return End(kind=Ending.COMPLETED, at=self.moment(completed))
        closed = self.first(events.JobClosed)
        return End(kind=Ending.CLOSED, at=self.moment(closed)) if closed else None
