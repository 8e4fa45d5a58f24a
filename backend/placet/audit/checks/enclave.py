"""Was it the agreed enclave that computed, on the documents that were committed to, and is its result the sealed one?

Only for jobs with an enclave. Evidence is verified again, offline, for the time at which the company verified it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from placet.audit.case import Case
from placet.audit.facts import Moment
from placet.audit.findings import Findings, check
from placet.core.errors import AttestationError, ConfigError, InputError, PlacetError
from placet.core.hashing import document_hash
from placet.core.plan import Plan, Terms
from placet.core.trail import Step
from placet.core.values import V, parse
from placet.protocols.enclave.comparing import (
    ENCLAVE,
    RECIPE,
    Parameters,
    Proven,
    Results,
    Told,
    parameters_of,
    task_of,
)
from placet.protocols.enclave.evidence.model import Verified
from placet.protocols.enclave.evidence.verify import verify
from placet.protocols.enclave.sealed.task import ROLES, Role

GROUP = "enclave"
_CLASSES = {"simulated": 1, "hardware": 2}
"""As `EnclaveRegistry` numbers them."""
SIMULATED = "the enclave is simulated: whoever owns its host could read both documents and quote any program"


@dataclass(frozen=True)
class _Attempt:
    """The attempt to look at: the sealed one, else the last that there was."""

    case: Case
    plan: Plan
    terms: Terms
    asked: Parameters
    number: int

    @property
    def service(self) -> int:
        return self.terms.roles.index(ENCLAVE)

    def step(self, party: int, name: str) -> Step | None:
        return next((s for s in self.case.steps(party, self.number) if s.name == name), None)

    def made(self, party: int, step: str, output: str) -> bytes | None:
        """A step's output by its name."""
        found = self.step(party, step)
        return next((a.commitment for a in found.outputs if a.name == output), None) if found else None

    def recorded(self, step: Step) -> Moment | None:
        """When a step's hash came on chain."""
        for record in self.case.facts.recorded:
            inside = record.first <= step.index < record.first + len(record.hashes)
            if (record.party, record.attempt) == (step.party, self.number) and inside:
                return record.at
        return None


def _attempt(case: Case, tell: Findings) -> _Attempt | None:
    """None, with the reason told, where there is nothing to look at."""
    if case.terms is None or case.plan is None:
        tell.skip("no terms") if case.cancelled else tell.lack("no terms")
        return None
    if case.terms.recipe != RECIPE:
        tell.skip("no enclave in this job")
        return None
    if not case.attempts:
        tell.skip("the job was never opened")
        return None
    for party in case.absent:
        tell.lack(f"no evidence of {case.name(party)}")
    try:
        asked = parameters_of(case.terms)
    except PlacetError as error:
        tell.fail("parameters of a comparison", error.message)
        return None
    number = case.final.number if case.final else case.attempts[-1].number
    return _Attempt(case, case.plan, case.terms, asked, number)


def _told(of: _Attempt, tell: Findings, party: int) -> Told | None:
    step = of.step(party, "lock-document")
    return None if step is None else _read(tell, Told, step, party)


def _read(tell: Findings, model: type[V], step: Step, party: int) -> V | None:
    """What a party wrote into its step's parameters."""
    try:
        return parse(model, dict(step.parameters), what=f"step {step.name}")
    except InputError as error:
        tell.fail(f"parameters of step “{step.name}”", error.message, party)
        return None


@check(GROUP, "documents", "The enclave's task holds the documents that were committed to on chain")
def documents(case: Case, tell: Findings) -> None:
    """Each company told the others, under its signature, the document that its own steps show; the task that plan and
    both words lead to is the one that every party agreed to; each commitment is the one that its consent's dataset had
    on chain at the opening; each release key is the sealed one."""
    of = _attempt(case, tell)
    if of is None or case.facts.opened is None:
        return
    told: dict[Role, Told] = {}
    for party, role in enumerate(ROLES):
        mine = _told(of, tell, party)
        if mine is None:
            continue
        told[role] = mine
        step = of.step(party, "lock-document")
        for name in ("document", "commitment", "release"):
            tell.same(
                f"{name} of {case.name(party)}", getattr(mine, name), of.made(party, "lock-document", name), party
            )
        for message in step.sent if step else ():
            tell.same(
                f"word of {case.name(party)} to {case.name(message.peer)}", document_hash(mine), message.digest, party
            )
        tell.same(f"commitment of {case.name(party)} on chain", _commitment(case, party), mine.commitment, party)
        if case.facts.sealed is not None and case.is_final(of.number):
            tell.same(f"release key of {case.name(party)}", case.facts.sealed.keys[party], mine.release, party)
    if len(told) < len(ROLES):
        if case.facts.sealed is not None:
            tell.lack("what both companies told of their documents")
        return
    place = {"attempt": of.number, "chain": case.deployment.chain_id}
    task = task_of(of.plan, of.terms, told, job=case.bundle.job, **place)
    for party in case.evidence:
        agreed = of.made(party, "agree-task", "task")
        if agreed is not None or case.is_final(of.number):
            tell.same(f"task of {case.name(party)}", task.digest(), agreed, party)


def _commitment(case: Case, party: int) -> bytes | None:
    """Of the dataset behind a party's consent, as the chain had it at the opening."""
    opened, offer = case.facts.opened, case.offers.get(case.parties[party].inputs[0].offer)
    if opened is None or offer is None:
        return None
    found = [c for c in case.facts.committed if c.dataset == offer.offer.dataset and c.at.order < opened.at.order]
    return max(found, key=lambda c: c.at.order).commitment if found else None


