"""Was it the agreed enclave that computed, on the documents that were committed to, and is its result the sealed one?

Only for jobs with an enclave. Evidence is verified again, offline, for the time at which the company verified it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from placet.audit.case import Case
from placet.audit.checks.exchange import held_by, sent_by
from placet.audit.facts import Moment
from placet.audit.findings import Findings, check
from placet.catalogue.contract_compare import SPEC, ContractCompareParameters
from placet.catalogue.declared import declared
from placet.core.enclave_policy import ROLES, Role
from placet.core.errors import AttestationError, ConfigError, InputError, PlacetError
from placet.core.hashing import document_hash, sha256
from placet.core.plan import Plan, Terms
from placet.core.trail import SignedMessage, Step
from placet.core.values import V, parse
from placet.protocols.enclave.comparing import INPUT, KEYS, RESULTS, STARTED, Announcement, Proven, Results, task_of

if TYPE_CHECKING:
    from placet.protocols.enclave.evidence.model import Verified

GROUP = "enclave"
_CLASSES = {"simulated": 1, "hardware": 2}
"""As `EnclaveRegistry` numbers them."""
_AGREED = 2
"""Steps of each party up to its agreement to the task."""
SIMULATED = "the enclave is simulated: whoever owns its host could read both documents and quote any program"


@dataclass(frozen=True)
class _Attempt:
    """One attempt of a job with an enclave."""

    case: Case
    plan: Plan
    terms: Terms
    asked: ContractCompareParameters
    told: Mapping[tuple[int, int, str], Sequence[SignedMessage]]
    number: int

    @property
    def service(self) -> int:
        return len(ROLES)

    @property
    def final(self) -> bool:
        return self.case.is_final(self.number)

    def step(self, party: int, name: str) -> Step | None:
        return next((s for s in self.case.steps(party, self.number) if s.name == name), None)

    def made(self, party: int, step: str, output: str) -> bytes | None:
        """A step's output by its name."""
        trail_step = self.step(party, step)
        return next((a.commitment for a in trail_step.outputs if a.name == output), None) if trail_step else None

    def words(self, party: int, tag: str) -> set[bytes]:
        """Digests of all that a party signed for others under a tag, in whosever evidence it stands."""
        return {one.message.digest for one in self.told.get((self.number, party, tag), ()) if sent_by(self.case, one)}

    def steps_by(self, party: int, block: int) -> int:
        """How many of a party's steps were on chain by a block."""
        return sum(len(r.hashes) for r in self.case.records(party, self.number) if r.at.block <= block)

    def recorded(self, step: Step) -> Moment | None:
        """When a step's hash came on chain."""
        for record in self.case.records(step.party, self.number):
            if record.first <= step.index < record.first + len(record.hashes):
                return record.at
        return None


def _attempts(case: Case, tell: Findings) -> Iterator[_Attempt]:
    """All attempts of a comparison; none, with the reason told, where there is nothing to look at."""
    if case.terms is None or case.plan is None:
        tell.skip("no terms") if case.cancelled else tell.lack("no terms")
    elif case.terms.recipe != SPEC.name:
        tell.skip("no enclave in this job")
    elif not case.attempts:
        tell.skip("the job was never opened")
    else:
        for party in case.absent:
            tell.lack(f"no evidence of {case.name(party)}")
        try:
            parameters = SPEC.parse(declared(case.plan, case.terms).terms.parameters)
        except PlacetError as error:
            return tell.fail("the plan of a comparison", error.message)
        messages: dict[tuple[int, int, str], list[SignedMessage]] = defaultdict(list)
        for evidence in case.evidence.values():
            for message in held_by(case, evidence):
                messages[message.message.attempt, message.message.sender, message.message.tag].append(message)
        for attempt in case.attempts:
            yield _Attempt(case, case.plan, case.terms, parameters, messages, attempt.number)


