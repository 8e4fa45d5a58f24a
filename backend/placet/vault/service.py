"""What a vault does: admits consents, works out lawful sets, and hands rows out through the gate.

All methods are synchronous and run one at a time; each looks at the chain anew.
"""

from __future__ import annotations

import itertools
import logging
import threading
from collections.abc import Callable, Collection, Sequence

import numpy as np

from placet.core.consent import CompactConsent, Consent, Status, demand_derived
from placet.core.enrolment import Enrolment, EnrolmentOpening, accepted_enrollers
from placet.core.errors import (
    ConsentError,
    InputError,
    NotFoundError,
    PlacetError,
    SignatureError,
    StateError,
    WarrantError,
)
from placet.core.evidence import ErasedLeaf, NamedConsent
from placet.core.hashing import sha256
from placet.core.ids import NO_CONSENT, BatchRoot, ConsentId, DatasetId, JobId, OfferId
from placet.core.lawful import ModelRef
from placet.core.leaves import LeafRecord
from placet.core.merkle import batch_root
from placet.core.offers import Offer, Scope, Subjects
from placet.core.plan import Plan, Terms
from placet.core.trust import Deployment, TrustList
from placet.core.values import to_hex
from placet.core.wording import Wording
from placet.vault import gate
from placet.vault.admission import AdmissionContext, Submission, admit, demand_offer, table_breaches
from placet.vault.admitted import Tag, admit_lines, record_of
from placet.vault.batches import BatchCheck, BatchReader
from placet.vault.candidates import Candidates
from placet.vault.chain_view import ChainSnapshot, ChainView
from placet.vault.columns import RowSubjects, column, find
from placet.vault.lawful import choose, opens_before, root_of
from placet.vault.leaves import LEAF, RowLeaf, StoredSet, join, unpack
from placet.vault.matches import JobEnd, MatchedSet
from placet.vault.models import KeptModel, KeptModels
from placet.vault.records import ConsentRecord, FoundRecord, OfferBinding, Records
from placet.vault.responses import (
    BatchLeaves,
    DeadLeaves,
    EndpointFindings,
    KeptConsent,
    KeptConsents,
    LawfulSet,
    LeavesPart,
    SetToSign,
    TableCounts,
)
from placet.vault.rows import Rows
from placet.vault.schema import DatasetInfo
from placet.vault.tables import Tables

log = logging.getLogger(__name__)

PART = 20_000
"""Leaves of one `leaves` answer at the most."""


