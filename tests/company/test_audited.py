"""The audit of a comparison: an honest trail is intact, and each change of it is seen by the check that is for it, also
where whoever changed it signs anew."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio

from comparison_harness import AFTER, BEFORE, ComparisonHarness
from placet.audit.bundle import Bundle, PartyEvidence
from placet.audit.collect import collect
from placet.audit.facts import ChainFacts, Withdrawn
from placet.audit.findings import CheckStatus
from placet.audit.outcome import AuditReport, Basis
from placet.audit.sections import Sections
from placet.audit.verify import verify
from placet.core.evidence import SignedEvidence
from placet.core.signatures import Key
from placet.core.trail import Step, evidence_hash
from placet.core.trust import Institution, TrustList
from placet.jobs.evidence import Beside, signed
from placet.jobs.runner import Runner

pytestmark = pytest.mark.asyncio(loop_scope="module")
BEFORE_COMPANY, AFTER_COMPANY, SERVICE = 0, 1, 2


@dataclass
class Story:
    """An honest bundle, and the recorders' keys."""

    bundle: Bundle
    keys: dict[int, Key]

    def judged(self, bundle: Bundle) -> AuditReport:
        return verify(bundle, basis=Basis.OWN_FILES)

    def facts(self, **changed: Any) -> Bundle:
        return self.bundle.model_copy(update={"facts": self.bundle.facts.model_copy(update=changed)})

    def steps(self, party: int, name: str, change: Callable[[Step], Step]) -> Bundle:
        """A bundle in which a party shows another step of that name, under its own signature."""
        entries = []
        for entry in self.bundle.evidence:
            if entry.evidence is not None and entry.evidence.evidence.party == party:
                old = entry.evidence.evidence
                steps = tuple(change(s) if s.name == name else s for s in old.steps)
                assert steps != old.steps
                new = old.model_copy(update={"steps": steps})
                digest = self.bundle.deployment.jobs.digest(evidence_hash(new.job, party, new.hash))
                shown = SignedEvidence(evidence=new, signature=self.keys[party].sign(digest))
                entries.append(PartyEvidence(institution=entry.institution, evidence=shown))
            else:
                entries.append(entry)
        return self.bundle.model_copy(update={"evidence": tuple(entries)})

    def parameters(self, party: int, name: str, **changed: Any) -> Bundle:
        return self.steps(party, name, lambda s: _step(s, parameters=s.parameters | changed))

    def output(self, party: int, name: str, output: str) -> Bundle:
        def change(step: Step) -> Step:
            made = tuple(
                a.model_copy(update={"commitment": bytes(32)}) if a.name == output else a for a in step.outputs
            )
            return _step(step, outputs=made)

        return self.steps(party, name, change)

    def shown(self, party: int, name: str) -> Step:
        (entry,) = [e.evidence for e in self.bundle.evidence if e.evidence and e.evidence.evidence.party == party]
        return next(s for s in entry.evidence.steps if s.name == name)


def _step(step: Step, **changed: Any) -> Step:
    """A copy without the hash that the old one remembers."""
    return Step.model_validate(step.model_dump() | changed)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def story(harness: ComparisonHarness) -> AsyncIterator[Story]:
    async with harness.company("before") as a, harness.company("after") as b:
        ended = await harness.compare(harness.document("old.md", BEFORE), harness.document("new.md", AFTER), a=a, b=b)
        assert ended.how == "completed"
        runners: dict[bytes, Runner] = {
            a.context.address: a.runner,
            b.context.address: b.runner,
            harness.address("service"): harness.app.state.runner,
        }
        told = {address: await signed(runner, ended.job, Beside()) for address, runner in runners.items()}
        trust = TrustList.model_validate_json((harness.made.folder / "trust.json").read_bytes())

        def fetch(institution: Institution, _: bytes) -> list[bytes]:
            return [told[institution.address].model_dump_json().encode()]

        bundle = await asyncio.to_thread(collect, harness.chain, trust, ended.job, fetch, Sections())
        keys = {place: runner.context.recorder for place, runner in enumerate(runners.values())}
        yield Story(bundle, keys)


def status(report: AuditReport, name: str) -> CheckStatus:
    return next(result.status for result in report.results if result.name == f"enclave.{name}")


async def test_an_honest_comparison_is_intact_and_says_what_it_is(story: Story) -> None:
    report = story.judged(story.bundle)
    assert report.verdict == "intact", [r for r in report.results if r.status is not CheckStatus.PASSED]
    assert {status(report, name) for name in ("documents", "evidence", "accepted", "fixed", "results")} == {
        CheckStatus.PASSED
    }
    assert any("simulated" in note for note in report.notes)
    assert "The enclave is simulated" in report.headline


def _retired(facts: ChainFacts) -> Any:
    assert facts.opened is not None
    at = facts.opened.at.model_copy(
        update={"timestamp": facts.opened.at.timestamp - 1, "block": facts.opened.at.block - 1}
    )
    return tuple(a.model_copy(update={"retired": at}) for a in facts.accepted)


