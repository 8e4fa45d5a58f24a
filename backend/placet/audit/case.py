"""A bundle, looked up: whose evidence counts, which attempts there were, what every lawful set holds.

Nothing here judges; it only sorts, so that each check can be a few lines. Costly things (hashes, signatures, expanded
consents) are worked out once, and what checks ask for again and again (the steps of an attempt, an epoch at a moment)
is found by its key: whoever wrote the bundle decides how much of it there is, and the time is linear in that.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from pydantic import ValidationError

from placet.audit.bundle import Bundle, PartyEvidence
from placet.audit.facts import AcceptedMeasurement, ChainFacts, DatasetFact, Ending, Given, Moment, OfferFact, Recorded
from placet.audit.proof import ProvenFactReader, ReadProof, TrustedBlocks
from placet.audit.reading import LeafContext
from placet.audit.sections import Sections
from placet.audit.shown import ShownLeaves, ShownSet
from placet.audit.withdrawals import Withdrawals
from placet.catalogue.declared import DeclaredJob, declared
from placet.core.consent import CompactConsent, Consent
from placet.core.ecdsa import recover
from placet.core.errors import NotFoundError, PlacetError, PlanError
from placet.core.evidence import Evidence, InputEvidence, Section, SignedAmendment
from placet.core.ids import ConsentId, DatasetId, OfferId
from placet.core.lawful import ModelRef
from placet.core.noise_opening import NoiseOpening
from placet.core.plan import Input, Party, Plan, Terms
from placet.core.signatures import Verifiers
from placet.core.trail import Step, evidence_hash
from placet.core.values import invalid, to_hex


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


class Case:
    """Everything that the checks ask for."""

    def __init__(
        self,
        bundle: Bundle,
        verifiers: Verifiers | None = None,
        sections: Sections | None = None,
        noise: Mapping[int, NoiseOpening] | None = None,
        trusted: TrustedBlocks | None = None,
    ) -> None:
        """`noise`: by party, as it was opened to the auditor; None where he does not ask for it. `trusted`: hashes of
        blocks on which the facts must rest; None where he asks for none."""
        self.bundle, self.noise, self.trusted = bundle, noise, trusted
        self.facts = bundle.facts
        self.deployment = bundle.deployment
        self.trust = bundle.trust
        self.verifiers = verifiers or bundle.deployment.verifiers
        self.sections = sections or Sections()
        self.withdrawals = Withdrawals(bundle.facts)
        self._verified: dict[tuple[bytes, bytes, bytes], bool] = {}

    @cached_property
    def proof(self) -> ReadProof | None:
        """Headers and receipts of the facts' blocks."""
        return None if self.bundle.proof is None else ReadProof.of(self.bundle.proof)

    @cached_property
    def proven(self) -> tuple[ChainFacts, frozenset[int]] | PlacetError:
        """The facts out of the proof, and the blocks that may hold more of them; or why there are none."""
        if self.proof is None:
            return NotFoundError("the bundle holds no headers and receipts")
        try:
            reader = ProvenFactReader(self.proof, self.facts, self.deployment)
            return reader.facts(self.plan), frozenset(reader.unseen)
        except PlacetError as error:
            return error

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
        submissions = []
        for entry in self.bundle.evidence:
            submission = self._judge(entry, seen)
            if submission.fault is None and submission.party is not None:
                seen.add(submission.party)
            submissions.append(submission)
        return tuple(submissions)

    def _judge(self, entry: PartyEvidence, seen: set[int]) -> PartySubmission:
        if entry.evidence is None or self.plan is None:
            return PartySubmission(entry, None, False, ("evidence", entry.missing or "no plan to read it by"))
        evidence = entry.evidence.evidence
        if evidence.party >= len(self.plan.parties):
            return PartySubmission(
                entry, None, False, (f"one of {len(self.plan.parties)} parties", str(evidence.party))
            )
        party = self.plan.parties[evidence.party]
        digest = self.deployment.jobs.digest(evidence_hash(self.bundle.job, evidence.party, evidence.hash))
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

    @cached_property
    def declared(self) -> DeclaredJob | None:
        """What the job does by its recipe; None where the terms are not shown, or no recipe's."""
        if self.plan is None or self.terms is None:
            return None
        try:
            return declared(self.plan, self.terms)
        except PlanError:  # plan.terms fails over it
            return None

    @property
    def output(self) -> str | None:
        """What comes out of the job, as scopes say it; None as of `declared`."""
        job = self.declared
        return None if job is None else job.spec.tells(job.parameters).output

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
        attempts = [AuditedAttempt(1, roots, epochs, self.facts.opened.at)]
        for amended in self.facts.amended:
            if len(amended.roots) == len(amended.epochs) == count:
                attempts.append(AuditedAttempt(amended.attempt, amended.roots, amended.epochs, amended.at))
        return tuple(attempts)

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
    def models(self) -> dict[DatasetId, ModelRef]:
        """Of which model a dataset is a part, where it is one."""
        return {one.id: one.model for one in self.facts.models}

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
    def input_evidence(self) -> dict[tuple[int, int], InputEvidence]:
        """(input, attempt) to what the input's own party shows for it; the first where it shows several."""
        inputs: dict[tuple[int, int], InputEvidence] = {}
        known = {1, *(attempt.number for attempt in self.attempts)}
        for party, evidence in self.evidence.items():
            for shown in evidence.inputs:
                own = shown.input < len(self.owners) and self.owners[shown.input] == party
                if own and shown.attempt in known:
                    inputs.setdefault((shown.input, shown.attempt), shown)
        return inputs

    @cached_property
    def lawful_sets(self) -> dict[tuple[int, int], ShownSet]:
        """(input, attempt) to the leaves that were shown, read through once: a section once, in however many attempts
        it is."""
        if any(isinstance(shown.leaves, Section) for shown in self.input_evidence.values()):
            self.sections.demand_readable()
        sets = {}
        reader = ShownLeaves(self.sections)
        for (index, attempt), shown in self.input_evidence.items():
            if not self.inputs[index].named:
                party = self.owners[index]
                provider = self.parties[party].signer
                context = LeafContext(shown.offer, shown.scope, self.deployment, self.trust, provider)
                columns = reader.read(index, context, shown.leaves)
                sets[index, attempt] = ShownSet(index, attempt, party, shown, columns)
        return sets

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
        steps: dict[tuple[int, int], list[Step]] = defaultdict(list)
        for party, evidence in self.evidence.items():
            for step in evidence.steps:
                steps[party, step.attempt].append(step)
        return steps

    def steps(self, party: int, attempt: int) -> list[Step]:
        """The steps of an attempt in the order in which a party shows them."""
        return self._steps.get((party, attempt), [])

    @cached_property
    def _records(self) -> dict[tuple[int, int], list[Recorded]]:
        records: dict[tuple[int, int], list[Recorded]] = defaultdict(list)
        for record in self.facts.recorded:
            records[record.party, record.attempt].append(record)
        return records

    def records(self, party: int, attempt: int) -> list[Recorded]:
        """What a party put on chain in an attempt, in order."""
        return self._records.get((party, attempt), [])

    def recorded(self, party: int, attempt: int) -> list[bytes]:
        """The step hashes of an attempt on chain, in order."""
        return [step for record in self.records(party, attempt) for step in record.hashes]

    @cached_property
    def amendments(self) -> dict[int, list[tuple[int, SignedAmendment]]]:
        """Attempt to the amendments that lead to it, each with the party that shows it."""
        amendments: dict[int, list[tuple[int, SignedAmendment]]] = defaultdict(list)
        for party, evidence in self.evidence.items():
            for shown in evidence.amendments:
                amendments[shown.amendment.attempt].append((party, shown))
        return amendments

    def used_root(self, party: int, attempt: int, root: bytes) -> bool:
        """Did a party's step of that attempt take this lawful set as its input?"""
        return root in self._used_roots[party, attempt]

    @cached_property
    def _used_roots(self) -> dict[tuple[int, int], set[bytes]]:
        roots: dict[tuple[int, int], set[bytes]] = defaultdict(set)
        for key, steps in self._steps.items():
            roots[key] = {artefact.commitment for step in steps for artefact in step.inputs}
        return roots
