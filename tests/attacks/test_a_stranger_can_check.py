"""Promise 5: a stranger can check. That every single lie about a job is seen is in tests/audit: each check alone with
its culprit (test_checks), every field of evidence and facts (test_tampering), what is missing (test_honest). Here: what
a liar can do to *others*, and what the verifier may not lean on."""

from __future__ import annotations

import socket
import sqlite3
import time
from typing import Any

import pytest
import tests.audit.conftest as _simulator_beside_its_tests  # noqa: F401 - lets these modules import each other
from mutations import changed, changes, get, places
from simulator import CONSUMER, NAMES, START, Simulation, Starting, h

from placet.audit.facts import Ending
from placet.audit.outcome import AuditReport, Verdict
from placet.audit.verify import verify
from placet.core.errors import InputError
from placet.core.evidence import Evidence
from placet.core.hashing import canonical
from placet.core.trail import Message, SignedMessage, acknowledgement_hash
from placet.core.values import parse

A, B, C, D = NAMES
EVERY = 12
"""One in so many changes is tried; together they meet each kind of field."""


def failed(report: AuditReport) -> set[str]:
    return {result.name for result in report.results if result.status in ("failed", "disputed")}


class StartsLater(Starting):
    """Party 2 has a step more than the others before the one in which all say what they start from; an honest party
    ends its attempt over that, and has no such step. Who says that it met them there would name them."""

    LIAR = 2

    def step(self, party: int, name: str, **fields: Any) -> None:
        if name == "start" and party != self.LIAR:
            return
        super().step(party, name, **fields)
        if party == self.LIAR and name.startswith("open-"):
            super().step(party, "another")


def test_who_starts_later_does_not_name_those_that_would_not_go_on() -> None:
    simulation = StartsLater(ending=Ending.ABORTED)
    bundle = simulation.bundle()
    late = bundle.facts.head.model_copy(update={"timestamp": START + 10**6})
    report = verify(bundle.model_copy(update={"facts": bundle.facts.model_copy(update={"head": late})}))
    assert (report.verdict, report.named) == (Verdict.INTACT, ())


def test_who_shows_nothing_is_not_named_for_where_another_says_to_have_met_it() -> None:
    class Met(Starting):
        def step(self, party: int, name: str, **fields: Any) -> None:
            super().step(party, name, **fields)
            if party == 2 and name.startswith("open-"):
                super().step(party, "another")

    report = verify(Met().bundle(without=(1,)))
    assert (report.verdict, report.named) == (Verdict.INCOMPLETE, ())


@pytest.mark.parametrize("liar", [0, CONSUMER])
def test_a_liar_frames_nobody(liar: int) -> None:
    """A party changes any field of its own evidence and signs it anew: if anybody is named, it is the liar."""
    simulation = Simulation(people=2, withdraw=(1,))
    honest = simulation.evidence(liar).to_json()
    tried = 0
    for number, (path, new) in enumerate((p, new) for p in places(honest) for new in changes(get(honest, p))):
        if number % EVERY or new is None or path == ("party",):
            continue
        try:
            evidence = parse(Evidence, canonical(changed(honest, path, new)))
        except InputError:
            continue
        tried += 1
        report = verify(simulation.bundle(evidence))
        assert set(report.named) <= {NAMES[liar]}, (path, new, failed(report))
    assert tried > 20


def forged(simulation: Simulation, sender: int, receiver: int, signer: int) -> SignedMessage:
    """A message that `sender` never sent, as `signer` would have it."""
    message = Message(
        job=simulation.job, attempt=1, sequence=99, sender=sender, receiver=receiver, tag="psi.rows", digest=h("forged")
    )
    domain = simulation.deployment.jobs
    return SignedMessage(
        message=message,
        signature=simulation.recorders[signer].sign(domain.digest(message.hash)),
        acknowledgement=simulation.recorders[receiver].sign(domain.digest(acknowledgement_hash(message.hash))),
    )