def _withdrawn(facts: ChainFacts) -> Withdrawn:
    """Of the second company's consent, in the block of the opening."""
    assert facts.opened is not None
    given = facts.given[1]
    return Withdrawn(
        offer=given.offer,
        consent=given.consent,
        kind="withdrawn",
        at=facts.opened.at,
        head=bytes(24),
        proven=facts.opened.at,
    )


FACTS: dict[str, tuple[str, Callable[[ChainFacts], dict[str, Any]]]] = {
    "never accepted": ("accepted", lambda f: {"accepted": ()}),
    "accepted by somebody else": (
        "accepted",
        lambda f: {"accepted": tuple(a.model_copy(update={"provider": bytes(20)}) for a in f.accepted)},
    ),
    "accepted as hardware": (
        "accepted",
        lambda f: {"accepted": tuple(a.model_copy(update={"enclave_class": 2}) for a in f.accepted)},
    ),
    "retired before": ("accepted", lambda f: {"accepted": _retired(f)}),
    "a consent was dead by then": ("accepted", lambda f: {"withdrawn": (_withdrawn(f),)}),
    "another document was committed to": (
        "documents",
        lambda f: {"committed": tuple(c.model_copy(update={"commitment": bytes(32)}) for c in f.committed)},
    ),
    "no document was committed to": ("documents", lambda f: {"committed": ()}),
}


@pytest.mark.parametrize("name", FACTS)
async def test_other_facts_are_seen(story: Story, name: str) -> None:
    check, change = FACTS[name]
    assert status(story.judged(story.facts(**change(story.bundle.facts))), check) is CheckStatus.FAILED


def _moved(moment: Any, block: int) -> Any:
    return moment.model_copy(update={"block": block})


async def test_a_company_is_named_only_over_what_was_deep_when_it_asked_the_chain(story: Story) -> None:
    """By the block that it names a consent was withdrawn, or the measurement retired: deep, and it knew; less deep by
    one block, and a reorganisation may have told it otherwise. Accepted too late, just so."""
    facts, deep = story.bundle.facts, story.bundle.deployment.confirmations
    assert facts.opened is not None and deep > 0
    moment, companies = facts.opened.at, ("Company Alder", "Company Birch")
    asked = [int(str(story.shown(party, "verify-enclave").parameters["block"])) for party in range(2)]
    for block, named in ((min(asked) - deep, companies), (max(asked) - deep + 1, ())):
        at = _moved(moment, block)
        changes: dict[str, dict[str, Any]] = {
            "withdrawn": {"withdrawn": (_withdrawn(facts).model_copy(update={"at": at, "proven": at}),)},
            "retired": {"accepted": tuple(a.model_copy(update={"retired": at}) for a in facts.accepted)},
        }
        for what, changed in changes.items():
            assert _named(story.judged(story.facts(**changed)), "accepted") == named, (what, block)
    for block, named in ((max(asked) + deep + 1, companies), (min(asked) + deep, ())):
        late = tuple(a.model_copy(update={"at": _moved(moment, block)}) for a in facts.accepted)
        assert _named(story.judged(story.facts(accepted=late)), "accepted") == named, block


STEPS: dict[str, tuple[str, Callable[[Story], Bundle]]] = {
    "another size was told": ("documents", lambda s: s.parameters(BEFORE_COMPANY, "lock-document", size=7)),
    "another document in the step": ("documents", lambda s: s.output(AFTER_COMPANY, "lock-document", "document")),
    "another task at the service": ("documents", lambda s: s.output(SERVICE, "agree-task", "task")),
    "another nonce": (
        "evidence",
        lambda s: s.parameters(
            BEFORE_COMPANY,
            "verify-enclave",
            binding=dict(s.shown(BEFORE_COMPANY, "verify-enclave").parameters["binding"]) | {"nonce": "0x" + "00" * 32},  # type: ignore[arg-type]
        ),
    ),
    "verified after it had expired": ("evidence", lambda s: s.parameters(BEFORE_COMPANY, "verify-enclave", at=2**40)),
    "verified before the opening": ("evidence", lambda s: s.parameters(BEFORE_COMPANY, "verify-enclave", at=1)),
    "sealed to another key": ("evidence", lambda s: s.output(AFTER_COMPANY, "verify-enclave", "enclave-key")),
    "another enclave was started": ("evidence", lambda s: s.output(SERVICE, "start-enclave", "enclave-key")),
    "verified at the end of time": (
        "evidence",
        lambda s: s.parameters(
            BEFORE_COMPANY,
            "verify-enclave",
            at=2**48 - 1,
            binding=dict(s.shown(BEFORE_COMPANY, "verify-enclave").parameters["binding"]) | {"issued": 2**48 - 1},  # type: ignore[arg-type]
        ),
    ),
    "a step twice": (
        "documents",
        lambda s: s.steps(AFTER_COMPANY, "receive-result", lambda step: _step(step, name="verify-enclave")),
    ),
    "asked the chain by an older block": ("fixed", lambda s: s.parameters(BEFORE_COMPANY, "verify-enclave", block=1)),
    "asked the chain after its own record": (
        "accepted",
        lambda s: s.parameters(BEFORE_COMPANY, "verify-enclave", block=10**9),
    ),
    "two words that lead to no task": (
        "documents",
        lambda s: s.parameters(
            BEFORE_COMPANY,
            "lock-document",
            release=s.shown(AFTER_COMPANY, "lock-document").parameters["release"],
        ),
    ),
    "nothing was verified": (
        "evidence",
        lambda s: s.steps(AFTER_COMPANY, "verify-enclave", lambda step: _step(step, name="something")),
    ),
    "no evidence at all": (
        "evidence",
        lambda s: s.steps(AFTER_COMPANY, "verify-enclave", lambda step: _step(step, parameters={})),
    ),
    "another result came out": ("results", lambda s: s.output(SERVICE, "compare", "masked/0")),
    "another result came in": ("results", lambda s: s.output(AFTER_COMPANY, "receive-result", "masked/1")),
    "another list was handed out": ("results", lambda s: s.parameters(SERVICE, "hand-out", enclave="0x" + "11" * 32)),
    "nothing was handed out": (
        "results",
        lambda s: s.steps(SERVICE, "hand-out", lambda step: _step(step, name="something")),
    ),
}