class Vault:
    """One institution's vault. See `VaultClient` for what each method answers."""

    def __init__(
        self,
        tables: Tables,
        records: Records,
        models: KeptModels,
        chain: ChainView,
        *,
        institution: bytes,
        deployment: Deployment,
        trust: TrustList,
    ) -> None:
        self._tables = tables
        self._records = records
        self._models = models
        self._chain = chain
        self._institution = institution
        self._deployment = deployment
        self._trust = trust
        self._lock = threading.Lock()
        self._roots: dict[OfferId, tuple[bytes, bytes]] = {}
        """Digest and root of each offer's last set: one root is worked out for a set that is asked for twice."""
        self._kept: dict[OfferId, bytes] = {}
        """Digest of the set that was kept last."""
        self._shown: dict[tuple[OfferId, bytes], bytes] = {}
        """The set that is being shown to an auditor part by part, opened; at most one."""

    def datasets(self) -> list[DatasetInfo]:
        return [*self._tables.infos(), *self._models.infos()]

    def endpoint(self) -> EndpointFindings:
        """Waits for no other call: it is asked when something hangs."""
        return self._chain.examine()

    def admit(
        self,
        consent: Consent,
        scope: Scope,
        signature: bytes,
        enrolment: Enrolment | None,
        opening: EnrolmentOpening | None,
    ) -> ConsentId:
        demand_derived(consent, scope, self._trust.name)
        submission = Submission(
            consent=CompactConsent.of(consent), signature=signature, enrolment=enrolment, opening=opening
        )
        outcome = self.admit_many(consent.offer, scope, [submission])[0]
        if isinstance(outcome, PlacetError):
            raise outcome
        if outcome != consent.id:
            raise StateError("two ways to a consent's id disagree", expected=to_hex(consent.id), found=to_hex(outcome))
        return outcome

    def admit_many(
        self, offer: Offer, scope: Scope, submissions: Sequence[Submission]
    ) -> list[ConsentId | PlacetError]:
        with self._lock:
            dataset, situation = self._situation(offer, scope)
            tag = self._tag(dataset)
            wording = Wording(offer, scope, self._trust.name)
            outcomes: list[ConsentId | PlacetError] = []
            admitted: dict[ConsentId, ConsentRecord] = {}
            for submission in submissions:
                try:
                    identity = admit(submission, wording, situation)
                except (ConsentError, SignatureError, InputError) as error:
                    outcomes.append(error)
                    continue
                admitted[identity] = record_of(submission, tag)
                outcomes.append(identity)
            self._records.add(offer.id, admitted)
        log.info("admitted %d of %d consents to offer %s", len(admitted), len(submissions), to_hex(offer.id))
        return outcomes

    def admit_batch(self, reader: BatchReader, tell: Callable[[int], None], processes: int = 0) -> None:
        """Check all of a batch file and admit it, all or nothing. InputError names a line that may not come in."""
        header = reader.header
        with self._lock, BatchCheck(header, self._deployment, self._trust, processes) as check:
            dataset, situation = self._situation(header.offer, header.scope)

            parts = admit_lines(check.run(reader), situation, self._tag(dataset), tell)
            self._records.add_batch(header.offer.id, header.root, parts)
        log.info("admitted batch %s: %d consents", to_hex(header.root), header.count)

    def _look(self, *, thorough: bool) -> ChainSnapshot:
        """The chain as it is now. What is kept of matches and plans may be over by its blocks' time: a clock of this
        machine that runs ahead would delete what owners were promised, and what a job is about to use."""
        now = self._chain.look(thorough=thorough)
        self._records.matches.expire(now.block_time)
        if self._records.sets.overdue(now.block_time):
            deep = self._chain.timestamp(now.confirmed)
            if self._records.sets.drop(deep, lambda job: self._chain.job(job) is not None):
                self._kept.clear()
                self._shown.clear()
        return now

    def _tag(self, dataset: DatasetInfo) -> Tag:
        return lambda subject: self._tables.tag(dataset.name, subject)

    def _situation(self, offer: Offer, scope: Scope) -> tuple[DatasetInfo, AdmissionContext]:
        now = self._look(thorough=False)
        dataset = self._serve(offer, scope)
        subjects = self._tables.subjects(dataset.name) if dataset.origin is None else ()
        return dataset, AdmissionContext(
            facts=self._chain.offer(offer.id),
            scope=scope,
            names=self._trust.name,
            enrollers=accepted_enrollers(scope, self._trust),
            institution=self._institution,
            domain=self._deployment.consents,
            verifiers=self._chain.verifiers,
            now=now.time,
            dead=self._chain.dead(offer.id),
            knows=lambda subject: self._tables.tag(dataset.name, subject) in subjects,
        )

    def _serve(self, offer: Offer, scope: Scope) -> DatasetInfo:
        dataset = self._dataset(offer.dataset)
        facts = self._chain.offer(offer.id)
        if facts.offer != offer or scope.hash != offer.scope:
            raise ConsentError("the offer or its scope is not the one on chain", code="consent.offer")
        demand_offer(facts, scope, dataset, self._institution, self._trust.name)
        self._records.bind(OfferBinding(offer=offer, scope=scope, dataset=dataset.name))
        return dataset

    def _dataset(self, dataset: DatasetId) -> DatasetInfo:
        """A table, or a part of a model, by its id. NotFoundError."""
        try:
            return self._tables.by_id(dataset)
        except NotFoundError as missing:
            try:
                return self._models.by_id(dataset).info(self._institution)
            except NotFoundError:
                raise missing from None

    def note_batch(self, offer: OfferId, root: BatchRoot, leaves: Sequence[ConsentId]) -> None:
        if batch_root(leaves) != root:
            raise InputError("these are not the batch's leaves", expected=to_hex(root), code="batch.root")
        with self._lock:
            self._records.note_batch(offer, root, leaves)

    def lawful(self, offer: OfferId, block: int, deadline: int, sign: SetToSign | None = None) -> LawfulSet:
        with self._lock:
            now = self._look(thorough=True)
            if block > now.confirmed:
                raise StateError(
                    "the block is not at confirmation depth",
                    expected=f"at most {now.confirmed}",
                    found=block,
                    code="vault.block",
                )
            bound = self._records.bound(offer)
            facts = self._chain.offer(offer)
            anchored = self._chain.batches(offer)
            candidates, dead = self._records.candidates(offer), self._chain.dead(offer)
            dataset = self._tables.by_id(bound.offer.dataset)
            for breach in table_breaches(bound.scope, dataset):
                raise breach.error(ConsentError, "consent")
            subjects = self._tables.subjects(dataset.name)
            choice = choose(
                candidates,
                batches=self._records.batches(offer, anchored.keys()),
                anchored=anchored,
                block=block,
                subjects=subjects,
                dead=dead,
                now=now.block_time,
                deadline=deadline,
                openings=facts.openings,
            )
            lawful = self._set(offer, choice.leaves, facts.epoch, choice.opens_before, sign)
            log.info(
                "lawful set %s of offer %s: %d rows as of block %d",
                *(to_hex(lawful.root), to_hex(offer), choice.count, block),
            )
            return lawful.model_copy(update={"counts": _counts(candidates, subjects, dead)})

    def _set(self, offer: OfferId, leaves: bytes, epoch: bytes, ends: int, sign: SetToSign | None) -> LawfulSet:
        """A lawful set by its root. Kept if it is signed: who only asks what would be brought leaves nothing here."""
        digest = sha256(leaves)
        last = self._roots.get(offer)
        root = last[1] if last is not None and last[0] == digest else root_of(leaves)
        self._roots[offer] = (digest, root)
        lawful = LawfulSet(root=root, count=len(leaves) // LEAF, epoch=epoch, opens_before=ends)
        if sign is not None and sign.is_of(lawful):
            fresh = self._kept.get(offer) != digest
            self._records.sets.keep(offer, leaves if fresh else None, sign)
            self._shown.pop((offer, root), None)
            self._kept[offer] = digest
        return lawful

    def without(self, offer: OfferId, root: bytes, sign: SetToSign | None = None) -> LawfulSet:
        with self._lock:
            self._look(thorough=True)
            stored = self._records.sets.stored(offer, root)
            candidates = self._records.candidates(offer)
            places, known = find(candidates.ids, stored.consents)
            good = np.flatnonzero(known)
            good = good[~candidates.among(self._chain.dead(offer))[places[good]]]
            leaves = join(stored.consents[good], stored.rows[good], stored.batches[good])
            return self._set(
                offer, leaves, self._chain.offer(offer).epoch, opens_before(candidates, places[good]), sign
            )

    def dead(self, offer: OfferId, root: bytes) -> DeadLeaves:
        with self._lock:
            self._look(thorough=False)
            epoch = self._chain.offer(offer).epoch
            stored = self._records.sets.stored(offer, root)
            ended = sorted(self._chain.dead(offer))
            _, there = find(stored.consents, column(b"".join(ended)))
            dead = tuple(consent for consent, inside in zip(ended, there, strict=True) if inside)
            return DeadLeaves(epoch=epoch, consents=dead)

    def leaves(self, offer: OfferId, root: bytes, start: int) -> LeavesPart:
        with self._lock:
            cached = self._shown.pop((offer, root), None) if start else None
            packed = cached or self._records.sets.packed(offer, root)
            if (start + PART) * LEAF < len(packed):
                self._shown = {(offer, root): packed}
            leaves = unpack(packed[start * LEAF : (start + PART) * LEAF])
            known = self._records.candidates(offer)
            part = self._leaf_records(offer, [leaf for leaf in leaves if leaf.consent in known])
        return LeavesPart(
            total=len(packed) // LEAF,
            passed=len(leaves),
            count=len(part),
            records=b"".join(record.encode() for record in part),
            erased=tuple(
                ErasedLeaf(consent=leaf.consent, row=leaf.row, batch=leaf.batch)
                for leaf in leaves
                if leaf.consent not in known
            ),
            batches=tuple(sorted({leaf.batch for leaf in leaves})),
        )

    def batch(self, offer: OfferId, root: BatchRoot) -> BatchLeaves:
        with self._lock:
            batches = self._records.batches(offer, {root})
        if root not in batches:
            raise NotFoundError("the vault knows no such batch", found=to_hex(root), code="vault.root")
        return BatchLeaves(joined=batches[root])

    def _leaf_records(self, offer: OfferId, leaves: Sequence[RowLeaf]) -> list[LeafRecord]:
        leaf_records = []
        records = self._records.records(offer, [leaf.consent for leaf in leaves])
        for leaf in leaves:
            record = records[leaf.consent]
            if record.enrolment is None:
                raise StateError("a leaf without an enrolment", found=to_hex(leaf.consent), code="vault.tampered")
            leaf_records.append(
                LeafRecord.made(record.consent, record.signature, record.enrolment, leaf.row, leaf.batch)
            )
        return leaf_records

    def named_evidence(self, consent: ConsentId) -> NamedConsent:
        with self._lock:
            record = self._records.records(self._records.offer_of(consent), [consent])[consent]
        if record.enrolment is not None:
            raise NotFoundError("this consent is not named in plans", found=to_hex(consent), code="consent.unknown")
        return NamedConsent(consent=record.consent, signature=record.signature)

    def consent(self, consent: ConsentId, owner: bytes | None) -> KeptConsent:
        """A consent for its owner, or for the institution (None). NotFoundError, the same for another's."""
        with self._lock:
            return _kept(self._records.one(consent, owner))

    def consents_of(self, owner: bytes, after: ConsentId) -> KeptConsents:
        with self._lock:
            return KeptConsents(consents=tuple(map(_kept, self._records.of_owner(owner, after))))

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
            if warrant.model is not None:
                raise WarrantError(
                    "the input is a part of a model, not rows", found=request.input, code="warrant.model"
                )
            dataset = self._tables.by_id(bound.offer.dataset)
            for breach in table_breaches(bound.scope, dataset):
                raise breach.error(WarrantError, "warrant")
            table = self._tables.rows(dataset.name, None if lawful is None else lawful.rows, warrant.columns)
        log.info(
            "job %s attempt %d: handed out %d rows of input %d",
            *(to_hex(request.job), request.attempt, table.num_rows, request.input),
        )
        return Rows(table, dataset.identifier, b"" if lawful is None else lawful.consents.tobytes(), asks_matches)

    def _warranted(
        self, request: gate.RowRequest
    ) -> tuple[ChainSnapshot, OfferBinding, gate.Warrant, StoredSet | None]:
        """What may be handed out now; no lawful set for a named consent. WarrantError."""
        plan_input = gate.own_input(request, self._institution, self._deployment.jobs)
        now = self._look(thorough=True)
        try:
            bound = self._records.bound(plan_input.offer)
        except NotFoundError as error:
            raise WarrantError(error.message, found=error.found, code="warrant.offer") from None
        offer = self._chain.offer(plan_input.offer)
        warrant = gate.demand_warrant(request, plan_input, bound, self._chain.job(request.job), offer, now)
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

    def erase(self, consent: ConsentId) -> bool:
        with self._lock:
            erased = self._records.erase(consent)
        log.info("erase %s: %s", to_hex(consent), "done" if erased else "nothing there")
        return erased


def _kept(one: FoundRecord) -> KeptConsent:
    record = one.record
    return KeptConsent(
        id=one.id,
        offer=one.offer,
        consent=record.consent,
        signature=record.signature,
        batch=one.batch,
        leaves=one.leaves,
    )


def _counts(candidates: Candidates, subjects: RowSubjects, dead: Collection[ConsentId]) -> TableCounts:
    alive = ~candidates.among(dead)
    _, known = candidates.places_in(subjects)
    return TableCounts(rows=len(subjects.rows), consents=int(alive.sum()), rowless=int((alive & ~known).sum()))