def test_a_message_in_somebody_elses_name() -> None:
    """B shows a message that A is said to have sent, under B's own signature and acknowledgement: A is not named."""
    simulation = Simulation()
    lie = simulation.evidence(1)
    lie = lie.model_copy(update={"received": (*lie.received, forged(simulation, 0, 1, signer=1))})
    report = verify(simulation.bundle(lie))
    assert report.verdict is Verdict.TAMPERED
    assert report.named == (B,)


def test_a_message_that_only_its_sender_signed() -> None:
    """A shows a message to B that B neither acknowledged nor shows: it may be lost or invented, so that both or nobody
    is right. Nobody is named."""
    simulation = Simulation()
    story = simulation.evidence(0)
    sent = forged(simulation, 0, 1, signer=0).model_copy(update={"acknowledgement": b""})
    sequence = max(m.message.sequence for m in story.sent if m.message.receiver == 1) + 1
    message = sent.message.model_copy(update={"sequence": sequence})
    signature = simulation.recorders[0].sign(simulation.deployment.jobs.digest(message.hash))
    sent = SignedMessage(message=message, signature=signature)
    report = verify(simulation.bundle(story.model_copy(update={"sent": (*story.sent, sent)})))
    assert report.verdict is not Verdict.INTACT
    assert B not in report.named


def test_one_partys_evidence_in_anothers_place() -> None:
    """B hands out A's good evidence as its own, or a collector files it so: A signed nothing of the kind."""
    bundle = Simulation().bundle()
    first, second, *others = bundle.evidence
    stand_in = first.model_copy(update={"institution": second.institution})
    report = verify(bundle.model_copy(update={"evidence": (first, stand_in, *others)}))
    assert report.verdict is Verdict.TAMPERED
    assert failed(report) == {"evidence.signed"}
    assert report.named == ()


def test_two_documents_of_one_party() -> None:
    """What B signed while the job ran, and what it signed afterwards, both true, in one bundle: somebody put it
    together wrongly, and B is no liar for it. Nor for a copy."""
    simulation = Simulation()
    bundle = simulation.bundle()
    early = simulation.evidence(1)
    early = early.model_copy(update={"steps": early.steps[:-1], "sent": (), "received": (), "seal": None})
    for other in (
        bundle.evidence[1],
        bundle.evidence[1].model_copy(update={"evidence": simulation.sign_evidence(early)}),
    ):
        report = verify(bundle.model_copy(update={"evidence": (*bundle.evidence, other)}))
        assert report.verdict is Verdict.TAMPERED
        assert failed(report) == {"evidence.signed"}
        assert report.named == ()


def test_what_a_party_does_not_show_accuses_nobody_and_what_it_leaves_out_does() -> None:
    """A set that is not shown is missing evidence; one with a leaf left out gives another root than its party signed.
    What is left of an erased leaf is shown with it: `tests/audit/test_erased.py`."""
    simulation = Simulation()
    whole = simulation.evidence(1)
    report = verify(simulation.bundle(whole.model_copy(update={"inputs": (), "batches": ()})))
    assert report.verdict is Verdict.INCOMPLETE
    assert report.named == ()
    assert any(B in (result.reason or "") for result in report.results)
    (shown,) = whole.inputs
    fewer = shown.model_copy(update={"leaves": shown.leaves[1:]})
    report = verify(simulation.bundle(whole.model_copy(update={"inputs": (fewer,)})))
    assert (report.verdict, report.named) == (Verdict.TAMPERED, (B,))


def test_the_verifier_leans_on_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """No network, no database, no clock: the same bundle gives the same verdict anywhere and for ever."""
    bundle = Simulation(withdraw=(1,)).bundle()
    expected = verify(bundle)

    def gone(*_: object, **__: object) -> None:
        raise AssertionError("the verifier asked the world")

    for module, name in ((socket, "socket"), (sqlite3, "connect"), (time, "time"), (time, "monotonic")):
        monkeypatch.setattr(module, name, gone)
    report = verify(bundle)
    monkeypatch.undo()
    assert report == expected
    assert report.verdict is Verdict.INTACT
