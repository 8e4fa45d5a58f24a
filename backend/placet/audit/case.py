"""A bundle, looked up: whose evidence counts, which attempts there were, what every lawful set holds.

Nothing here judges; it only sorts, so that each check can be a few lines. Costly things (hashes, signatures, expanded
consents) are worked out once, and what checks ask for again and again (the steps of an attempt, an epoch at a moment)
is found by its key: whoever wrote the bundle decides how much of it there is, and the time is linear in that.
"""

from __future__ import annotations

import heapq
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from pydantic import ValidationError

from placet.audit.bundle import Bundle, PartyEvidence
from placet.audit.facts import AcceptedMeasurement, DatasetFact, Ending, Given, Moment, OfferFact, Recorded, Withdrawn
from placet.audit.reading import Columns, LeafContext, read_leaves
from placet.audit.sections import Sections
from placet.core.consent import CompactConsent, Consent
from placet.core.ecdsa import recover
from placet.core.errors import InputError, NotFoundError
from placet.core.evidence import Batch, ErasedLeaf, Evidence, InputEvidence, Leaf, Section, SignedAmendment
from placet.core.ids import NO_CONSENT, BatchRoot, ConsentId, DatasetId, OfferId
from placet.core.plan import Input, Party, Plan, Terms
from placet.core.signatures import Verifiers
from placet.core.trail import Step, evidence_hash
from placet.core.values import invalid, to_hex
from placet.core.withdrawal import FIRST_EPOCH, withdrawal_head


@dataclass(frozen=True)
class AuditedAttempt:
    """One try: the lawful roots and epochs of all inputs, from `start` on."""

    number: int
    roots: tuple[bytes, ...]
    epochs: tuple[bytes, ...]
    start: Moment


@dataclass(frozen=True)
class PartySubmission:
    """One party's evidence as it came in, with what is wrong with it from outside (None: admitted). `own`: the fault is
    in what the party signed."""

    entry: PartyEvidence
    party: int | None
    own: bool
    fault: tuple[str, str] | None


@dataclass(frozen=True)
class ShownSet:
    """The leaves that a party shows for one input in one attempt. An id is None where the leaf has no words."""

    input: int
    attempt: int
    party: int
    evidence: InputEvidence
    columns: Columns

    @property
    def erased(self) -> tuple[ErasedLeaf, ...]:
        return self.evidence.erased

    @property
    def count(self) -> int:
        """Of all leaves, erased ones among them."""
        return len(self.columns) + len(self.erased)

    def every(self) -> Iterator[tuple[ConsentId, bytes, BatchRoot]]:
        """Consent, row and batch of every leaf that has an id, erased ones among them, ascending."""
        shown = zip(self.ids, self.rows, self.batches, strict=True)
        kept = ((ident, row, batch) for ident, row, batch in shown if ident is not None)
        gone = ((leaf.consent, leaf.row, leaf.batch) for leaf in self.erased)
        return heapq.merge(kept, gone, key=lambda leaf: leaf[0])

    def id(self, place: int) -> ConsentId | None:
        found = ConsentId(bytes(self.columns.ids[32 * place : 32 * place + 32]))
        return None if found == NO_CONSENT else found

    @property
    def ids(self) -> Iterator[ConsentId | None]:
        return (None if found == NO_CONSENT else ConsentId(found) for found in _each(self.columns.ids))

    @property
    def rows(self) -> Iterator[bytes]:
        return _each(self.columns.rows)

    @property
    def batches(self) -> Iterator[BatchRoot]:
        return map(BatchRoot, _each(self.columns.batches))


def _each(column: bytearray) -> Iterator[bytes]:
    return (bytes(column[start : start + 32]) for start in range(0, len(column), 32))


