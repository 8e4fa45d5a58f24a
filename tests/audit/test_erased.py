"""Records may be erased once their consents are over: the verdict says so, and hides nothing else behind it."""

from __future__ import annotations

import pytest
from simulator import NAMES, VERIFIED, Simulation

from placet.audit import report as drawn
from placet.audit.bundle import Bundle
from placet.audit.findings import CheckStatus
from placet.audit.outcome import AuditReport, Verdict
from placet.audit.verify import verify
from placet.core.errors import InputError
from placet.core.evidence import ErasedLeaf, InputEvidence
from placet.core.hashing import canonical
from placet.core.values import parse

PROVIDER = 1
A, B, C, D = NAMES
OWN_LIST = f"input 3: {NAMES[3]} declared the rows its own, by its own word"


def without(simulation: Simulation, shown: InputEvidence, *places: int, **changed: bytes) -> InputEvidence:
    """What a vault shows after the records of these leaves were erased."""
    people = {p.leaf: p.consent.id for p in simulation.people[shown.input]}
    gone = [ErasedLeaf(consent=people[f], row=f.row, batch=f.batch) for f in (shown.leaves[n] for n in places)]
    gone = [leaf.model_copy(update=changed) for leaf in gone]
    left = tuple(leaf for n, leaf in enumerate(shown.leaves) if n not in places)
    return shown.model_copy(update={"leaves": left, "erased": tuple(sorted(gone, key=lambda leaf: leaf.consent))})


def erase(
    simulation: Simulation, *places: int, kind: str | None = "withdrawn", anchored: bool = True, **changed: bytes
) -> Bundle:
    """Kind None: the consents of these leaves stay as they are."""
    whole = simulation.evidence(PROVIDER)
    for place in places:
        person = next(p for p in simulation.people[PROVIDER] if p.leaf == whole.inputs[0].leaves[place])
        if kind is not None:
            simulation.withdraw(PROVIDER, person.consent.id, kind=kind)
            if anchored:
                simulation.anchor_erasure(PROVIDER, person.consent.id)
    inputs = tuple(without(simulation, shown, *places, **changed) for shown in whole.inputs)
    return simulation.bundle(whole.model_copy(update={"inputs": inputs}))


def failed(report: AuditReport) -> list[str]:
    return [r.name for r in report.results if r.status is CheckStatus.FAILED]


@pytest.mark.parametrize("kind", ["withdrawn", "revoked"])
@pytest.mark.parametrize("places", [(0,), (1, 3), (0, 1, 2, 3)])
def test_erased_after_the_end_of_its_consent(places: tuple[int, ...], kind: str) -> None:
    report = verify(erase(Simulation(), *places, kind=kind))
    assert failed(report) == []
    assert report.verdict is Verdict.LAWFULLY_ERASED
    by = {"withdrawn": "withdrawn by their owners", "revoked": "revoked by the provider"}[kind]
    assert report.notes == (
        OWN_LIST,
        f"{B} erased records of consents: {len(places)} {by}",
        VERIFIED,
    )
    assert report.named == ()
    assert next(p.people for p in report.parties if p.name == B) == 4
    assert "LAWFULLY ERASED" in drawn.text(report)[0]
    assert "lawfully erased" in drawn.html(report)


def test_a_bundle_says_that_an_erasure_does_not_reach_it() -> None:
    body = Simulation().bundle().to_json()
    assert body["copies"] == "whoever-keeps-this-file-erases-it"
    with pytest.raises(InputError):
        parse(Bundle, canonical(body | {"copies": "kept for ever"}))


def test_the_report_tells_whose_word_ended_them() -> None:
    """A provider that revokes and erases what it invented stands there with its own count, and is not incomplete."""
    simulation = Simulation()
    erase(simulation, 0, 2, kind="withdrawn")
    erase(simulation, 1, kind="revoked")
    report = verify(erase(simulation, 0, 1, 2, kind=None))
    assert (report.verdict, failed(report)) == (Verdict.LAWFULLY_ERASED, [])
    assert report.notes == (
        OWN_LIST,
        f"{B} erased records of consents: 2 withdrawn by their owners, 1 revoked by the provider",
        VERIFIED,
    )