def _read(tell: Findings, model: type[V], step: Step, party: int) -> V | None:
    """What a party wrote into its step's parameters."""
    try:
        return parse(model, dict(step.parameters), what=f"step {step.name}")
    except InputError as error:
        tell.fail(f"parameters of step “{step.name}”", error.message, party)
        return None


@check(GROUP, "documents", "The enclave's task holds the documents that were committed to on chain")
def documents(case: Case, tell: Findings) -> None:
    """In each attempt: each company told the others, under its signature, the document that its own step shows; the
    task that plan and both words lead to is the one that every party agreed to; each commitment is the one that its
    consent's dataset had on chain at the opening; in the sealed attempt each release key is the sealed one."""
    for of in _attempts(case, tell):
        for party in case.evidence:
            names = [step.name for step in case.steps(party, of.number)]
            if len(set(names)) != len(names):
                tell.fail(f"each step of {case.name(party)} once in an attempt", names, party)
        announcements: dict[Role, Announcement] = {}
        for party, role in enumerate(ROLES):
            mine = _told(of, tell, party)
            if mine is not None:
                announcements[role] = mine
        if len(announcements) == len(ROLES):
            _agreed(of, tell, announcements)


def _told(of: _Attempt, tell: Findings, party: int) -> Announcement | None:
    """A company's word as its own step shows it, if it is the one that it signed for the others."""
    case, step = of.case, of.step(party, "lock-document")
    if step is None:
        if of.final and party in case.evidence:
            tell.fail(f"a step in which {case.name(party)} encrypts its document", "none", party)
        return None
    mine = _read(tell, Announcement, step, party)
    if mine is None:
        return None
    for name in ("document", "commitment", "release"):
        commitment = of.made(party, "lock-document", name)
        tell.same(f"{name} of {case.name(party)}", getattr(mine, name), commitment, party)
    tell.same(f"commitment of {case.name(party)} on chain", _commitment(case, party), mine.commitment, party)
    if of.final and case.facts.sealed is not None:
        tell.same(f"release key of {case.name(party)}", _at(case.facts.sealed.keys, party), mine.release, party)
    words = of.words(party, INPUT)
    tell.looked += 1
    if words != {document_hash(mine)}:
        tell.fail(f"{case.name(party)}'s signed word {document_hash(mine).hex()}", sorted(words), party)
        return None
    return mine


def _at(values: Sequence[bytes], place: int) -> bytes | None:
    return values[place] if place < len(values) else None


def _agreed(of: _Attempt, tell: Findings, announcements: dict[Role, Announcement]) -> None:
    case = of.case
    place = {"attempt": of.number, "chain": case.deployment.chain_id}
    try:
        task = task_of(of.plan, of.asked.policy, of.asked.recipients, announcements, job=case.bundle.job, **place)
    except PlacetError as error:
        return tell.fail("two words that lead to a task", error.message)
    for party in case.evidence:
        if of.step(party, "agree-task") is not None or of.final:
            agreed = of.made(party, "agree-task", "task")
            tell.same(f"task of {case.name(party)}", task.digest(), agreed, party)


def _commitment(case: Case, party: int) -> bytes | None:
    """Of the dataset behind a party's consent, as the chain had it at the opening."""
    offer = case.offers.get(case.parties[party].inputs[0].offer)
    return None if offer is None else case.commitments.get(offer.offer.dataset)


def _given(of: _Attempt, tell: Findings) -> Iterator[tuple[int, Step, Proven]]:
    """Each company that verified an enclave, and what it was shown. Who gave keys away without that is named."""
    for party in range(len(ROLES)):
        step = of.step(party, "verify-enclave")
        if step is None:
            if party in of.case.evidence and (of.final or of.words(party, KEYS)):
                tell.fail(f"a step in which {of.case.name(party)} verified the enclave", "none", party)
            continue
        proven = _read(tell, Proven, step, party)
        if proven is not None:
            yield party, step, proven