class Case:
    """Everything that the checks ask for."""

    def __init__(self, bundle: Bundle, verifiers: Verifiers | None = None, sections: Sections | None = None) -> None:
        self.bundle = bundle
        self.facts = bundle.facts
        self.deployment = bundle.deployment
        self.trust = bundle.trust
        self.verifiers = verifiers or Verifiers(frozenset({bundle.deployment.p256_verifier.address}))
        self.sections = sections or Sections()
        self._verified: dict[tuple[bytes, bytes, bytes], bool] = {}

    @cached_property
    def plan(self) -> Plan | None:
        """The plan whose digest is the job's id, whoever shows it."""
        for entry in self.bundle.evidence:
            if entry.evidence is not None and self._is_job(entry.evidence.evidence.plan):
                return entry.evidence.evidence.plan
        return None

    def _is_job(self, plan: Plan) -> bool:
        return plan.job(self.deployment.jobs) == self.bundle.job

    @cached_property
    def submissions(self) -> tuple[PartySubmission, ...]:
        seen: set[int] = set()
        found = []
        for entry in self.bundle.evidence:
            submission = self._judge(entry, seen)
            if submission.fault is None and submission.party is not None:
                seen.add(submission.party)
            found.append(submission)
        return tuple(found)

    def _judge(self, entry: PartyEvidence, seen: set[int]) -> PartySubmission:
        if entry.evidence is None or self.plan is None:
            return PartySubmission(entry, None, False, ("evidence", entry.missing or "no plan to read it by"))
        evidence = entry.evidence.evidence
        if evidence.party >= len(self.plan.parties):
            return PartySubmission(
                entry, None, False, (f"one of {len(self.plan.parties)} parties", str(evidence.party))
            )
        party = self.plan.parties[evidence.party]
        digest = self.deployment.jobs.digest(evidence_hash(self.bundle.job, evidence.party, evidence.hash()))
        author = recover(digest, entry.evidence.signature)
        fault, own = None, False
        if author != party.recorder:
            found = "no valid signature" if author is None else f"a signature of {to_hex(author)}"
            fault = (f"evidence signed by {self.name(evidence.party)}'s recorder {to_hex(party.recorder)}", found)
        elif party.signer != entry.institution:
            fault = (f"evidence of {to_hex(party.signer)}", f"handed out as that of {to_hex(entry.institution)}")
        elif evidence.job != self.bundle.job:
            fault, own = (f"evidence about {to_hex(self.bundle.job)}", f"about {to_hex(evidence.job)}"), True
        elif not self._is_job(evidence.plan):
            found = to_hex(evidence.plan.job(self.deployment.jobs))
            fault, own = (f"the plan with digest {to_hex(self.bundle.job)}", found), True
        elif evidence.party in seen:
            fault = ("one evidence a party", "a second one")
        return PartySubmission(entry, evidence.party, own, fault)

    @cached_property
    def evidence(self) -> dict[int, Evidence]:
        """Admitted evidence by party: signed by its recorder, about this job and this plan."""
        return {
            s.party: s.entry.evidence.evidence
            for s in self.submissions
            if s.fault is None and s.party is not None and s.entry.evidence is not None
        }

    @property
    def parties(self) -> tuple[Party, ...]:
        return self.plan.parties if self.plan else ()

    @property
    def inputs(self) -> tuple[Input, ...]:
        return self.plan.inputs if self.plan else ()

    @cached_property
    def absent(self) -> dict[int, str]:
        """Parties without admitted evidence, and why."""
        reasons = {e.institution: e.missing for e in self.bundle.evidence if e.missing is not None}
        refused = {s.party: "what came in was refused" for s in self.submissions if s.party is not None}
        return {
            i: reasons.get(party.signer) or refused.get(i, "none in the bundle")
            for i, party in enumerate(self.parties)
            if i not in self.evidence
        }

    @cached_property
    def terms(self) -> Terms | None:
        """The terms whose hash the plan holds."""
        if self.plan is None:
            return None
        return next((e.terms for e in self.evidence.values() if e.terms.hash == self.plan.terms), None)

    def name(self, party: int) -> str:
        """A party's name for people."""
        if not 0 <= party < len(self.parties):
            return f"party {party}"
        return self.name_of(self.parties[party].signer)

    def name_of(self, address: bytes) -> str:
        try:
            return self.trust.name(address)
        except NotFoundError:
            return to_hex(address)

    @cached_property
    def owners(self) -> tuple[int, ...]:
        """Which party brings input i."""
        return tuple(p for p, party in enumerate(self.parties) for _ in party.inputs)

    def opening(self, index: int) -> int | None:
        """The number that input `index`'s offer gave to this job."""
        openings = self.facts.opened.openings if self.facts.opened else ()
        return openings[index] if index < len(openings) else None

    @cached_property
    def attempts(self) -> tuple[AuditedAttempt, ...]:
        """All attempts that speak of as many inputs as the plan does; empty for a job that was never opened."""
        if self.plan is None or self.facts.opened is None:
            return ()
        count = len(self.inputs)
        roots, epochs = tuple(i.lawful_root for i in self.inputs), tuple(i.epoch for i in self.inputs)
        found = [AuditedAttempt(1, roots, epochs, self.facts.opened.at)]
        for amended in self.facts.amended:
            if len(amended.roots) == len(amended.epochs) == count:
                found.append(AuditedAttempt(amended.attempt, amended.roots, amended.epochs, amended.at))
        return tuple(found)

    @cached_property
    def final(self) -> AuditedAttempt | None:
        """The sealed attempt."""
        if self.facts.sealed is None:
            return None
        return next((a for a in self.attempts if a.number == self.facts.sealed.attempt), None)

    def is_final(self, attempt: int) -> bool:
        return self.facts.sealed is not None and self.facts.sealed.attempt == attempt

    @property
    def opened(self) -> bool:
        return self.facts.opened is not None

    @property
    def cancelled(self) -> bool:
        return self.facts.status is Ending.CANCELLED

    @cached_property
    def offers(self) -> dict[OfferId, OfferFact]:
        return {o.id: o for o in self.facts.offers}

    @cached_property
    def datasets(self) -> dict[DatasetId, DatasetFact]:
        """The registered datasets behind the job's offers, by id."""
        return {d.id: d for d in self.facts.datasets}

    @cached_property
    def given(self) -> dict[ConsentId, Given]:
        """The first fact about each consent that the plan names."""
        return {entry.consent: entry for entry in reversed(self.facts.given)}

    @cached_property
    def commitments(self) -> dict[DatasetId, bytes]:
        """Dataset to its commitment as the chain had it at the opening."""
        opened = self.facts.opened
        before = (entry for entry in self.facts.committed if opened is not None and entry.at.order < opened.at.order)
        return {entry.dataset: entry.commitment for entry in sorted(before, key=lambda entry: entry.at.order)}

    @cached_property
    def accepted(self) -> dict[tuple[bytes, bytes], AcceptedMeasurement]:
        """Provider and measurement to the last word on it."""
        return {(entry.provider, entry.measurement): entry for entry in self.facts.accepted}

    @cached_property
    def dead(self) -> dict[OfferId, dict[ConsentId, Withdrawn]]:
        """Offer id to consent id to its entry in the offer's withdrawal list."""
        lists: dict[OfferId, dict[ConsentId, Withdrawn]] = defaultdict(dict)
        for entry in self.facts.withdrawn:
            lists[entry.offer][entry.consent] = entry
        return lists

    def dead_before(self, offer: OfferId, consent: ConsentId, moment: Moment) -> Withdrawn | None:
        """The withdrawal of a consent, if it came before `moment`."""
        entry = self.dead.get(offer, {}).get(consent)
        return entry if entry is not None and entry.at.order < moment.order else None

    @cached_property
    def epochs(self) -> dict[OfferId, list[tuple[tuple[int, int], bytes]]]:
        """Offer id to each moment at which its epoch changed, and the epoch from there on."""
        changes: dict[OfferId, list[tuple[tuple[int, int], bytes]]] = defaultdict(list)
        proven = [(w.proven.order, w) for w in self.facts.withdrawn if w.proven is not None]
        for order, entry in sorted(proven, key=lambda one: one[0]):
            before = changes[entry.offer][-1][1] if changes[entry.offer] else FIRST_EPOCH
            changes[entry.offer].append((order, withdrawal_head(before, entry.consent)))
        return changes

    def epoch_at(self, offer: OfferId, moment: Moment) -> bytes:
        """An offer's epoch just before `moment`: the head of the list of ends that had been proven."""
        changes = self.epochs.get(offer, [])
        count = bisect_left(changes, moment.order, key=lambda change: change[0])
        return changes[count - 1][1] if count else FIRST_EPOCH

    def epoch_after(self, offer: OfferId, moment: Moment | None = None) -> bytes:
        """An offer's epoch just after `moment`, or at last."""
        changes = self.epochs.get(offer, [])
        count = len(changes) if moment is None else bisect_right(changes, moment.order, key=lambda change: change[0])
        return changes[count - 1][1] if count else FIRST_EPOCH

    @cached_property
    def input_evidence(self) -> dict[tuple[int, int], InputEvidence]:
        """(input, attempt) to what the input's own party shows for it; the first where it shows several."""
        found: dict[tuple[int, int], InputEvidence] = {}
        known = {1, *(attempt.number for attempt in self.attempts)}
        for party, evidence in self.evidence.items():
            for shown in evidence.inputs:
                own = shown.input < len(self.owners) and self.owners[shown.input] == party
                if own and shown.attempt in known:
                    found.setdefault((shown.input, shown.attempt), shown)
        return found

    @cached_property
    def lawful_sets(self) -> dict[tuple[int, int], ShownSet]:
        """(input, attempt) to the leaves that were shown, read through once: a section once, in however many attempts
        it is."""
        found = {}
        read: dict[bytes, tuple[int, LeafContext, Columns]] = {}
        for (index, attempt), shown in self.input_evidence.items():
            if not self.inputs[index].named:
                party = self.owners[index]
                provider = self.parties[party].signer
                context = LeafContext(shown.offer, shown.scope, self.deployment, self.trust, provider)
                columns = self._columns(index, context, shown.leaves, read)
                found[index, attempt] = ShownSet(index, attempt, party, shown, columns)
        return found

    def _columns(
        self,
        index: int,
        context: LeafContext,
        leaves: tuple[Leaf, ...] | Section,
        read: dict[bytes, tuple[int, LeafContext, Columns]],
    ) -> Columns:
        if not isinstance(leaves, Section):
            return read_leaves(context, leaves, self.sections)
        if leaves.hash not in read:
            read[leaves.hash] = index, context, read_leaves(context, leaves, self.sections)
        first, words, columns = read[leaves.hash]
        if (first, words) != (index, context):
            return Columns(broken=f"those of input {first}, or under another offer or scope than before")
        return columns

    def batch_leaves(self, batch: Batch) -> list[ConsentId]:
        """A batch's consent ids. InputError for a section that does not hold so many."""
        if not isinstance(batch.leaves, Section):
            return list(batch.leaves)
        joined = bytearray().join(self.sections.read(batch.leaves))
        if len(joined) != 32 * batch.leaves.count:
            raise InputError("a batch's leaves have 32 bytes each", expected=32 * batch.leaves.count, found=len(joined))
        return list(map(ConsentId, _each(joined)))

    def expand(self, words: CompactConsent, shown: InputEvidence) -> Consent:
        """The full consent behind a compact one; PlacetError if there is none that its offer, scope and trust list
        allow."""
        try:
            return words.expand(shown.offer, shown.scope, self.trust.name)
        except ValidationError as error:
            raise invalid("consent", error) from None

    def accepts(self, signer: bytes, digest: bytes, signature: bytes) -> bool:
        """`Verifiers.accepts`, each signature once."""
        key = (signer, digest, signature)
        if key not in self._verified:
            self._verified[key] = self.verifiers.accepts(signer, digest, signature)
        return self._verified[key]

    def can_tell(self, signer: bytes) -> bool:
        """Does a signature that `accepts` refuses say something against who shows it? Not where the signer has code: an
        ERC-1271 contract may have accepted it then, which nobody sees off line, or from its state now."""
        return signer not in self._with_code

    @cached_property
    def _with_code(self) -> frozenset[bytes]:
        return frozenset(self.facts.contracts)

    @cached_property
    def _steps(self) -> dict[tuple[int, int], list[Step]]:
        found: dict[tuple[int, int], list[Step]] = defaultdict(list)
        for party, evidence in self.evidence.items():
            for step in evidence.steps:
                found[party, step.attempt].append(step)
        return found

    def steps(self, party: int, attempt: int) -> list[Step]:
        """The steps of an attempt in the order in which a party shows them."""
        return self._steps.get((party, attempt), [])

    @cached_property
    def _records(self) -> dict[tuple[int, int], list[Recorded]]:
        found: dict[tuple[int, int], list[Recorded]] = defaultdict(list)
        for record in self.facts.recorded:
            found[record.party, record.attempt].append(record)
        return found

    def records(self, party: int, attempt: int) -> list[Recorded]:
        """What a party put on chain in an attempt, in order."""
        return self._records.get((party, attempt), [])

    def recorded(self, party: int, attempt: int) -> list[bytes]:
        """The step hashes of an attempt on chain, in order."""
        return [step for record in self.records(party, attempt) for step in record.hashes]

    @cached_property
    def amendments(self) -> dict[int, list[tuple[int, SignedAmendment]]]:
        """Attempt to the amendments that lead to it, each with the party that shows it."""
        found: dict[int, list[tuple[int, SignedAmendment]]] = defaultdict(list)
        for party, evidence in self.evidence.items():
            for shown in evidence.amendments:
                found[shown.amendment.attempt].append((party, shown))
        return found

    def used_root(self, party: int, attempt: int, root: bytes) -> bool:
        """Did a party's step of that attempt take this lawful set as its input?"""
        return root in self._used_roots[party, attempt]

    @cached_property
    def _used_roots(self) -> dict[tuple[int, int], set[bytes]]:
        found: dict[tuple[int, int], set[bytes]] = defaultdict(set)
        for key, steps in self._steps.items():
            found[key] = {artefact.commitment for step in steps for artefact in step.inputs}
        return found
