"""What goes out of a vault, through the gate: rows, marks of matches, parts of models."""

from __future__ import annotations

import dataclasses
import itertools
import logging
from collections.abc import Callable

import numpy as np

from placet.core.consent import Status
from placet.core.errors import InputError, NotFoundError, StateError, WarrantError
from placet.core.ids import NO_CONSENT, ConsentId, JobId, OfferId
from placet.core.lawful import ModelRef
from placet.core.offers import Subjects
from placet.core.plan import Plan, Terms
from placet.core.values import to_hex
from placet.vault import gate
from placet.vault.admission import table_breaches
from placet.vault.chain_view import ChainSnapshot, JobFacts
from placet.vault.columns import find
from placet.vault.leaves import StoredSet
from placet.vault.matches import JobEnd, MatchedSet
from placet.vault.models import KeptModel
from placet.vault.records import OfferBinding
from placet.vault.rows import Rows
from placet.vault.state import VaultState

log = logging.getLogger(__name__)
Demand = Callable[[gate.RowRequest, JobFacts | None, ChainSnapshot], JobFacts]


class Handover(VaultState):
    """Hands out what an open job's plan warrants, and keeps what a job made."""

    def rows(self, request: gate.RowRequest) -> Rows:
        with self._lock:
            _, bound, warrant, lawful = self._warranted(request)
            asks_matches = lawful is not None and self._records.asks_matches(bound)
            if asks_matches and not warrant.shown:
                raise WarrantError(
                    "an offer of this table to this consumer demands a smallest change, which this job can't hold",
                    expected="a recipe that shows this institution its matches before the consumer learns any",
                    found=request.terms.recipe,
                    code="warrant.change",
                )
            rows = self._rows_of(request, bound, warrant, lawful)
        log.info(
            "job %s attempt %d: handed out %d rows of input %d",
            *(to_hex(request.job), request.attempt, rows.count, request.input),
        )
        return dataclasses.replace(rows, asks_matches=asks_matches)

    def rows_again(self, request: gate.RowRequest) -> Rows:
        with self._lock:
            now, bound, warrant, lawful = self._warranted(request, gate.demand_sealed)
            if lawful is not None:
                candidates = self._records.candidates(request.plan.inputs[request.input].offer)
                gate.demand_unexpired(lawful, candidates, now)
            gate.demand_replayable(request.plan, now, self._replay_days)
            rows = self._rows_of(request, bound, warrant, lawful)
        log.info(
            "job %s attempt %d: handed out the same %d rows of input %d for a replay",
            *(to_hex(request.job), request.attempt, rows.count, request.input),
        )
        return rows

    def _rows_of(
        self, request: gate.RowRequest, bound: OfferBinding, warrant: gate.Warrant, lawful: StoredSet | None
    ) -> Rows:
        if warrant.model is not None:
            raise WarrantError("the input is a part of a model, not rows", found=request.input, code="warrant.model")
        dataset = self._tables.by_id(bound.offer.dataset)
        for breach in table_breaches(bound.scope, dataset):
            raise breach.error(WarrantError, "warrant")
        rows, near = (None, None) if lawful is None else (lawful.rows, lawful.places)
        table = self._tables.rows(dataset.name, rows, warrant.columns, near)
        return Rows(table, dataset.identifier, b"" if lawful is None else lawful.consents.tobytes())

    def _warranted(
        self, request: gate.RowRequest, demand: Demand = gate.demand_open
    ) -> tuple[ChainSnapshot, OfferBinding, gate.Warrant, StoredSet | None]:
        """What may be handed out now; no lawful set for a named consent. WarrantError. `demand`: what the chain must
        say of the job."""
        plan_input = gate.own_input(request, self._institution, self._deployment.jobs)
        now = self._look(thorough=True)
        try:
            bound = self._records.bound(plan_input.offer)
        except NotFoundError as error:
            raise WarrantError(error.message, found=error.found, code="warrant.offer") from None
        offer = self._chain.offer(plan_input.offer)
        facts = demand(request, self._chain.job(request.job), now)
        warrant = gate.demand_warrant(request, plan_input, bound, facts, offer)
        if offer.subjects is Subjects.MODEL:
            gate.demand_lineage(bound, offer, self._chain.lineage(bound.offer.dataset, request.job))
        if not plan_input.named:
            return now, bound, warrant, self._lawful_rows(request, warrant, plan_input.offer)
        self._demand_named(warrant.named, plan_input.offer, bound)
        return now, bound, warrant, None

    def matched(self, request: gate.RowRequest, marks: bytes) -> None:
        with self._lock:
            now, bound, _, lawful = self._warranted(request)
            if lawful is None or not self._records.asks_matches(bound):
                return
            if len(marks) != -(-len(lawful) // 8):
                raise InputError("a mark a row", expected=f"{len(lawful)} bits", found=f"{len(marks)} bytes")
            matching = np.unpackbits(np.frombuffer(marks, np.uint8), count=len(lawful)).astype(np.bool_)
            candidates = self._records.candidates(bound.offer.id)
            places, _ = find(candidates.ids, lawful.consents)
            later = MatchedSet(
                request.job,
                np.unique(candidates.subjects[places[matching]]),
                smallest=bound.scope.smallest_change or 1,
                until=int(candidates.not_after[places].max(initial=0)),
            )

            def end_of(job: JobId) -> JobEnd:
                facts = self._chain.job(job)
                ends = (None, None) if facts is None else (facts.aborted_block, facts.sealed_block)
                return JobEnd(*(block is not None and block <= now.confirmed for block in ends))

            self._records.matches.admit(bound.offer.dataset, request.plan.consumer, later, end_of)
        log.info("job %s attempt %d: its matches may be used", to_hex(request.job), request.attempt)

    def keep_model(self, job: JobId, plan: Plan, terms: Terms, model: KeptModel) -> None:
        part = model.part
        request = gate.RowRequest(job, plan, terms, part.attempt, 0)
        with self._lock:
            now = self._look(thorough=True)
            if model.clear is None:
                gate.demand_running(request, self._chain.job(job), now, self._deployment.jobs)
            else:
                gate.demand_planned(request, self._deployment.jobs)
                gate.demand_clear(request, self._chain.job(job), now, self._institution)
            gate.demand_own_part(model, job, plan, self._institution)
            self._models.keep(model)
            if model.clear is not None:
                self._models.settle(job, part.attempt)
        what = "a part of its model" if model.clear is None else "the model that it got in clear"
        log.info("job %s attempt %d: keeps %s", to_hex(job), part.attempt, what)

    def settle_model(self, job: JobId) -> None:
        with self._lock:
            now = self._look(thorough=True)
            facts = self._chain.job(job)
            ended = gate.ended(facts, now)
            if facts is None or ended is None:
                raise StateError("the job's end is not at confirmation depth", code="vault.unsettled")
            self._models.settle(job, facts.attempt if ended == "completed" else None)
        log.info("job %s: its model is %s", to_hex(job), "ready" if ended == "completed" else "gone")

    def model(self, request: gate.RowRequest) -> KeptModel:
        with self._lock:
            _, bound, warrant, lawful = self._warranted(request)
            if lawful is not None or warrant.model is None:
                raise WarrantError("the input is not a part of a model", found=request.input, code="warrant.model")
            kept = self._models.by_id(bound.offer.dataset)
            found = ModelRef(kept.part.job, kept.commitment)
            if found != warrant.model:
                raise WarrantError(
                    "what is kept is a part of another model",
                    expected=to_hex(warrant.model.commitment),
                    found=to_hex(found.commitment),
                    code="warrant.model",
                )
        log.info("job %s attempt %d: handed out a part of a model", to_hex(request.job), request.attempt)
        return kept

    def _lawful_rows(self, request: gate.RowRequest, warrant: gate.Warrant, offer: OfferId) -> StoredSet:
        try:
            sets = [self._records.sets.stored(offer, root) for root, _ in itertools.groupby(warrant.roots)]
        except NotFoundError as error:
            raise WarrantError(error.message, found=error.found, code="warrant.root") from None
        gate.demand_leaves(
            request,
            warrant,
            sets,
            candidates=self._records.candidates(offer),
            anchored=self._chain.batches(offer),
            dead=self._chain.dead(offer),
        )
        return sets[-1]

    def _demand_named(self, consent: ConsentId, offer: OfferId, bound: OfferBinding) -> None:
        candidate = self._records.candidates(offer).get(consent)
        personal = bound.scope.personal or self._dataset(bound.offer.dataset).personal
        if personal or consent == NO_CONSENT or candidate is None or candidate.subject is not None:
            raise WarrantError(
                "not a consent of this institution for its own data", found=to_hex(consent), code="warrant.named"
            )
        status = self._chain.status(consent)
        if status is not Status.GIVEN or consent in self._chain.dead(offer):
            raise WarrantError("the named consent is not given", found=status.name.lower(), code="warrant.withdrawn")