def _given(of: _Attempt, tell: Findings) -> Iterator[tuple[int, Step, Proven]]:
    """Each company that gave its keys away, and what it was shown before."""
    for party in range(len(ROLES)):
        step = of.step(party, "release-keys")
        if step is None:
            if of.case.is_final(of.number) and party in of.case.evidence:
                tell.fail(f"a step in which {of.case.name(party)} verified the enclave", "none", party)
            continue
        proven = _read(tell, Proven, step, party)
        if proven is not None:
            yield party, step, proven


@check(GROUP, "evidence", "What the enclave proved to each company holds, and binds its key to this job")
def evidence(case: Case, tell: Findings) -> None:
    """The evidence that a company recorded verifies again under the plan's policy, for the time at which the company
    says that it did; it binds this chain, this job and the key that the service recorded for its enclave before."""
    of = _attempt(case, tell)
    if of is None:
        return
    for party, _, proven in _given(of, tell):
        found = _verified(case, of, proven, party, tell)
        if found is None:
            continue
        own = (case.deployment.chain_id, case.bundle.job)
        tell.same(
            f"job in what was proven to {case.name(party)}", own, (proven.binding.chain, proven.binding.job), party
        )
        tell.same(f"class of {case.name(party)}'s enclave", of.terms.engine, found.enclave_class, party)
        tell.same(
            f"key that {case.name(party)} sealed to", found.key, of.made(party, "release-keys", "enclave-key"), party
        )
        if of.service in case.evidence:
            started = of.made(of.service, "start-enclave", "enclave-key")
            tell.same(f"key of the enclave that {case.name(party)} verified", started, found.key, party)
        if found.enclave_class == "simulated":
            tell.note(SIMULATED)
        opened = case.facts.opened
        if opened is not None and not opened.at.timestamp <= proven.at <= opened.deadline:
            tell.fail("verified while the job was open", f"at {proven.at}", party)


def _verified(case: Case, of: _Attempt, proven: Proven, party: int, tell: Findings) -> Verified | None:
    tell.looked += 1
    try:
        return verify(proven.evidence, of.asked.policy, proven.binding, proven.at)
    except AttestationError as error:
        tell.fail(f"evidence that {case.name(party)} could believe", f"{error.code}: {error.message}", party)
    except ConfigError as error:
        tell.lack(f"a verifier for {proven.evidence.statement.kind} evidence ({error.remedy})")
    return None


@check(GROUP, "accepted", "The service accepted the enclave's measurement on chain when keys were given to it")
def accepted(case: Case, tell: Findings) -> None:
    """`EnclaveRegistry` held the measurement, of the class that was proven, by the plan's provider of the enclave, from
    before the keys were given until after."""
    of = _attempt(case, tell)
    if of is None:
        return
    service = case.parties[of.service].signer
    for party, _, proven in _given(of, tell):
        found = _verified(case, of, proven, party, tell)
        if found is None:
            continue
        entry = next(
            (a for a in case.facts.accepted if (a.provider, a.measurement) == (service, found.measurement_id())), None
        )
        where = f"measurement {found.measurement.hex()} as {found.enclave_class}"
        if entry is None or entry.enclave_class != _CLASSES[found.enclave_class]:
            tell.fail(f"{where} accepted by {case.name(of.service)}", "not accepted", party)
        elif entry.at.timestamp > proven.at:
            tell.fail(f"{where} accepted by {proven.at}", f"at {entry.at.timestamp}", party)
        elif entry.retired is not None and entry.retired.timestamp < proven.at:
            tell.fail(f"{where} not retired by {proven.at}", f"retired at {entry.retired.timestamp}", party)


@check(GROUP, "fixed", "Documents and enclave were on chain before anybody gave a key away")
def fixed(case: Case, tell: Findings) -> None:
    """The steps in which all parties agreed to the task, and the one that shows the enclave's key, are recorded in a
    transaction before any company's step `release-keys`."""
    of = _attempt(case, tell)
    if of is None:
        return
    before = [of.step(party, "agree-task") for party in case.evidence]
    for party, step, _ in _given(of, tell):
        given = of.recorded(step)
        for earlier in before:
            at = None if earlier is None else of.recorded(earlier)
            tell.looked += 1
            if given is not None and (at is None or at.order >= given.order):
                late = "not recorded" if at is None else f"at {at.order}"
                tell.fail(f"agreement to the task before {case.name(party)}'s keys at {given.order}", late, party)


@check(GROUP, "results", "What came out of the enclave is what was sealed and handed to each company")
def results(case: Case, tell: Findings) -> None:
    """The masked results that the service recorded as the enclave's are those that each company recorded as received;
    the document that lists them is the sealed output of both."""
    of = _attempt(case, tell)
    if of is None:
        return
    if case.facts.sealed is None or not case.is_final(of.number):
        return tell.skip("the job was not sealed")
    step = of.step(of.service, "hand-out")
    if step is None:
        if of.service in case.evidence:
            tell.fail("a step that hands the results out", "none", of.service)
        return
    told = _read(tell, Results, step, of.service)
    if told is None:
        return
    tell.same(
        "parties with a result", [r.party for r in of.asked.recipients], [r.party for r in told.results], of.service
    )
    tell.same("enclave's key", of.made(of.service, "start-enclave", "enclave-key"), told.enclave, of.service)
    for one in told.results:
        name = f"masked/{one.party}"
        tell.same(f"{name} of the enclave", one.masked, of.made(of.service, "compare", name), of.service)
    for party in range(len(ROLES)):
        tell.same(f"sealed output of {case.name(party)}", document_hash(told), case.facts.sealed.outputs[party], party)
        if party in case.evidence:
            for one in told.results:
                name = f"masked/{one.party}"
                tell.same(f"{name} at {case.name(party)}", one.masked, of.made(party, "receive-result", name), party)


CHECKS = (documents, evidence, accepted, fixed, results)