def test_the_record_of_a_living_consent_is_missing_evidence() -> None:
    report = verify(erase(Simulation(), 2, kind=None))
    assert report.verdict is Verdict.INCOMPLETE
    assert [r.name for r in report.results if r.incomplete] == ["consent.erased"]
    assert B in report.headline
    assert failed(report) == []


def test_an_erasure_that_was_not_anchored_is_missing_evidence() -> None:
    report = verify(erase(Simulation(), 2, anchored=False))
    assert report.verdict is Verdict.INCOMPLETE
    assert [r.name for r in report.results if r.incomplete] == ["consent.erased"]
    assert f"{B} shows 1 records as erased whose erasure it has not anchored" in report.headline


def test_an_anchored_erasure_covers_no_other_record() -> None:
    """Who erases one person lawfully can't hide another behind that."""
    simulation = Simulation()
    erase(simulation, 0)
    erase(simulation, 1, anchored=False)
    assert verify(erase(simulation, 0, kind=None)).verdict is Verdict.LAWFULLY_ERASED
    assert verify(erase(simulation, 0, 1, kind=None)).verdict is Verdict.INCOMPLETE


def test_an_erasure_counts_from_the_end_on() -> None:
    simulation = Simulation()
    bundle = erase(simulation, 2)
    facts = bundle.facts
    early = tuple(one.model_copy(update={"erased": one.at}) for one in facts.withdrawn)
    report = verify(bundle.model_copy(update={"facts": facts.model_copy(update={"withdrawn": early})}))
    assert "consent.erased" in [r.name for r in report.results if r.incomplete]


def test_erased_over_several_attempts() -> None:
    simulation = Simulation(withdraw=(1,))
    whole = simulation.evidence(0)
    dead = simulation.facts["withdrawn"][0].consent
    simulation.anchor_erasure(0, dead)
    inputs = []
    for shown in whole.inputs:
        ids = [next(p.consent.id for p in simulation.people[0] if p.leaf == leaf) for leaf in shown.leaves]
        inputs.append(without(simulation, shown, *(n for n, ident in enumerate(ids) if ident == dead)))
    report = verify(simulation.bundle(whole.model_copy(update={"inputs": tuple(inputs)})))
    assert (report.verdict, failed(report)) == (Verdict.LAWFULLY_ERASED, [])


def test_a_record_is_counted_once_for_all_attempts() -> None:
    """One left with the amendment, another was revoked after the seal: two records, though three leaves are bare."""
    simulation = Simulation(withdraw=(1,))
    whole = simulation.evidence(0)
    first = simulation.facts["withdrawn"][0].consent
    person = next(p for p in simulation.people[0] if p.consent.id != first and p.leaf in whole.inputs[-1].leaves)
    simulation.withdraw(0, person.consent.id, kind="revoked")
    for consent in (first, person.consent.id):
        simulation.anchor_erasure(0, consent)
    bare = {p.leaf.consent.salt for p in simulation.people[0] if p.consent.id in (first, person.consent.id)}
    inputs = tuple(
        without(simulation, shown, *(n for n, leaf in enumerate(shown.leaves) if leaf.consent.salt in bare))
        for shown in whole.inputs
    )
    assert [len(shown.erased) for shown in inputs] == [2, 1]
    report = verify(simulation.bundle(whole.model_copy(update={"inputs": inputs})))
    assert (report.verdict, failed(report)) == (Verdict.LAWFULLY_ERASED, [])
    told = [note for note in report.notes if "erased" in note]
    assert told == [f"{A} erased records of consents: 1 withdrawn by their owners, 1 revoked by the provider"]