@check(GROUP, "evidence", "What the enclave proved to each company holds, and binds its key to this job")
def evidence(case: Case, tell: Findings) -> None:
    """In each attempt: the evidence that a company recorded verifies again under the plan's policy, for the time at
    which the company says that it did, between opening and deadline; it binds this chain, this job and the key that the
    service told that company, which is the key that it recorded for its enclave."""
    for of in _attempts(case, tell):
        _started(of, tell)
        for party, _, proven in _given(of, tell):
            verified = _verified(of, proven, party, tell)
            if verified is None:
                continue
            name = case.name(party)
            own, bound = (case.deployment.chain_id, case.bundle.job), (proven.binding.chain, proven.binding.job)
            tell.same(f"job in what was proven to {name}", own, bound, party)
            tell.same(f"class of {name}'s enclave", of.terms.engine, verified.enclave_class, party)
            tell.same(
                f"key that {name} sealed to", verified.key, of.made(party, "verify-enclave", "enclave-key"), party
            )
            step = of.step(party, "agree-task")
            heard = [m.digest for m in step.received if m.peer == of.service] if step else []
            tell.same(f"enclave that {name} was told of", [sha256(verified.key)], heard, party)
            if verified.enclave_class == "simulated":
                tell.note(SIMULATED)


def _started(of: _Attempt, tell: Findings) -> None:
    """The service told both companies of the enclave that it recorded."""
    step, key = of.step(of.service, "start-enclave"), of.made(of.service, "start-enclave", "enclave-key")
    if step is None or key is None:
        if of.final and of.service in of.case.evidence:
            tell.fail("a step that starts the enclave", "none", of.service)
        return
    words = of.words(of.service, STARTED)
    tell.looked += 1
    if words - {sha256(key)} or (of.final and not words):
        tell.fail(f"one enclave that both companies were told of, {sha256(key).hex()}", sorted(words), of.service)


def _verified(of: _Attempt, proven: Proven, party: int, tell: Findings) -> Verified | None:
    tell.looked += 1
    opened = of.case.facts.opened
    if opened is None or not opened.at.timestamp <= proven.at <= opened.deadline:
        tell.fail("an enclave that was verified while the job was open", f"at {proven.at}", party)
        return None
    from placet.protocols.enclave.evidence.verify import verify  # which brings X.509 and the vendors' formats

    try:
        return verify(proven.evidence, of.asked.policy, proven.binding, proven.at)
    except AttestationError as error:
        tell.fail(f"evidence that {of.case.name(party)} could believe", f"{error.code}: {error.message}", party)
    except ConfigError as error:
        tell.lack(f"a verifier for {proven.evidence.statement.kind} evidence ({error.remedy})")
    return None


@check(GROUP, "accepted", "Measurement and consents held on chain when keys were given")
def accepted(case: Case, tell: Findings) -> None:
    """In each attempt, by the block that a company names, which is not older than all agreements to the task and not
    younger than the record of its own step: the job was open, neither consent was withdrawn or revoked, and
    `EnclaveRegistry` held the measurement, of the class that was proven, by the plan's provider of the enclave. The
    company is named only over what was deep by that block: of anything younger a reorganisation may have told it
    otherwise."""
    for of in _attempts(case, tell):
        for party, step, proven in _given(of, tell):
            verified = _verified(of, proven, party, tell)
            if verified is not None:
                _measured(of, tell, verified, proven.block, party)
            opened, own = case.facts.opened, of.recorded(step)
            if opened is not None and not opened.at.block <= proven.block <= (own or case.facts.head).block:
                tell.fail(f"a block from {opened.at.block} to the step's own record", proven.block, party)
            for entry in of.plan.inputs:
                dead = case.withdrawals.by_offer.get(entry.offer, {}).get(entry.consent)
                tell.looked += 1
                if dead is not None and dead.at.block <= proven.block:
                    culprits = _knew(case, dead.at.block, proven.block, party)
                    tell.fail(f"consent {entry.consent.hex()} alive in block {proven.block}", dead.kind, *culprits)