@pytest.mark.parametrize("name", STEPS)
async def test_another_trail_is_seen_by_the_check_that_is_for_it(story: Story, name: str) -> None:
    check, change = STEPS[name]
    report = story.judged(change(story))
    assert status(report, check) is CheckStatus.FAILED
    assert report.verdict == "tampered"


async def test_evidence_with_any_byte_changed_is_seen(story: Story) -> None:
    """The quote, its signature and key, and what it says of the measurement."""
    told: Any = story.shown(BEFORE_COMPANY, "verify-enclave").parameters["evidence"]
    for field in ("attest", "signature", "key", "measurement"):
        text = told["statement"][field]
        place = len(text) // 2
        changed = text[:place] + ("0" if text[place] != "0" else "1") + text[place + 1 :]
        forged = told | {"statement": told["statement"] | {field: changed}}
        report = story.judged(story.parameters(BEFORE_COMPANY, "verify-enclave", evidence=forged))
        assert status(report, "evidence") is CheckStatus.FAILED, field


async def test_keys_that_were_given_before_all_was_fixed_are_seen(story: Story) -> None:
    """The record of the service's agreement, moved behind the companies' keys: they did not wait. Or it recorded other
    steps in time: then it is the one."""
    facts = story.bundle.facts.recorded
    late = {"at": facts[0].at.model_copy(update={"block": max(r.at.block for r in facts) + 1})}
    moved = tuple(r.model_copy(update=late) if (r.party, r.first) == (SERVICE, 0) else r for r in facts)
    assert _named(story.judged(story.facts(recorded=moved)), "fixed") == ("Company Alder", "Company Birch")
    other = story.steps(SERVICE, "agree-task", lambda step: _step(step, name="something"))
    assert _named(story.judged(other), "fixed") == ("Trust Centre",)


def _named(report: AuditReport, check: str) -> tuple[str, ...]:
    (found,) = [result for result in report.results if result.name == f"enclave.{check}"]
    assert found.status is CheckStatus.FAILED
    return found.named


async def test_who_did_not_wait_is_named_and_not_whom_it_did_not_wait_for(story: Story) -> None:
    early = story.parameters(BEFORE_COMPANY, "verify-enclave", block=story.bundle.facts.opened.at.block)  # type: ignore[union-attr]
    assert _named(story.judged(early), "fixed") == ("Company Alder",)


async def test_a_service_that_recorded_another_list_than_it_handed_out_is_named_alone(story: Story) -> None:
    other = story.parameters(SERVICE, "hand-out", enclave="0x" + "11" * 32)
    moved = story.steps(
        SERVICE, "hand-out", lambda s: _step(s, parameters=s.parameters | {"enclave": "0x" + "11" * 32}, sent=())
    )
    for lie in (other, moved):
        assert _named(story.judged(lie), "results") == ("Trust Centre",)


async def test_a_company_that_shows_another_word_than_it_signed_is_named_alone(story: Story) -> None:
    lie = story.parameters(AFTER_COMPANY, "lock-document", size=7)
    assert _named(story.judged(lie), "documents") == ("Company Birch",)


async def test_facts_that_are_too_short_are_a_finding_and_no_crash(story: Story) -> None:
    sealed = story.bundle.facts.sealed
    assert sealed is not None
    short = story.facts(sealed=sealed.model_copy(update={"keys": (), "outputs": ()}))
    assert story.judged(short).verdict == "tampered"


@pytest.mark.parametrize("party", [BEFORE_COMPANY, AFTER_COMPANY, SERVICE])
async def test_a_party_that_hides_its_evidence_makes_it_incomplete(story: Story, party: int) -> None:
    entries = tuple(
        PartyEvidence(institution=e.institution, missing="gone")
        if e.evidence is not None and e.evidence.evidence.party == party
        else e
        for e in story.bundle.evidence
    )
    report = story.judged(story.bundle.model_copy(update={"evidence": entries}))
    assert report.verdict == "incomplete"
    assert all(status(report, name) is CheckStatus.SKIPPED for name in ("documents", "evidence", "results"))