def _knew(case: Case, happened: int, block: int, party: int) -> tuple[int, ...]:
    """The party, if what happened in a block was at confirmation depth by another one."""
    return (party,) if happened + case.deployment.confirmations <= block else ()


def _measured(of: _Attempt, tell: Findings, verified: Verified, block: int, party: int) -> None:
    service, case = of.plan.parties[of.service].signer, of.case
    entry = case.accepted.get((service, verified.measurement_id()))
    where = f"measurement {verified.measurement.hex()} accepted by {case.name(of.service)} as {verified.enclave_class}"
    if entry is None or entry.enclave_class != _CLASSES[verified.enclave_class]:
        tell.fail(where, "not accepted", party)
    elif entry.at.block > block:
        early = entry.at.block > block + case.deployment.confirmations
        tell.fail(f"{where} by block {block}", f"in block {entry.at.block}", *((party,) if early else ()))
    elif entry.retired is not None and entry.retired.block <= block:
        culprits = _knew(case, entry.retired.block, block, party)
        tell.fail(f"{where}, not retired by block {block}", f"retired in block {entry.retired.block}", *culprits)


@check(GROUP, "fixed", "Documents and enclave were on chain before anybody gave a key away")
def fixed(case: Case, tell: Findings) -> None:
    """In each attempt the steps in which the parties agreed to the task are recorded in blocks up to the one by which a
    company asked the chain before it gave its keys. Where another party had not recorded as many steps by then, the
    company is named, since it did not wait; else whoever recorded something else."""
    for of in _attempts(case, tell):
        for party, _, proven in _given(of, tell):
            for other in case.evidence:
                step = of.step(other, "agree-task")
                at = None if step is None else of.recorded(step)
                tell.looked += 1
                if at is None or at.block > proven.block:
                    late = "not recorded" if at is None else f"block {at.block}"
                    whose = party if of.steps_by(other, proven.block) < _AGREED else other
                    tell.fail(f"{case.name(other)}'s agreement to the task by block {proven.block}", late, whose)


@check(GROUP, "results", "What came out of the enclave is what was sealed and handed to each company")
def results(case: Case, tell: Findings) -> None:
    """In the sealed attempt: the masked results that the service recorded as the enclave's are those that each company
    recorded as received; the document that lists them, the same for both, is the sealed output of both."""
    for of in _attempts(case, tell):
        if of.final:
            _handed_out(of, tell)
    if case.facts.sealed is None and not tell.not_applicable and not tell.missing:
        tell.skip("the job was not sealed")


def _handed_out(of: _Attempt, tell: Findings) -> None:
    case, step = of.case, of.step(of.service, "hand-out")
    if step is None or case.facts.sealed is None:
        if of.service in case.evidence:
            tell.fail("a step that hands the results out", "none", of.service)
        return
    results = _read(tell, Results, step, of.service)
    if results is None:
        return
    due = [r.party for r in of.asked.recipients]
    tell.same("parties with a result", due, [r.party for r in results.results], of.service)
    tell.same("enclave's key", of.made(of.service, "start-enclave", "enclave-key"), results.enclave, of.service)
    words = of.words(of.service, RESULTS)
    tell.looked += 1
    if words != {document_hash(results)}:
        tell.fail(f"one list for both companies, {document_hash(results).hex()}", sorted(words), of.service)
        return
    for one in results.results:
        name = f"masked/{one.party}"
        tell.same(f"{name} of the enclave", one.masked, of.made(of.service, "compare", name), of.service)
    for party in range(len(ROLES)):
        sealed = _at(case.facts.sealed.outputs, party)
        tell.same(f"sealed output of {case.name(party)}", document_hash(results), sealed, party)
        if party in case.evidence:
            for one in results.results:
                name = f"masked/{one.party}"
                tell.same(f"{name} at {case.name(party)}", one.masked, of.made(party, "receive-result", name), party)


CHECKS = (documents, evidence, accepted, fixed, results)
