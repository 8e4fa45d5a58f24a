"""A garbler of another circuit, where garblings are opened: caught in all but the one that is used, by a certificate
that convinces anybody. What it does goes through where none is opened (`test_a_cheating_side_of_circuit_psi`)."""

from __future__ import annotations

import asyncio
import dataclasses
from typing import Any

import pytest
from tests.attacks.liars import rogue
from tests.audit.simulator import NAMES, Simulation

from declaring import CUSTOMER
from follow import until
from garbling import CONTEXT, Counted, IdealTransfers, counted
from live import LiveConsortium
from placet.audit.findings import CheckStatus, Result
from placet.audit.verify import verify
from placet.core.errors import ProtocolError
from placet.core.evidence import Evidence
from placet.core.garbling import CHOICE, COMMITTED, GarblingComplaint, counting_context
from placet.core.hashing import sha256
from placet.protocols.garbled import (
    Brought,
    CheatedError,
    CountTerms,
    certificate,
    covert_evaluator,
    covert_garbler,
    judged,
)
from placet.protocols.garbled.labels import Labels
from placet.protocols.garbled.seeded import SeededGarbling, seeded
from placet.protocols.order import Entropy

BANK = [b"person %d" % number for number in range(12)]
SHOP = [b"person 3", b"person 5", b"nobody"]
MATCHING, GROUP = 2, 3
TERMS = CountTerms((len(BANK), len(SHOP)), summed=False, noisy=False, smallest=GROUP, garblings=2)
CHOSEN = 1


@pytest.fixture(autouse=True)
def chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    """The evaluator uses the last garbling, by its own draw."""
    IdealTransfers(monkeypatch)
    monkeypatch.setattr(covert_evaluator, "drawn_choice", lambda entropy, garblings: garblings - 1)


def run(**changes: Any) -> Counted:
    return counted(Brought(BANK), Brought(SHOP), smallest=GROUP, garblings=2, **changes)


def smaller_group(monkeypatch: pytest.MonkeyPatch, *garblings: int) -> None:
    """The garbler's circuits lets smaller groups through, in these of its garblings."""

    class OfAnotherCircuit(SeededGarbling):
        def __init__(self, circuit: Any, seed: bytes, correlation: Any, context: bytes) -> None:
            if context[-1] in garblings:
                circuit = dataclasses.replace(circuit, smallest=MATCHING)
            super().__init__(circuit, seed, correlation, context)

    monkeypatch.setattr(covert_garbler, "SeededGarbling", OfAnotherCircuit)


def wrong_row(monkeypatch: pytest.MonkeyPatch, *garblings: int) -> None:
    """A row of a table is another: the job then fails for some of the evaluator's tags alone."""

    class Failing(SeededGarbling):
        def slabs(self, amounts: Any) -> Any:
            conjunction, self.side.conjunction = self.side.conjunction, self.failing  # type: ignore[method-assign]
            self.true = conjunction
            yield from super().slabs(amounts)

        def __init__(self, circuit: Any, seed: bytes, correlation: Any, context: bytes) -> None:
            super().__init__(circuit, seed, correlation, context)
            self.cheats = context[-1] in garblings

        def failing(self, left: Labels, right: Labels) -> Labels:
            wires = self.true(left, right)
            if self.cheats and len(self.side._rows) == 2:
                rows = bytearray(self.side._rows[0])
                rows[5] ^= 1
                self.side._rows[0] = bytes(rows)
            return wires

    monkeypatch.setattr(covert_garbler, "SeededGarbling", Failing)


def other_labels(monkeypatch: pytest.MonkeyPatch, *garblings: int) -> None:
    """Labels of transfers come out of other randomness than the seed's."""
    calls = iter(range(2))

    def seeded_otherwise(seed: bytes, label: bytes) -> Entropy:
        cheats = label == b"transfers" and seed in seeds and seeds[seed] in garblings
        return seeded(sha256(seed)[:16] if cheats else seed, label)

    seeds: dict[bytes, int] = {}
    commit = covert_garbler._commit

    async def committing(run: Any, circuit: Any, index: int, seed: bytes) -> Any:
        seeds[seed] = next(calls)
        return await commit(run, circuit, index, seed)

    monkeypatch.setattr(covert_garbler, "_commit", committing)
    monkeypatch.setattr(covert_garbler, "seeded", seeded_otherwise)


CHEATS = pytest.mark.parametrize("cheat", [smaller_group, wrong_row, other_labels])


@CHEATS
def test_a_garbler_that_cheats_is_caught_before_anything_is_used(monkeypatch: pytest.MonkeyPatch, cheat: Any) -> None:
    cheat(monkeypatch, 1 - CHOSEN)
    told = run()
    cheated = told.shares[1]
    assert isinstance(cheated, CheatedError) and cheated.code == "garbled.cheated"
    tags = {tag for sender, _, tag, _ in told.network.sent if sender == "shop"}
    assert not tags & {"garbled.choice", "garbled.shift", "garbled.labels"}, "it tells nothing of its choice"
    assert asyncio.run(judged(cheated.certificate, TERMS, CONTEXT)), "whoever has it is convinced"


def test_a_cheat_in_the_garbling_that_is_used_goes_unseen(monkeypatch: pytest.MonkeyPatch) -> None:
    """With probability 1/λ: what is left to a garbler that takes the risk."""
    smaller_group(monkeypatch, CHOSEN)
    assert run().numbers == (MATCHING,)
    monkeypatch.undo()


def test_without_a_cheat_nothing_comes_out_below_the_group() -> None:
    assert run().numbers == (0,)


@pytest.mark.parametrize("tag", ["garbled.tables", "garbled.ending"])
def test_other_tables_than_those_committed_to_end_the_job(tag: str) -> None:
    """Before the evaluator says anything of what they gave, whatever its tags are."""
    told = run(lies=({tag: lambda payload: payload[:40] + bytes((payload[40] ^ 1,)) + payload[41:]}, {}))
    refusal = told.shares[1]
    assert isinstance(refusal, ProtocolError) and refusal.code == "garbled.tables"
    assert "garbled.labels" not in {tag for _, _, tag, _ in told.network.sent}


def test_labels_that_are_none_end_the_job_alike_for_all_inputs() -> None:
    told = counted(
        Brought(BANK, list(range(12))),
        Brought(SHOP),
        garblings=2,
        lies=({"garbled.inputs": lambda payload: bytes(len(payload))}, {}),
    )
    refusal = told.shares[1]
    assert isinstance(refusal, ProtocolError) and refusal.code == "garbled.tables"
    assert "garbled.labels" not in {tag for _, _, tag, _ in told.network.sent}


@pytest.mark.parametrize("payload", [b"\0" + bytes(16), b"\x01" + bytes(16), b"\x07" + bytes(16)])
def test_an_evaluator_cannot_use_a_garbling_whose_seed_it_has(payload: bytes) -> None:
    """It would know all labels. The witness of a garbling comes in place of its seed."""
    refusal = run(lies=({}, {"garbled.choice": lambda _: payload})).shares[0]
    assert isinstance(refusal, ProtocolError) and refusal.code == "garbled.choice"


def test_a_garbler_that_commits_to_other_messages_learns_nothing() -> None:
    lie = {"garbled.committed": lambda payload: payload[:8] + bytes(32) + payload[40:]}
    told = run(lies=(lie, {}))
    refusal = told.shares[1]
    assert isinstance(refusal, ProtocolError) and refusal.code == "garbled.committed"
    assert "garbled.choice" not in {tag for _, _, tag, _ in told.network.sent}


# ------------------------------------------------------------------------------------------------------- the audit


class AuditedCounting(Simulation):
    """A job that counts what two parties share, with garblings opened; `complaint` of what crossed in it."""

    providers = 1
    verifies = False

    def __init__(self, shows: Any = None) -> None:
        self.shows, self.complaints = shows, tuple[GarblingComplaint, ...]()
        super().__init__()

    def make_terms(self, fields: dict[str, Any]) -> Any:
        kept = {name: fields["parameters"][name] for name in ("identifier", "namespace")}
        parameters = {**kept, "smallest_group": GROUP, "protocol": "garbled", "covert": 2}
        return super().make_terms(fields | {"recipe": "match-count", "parameters": parameters})

    def _compute(self) -> None:
        self._open_tables()
        context = counting_context(self.job, self.attempt)
        told = counted(Brought(BANK), Brought(SHOP), smallest=GROUP, garblings=2, context=context)
        for sender, _, tag, payload in told.network.sent:
            if tag.startswith(("ot.", COMMITTED, CHOICE)):
                parties = (0, 1) if sender == "bank" else (1, 0)
                out, there = self.send(*parties, tag, sha256(payload))
                self.step(parties[0], "statistics", protocol="psi.circuit.garbled/1", sent=(out,))
                self.step(parties[1], "statistics", protocol="psi.circuit.garbled/1", received=(there,))
        cheated = told.shares[1]
        if isinstance(cheated, CheatedError):
            one = cheated.certificate
            self.complaints = (
                GarblingComplaint(
                    attempt=self.attempt, accused=0, about="garbling", index=one.index, choice=one.choice,
                    choosing_seed=one.choosing_seed, own_seed=one.own_seed, answers=one.answers, payload=one.committed,
                ),
            )  # fmt: skip
        self.outputs[0] = self._made(0, "masked")

    def evidence(self, party: int) -> Evidence:
        shown = self.complaints if self.shows is None else self.shows(self)
        return super().evidence(party).model_copy(update={"complaints": shown if party == 1 else ()})


def audited(simulation: Simulation) -> Result:
    (result,) = [one for one in verify(simulation.bundle()).results if one.name == "flow.covered-garblings"]
    return result


@CHEATS
def test_the_audit_names_a_garbler_of_another_circuit(monkeypatch: pytest.MonkeyPatch, cheat: Any) -> None:
    cheat(monkeypatch, 1 - CHOSEN)
    simulation = AuditedCounting()
    result = audited(simulation)
    assert simulation.complaints and result.status is CheckStatus.FAILED
    assert NAMES[0] in result.named


def test_who_shows_no_certificate_is_named_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a garbler that followed the protocol: of another job's commitment, and of its own."""
    honest = audited(AuditedCounting())
    assert honest.status is CheckStatus.PASSED
    with monkeypatch.context() as cheating:
        smaller_group(cheating, 1 - CHOSEN)
        (of_another,) = AuditedCounting().complaints

    assert audited(AuditedCounting(lambda _: (of_another,))).named == (NAMES[1],)

    kept: list[Any] = []
    demand = covert_evaluator._Offer.demand_honest

    async def keeps(offer: Any, run: Any, committed: certificate.GarblerCommitment) -> None:
        kept.append((offer, committed))
        await demand(offer, run, committed)

    monkeypatch.setattr(covert_evaluator._Offer, "demand_honest", keeps)

    def framing(_: AuditedCounting) -> tuple[GarblingComplaint, ...]:
        offer, committed = kept[-1]
        own = {"own_seed": bytes(16), "choosing_seed": offer.choosing_seed, "answers": offer.answers}
        return (of_another.model_copy(update=own | {"payload": committed.payload}),)

    assert audited(AuditedCounting(framing)).named == (NAMES[1],)


# -------------------------------------------------------------------------------------------------- between real nodes


@pytest.mark.slow  # the tests above run both parties in one process
def test_a_node_that_garbles_another_circuit(consortium: LiveConsortium) -> None:
    """Its consumer ends the job for good and hands the audit the certificate; an honest one's job ends intact."""
    counting = consortium.offering("match-count", "aggregate", "PSI,MPC", ["north"], 3)
    north = {"address": counting.made.members["north"].address, "offer": counting.made.offers["north"], "reward": "7"}
    parameters = {**CUSTOMER, "smallest_group": 3, "protocol": "garbled", "covert": 3}
    request: dict[str, Any] = {
        "recipe": "match-count",
        "engine": "embedded",
        "parameters": parameters,
        "providers": [north],
    }
    job, result = counting.result(**request)
    assert result["report"]["count"] >= 3
    assert counting.audited(job)["verdict"] == "intact"

    with rogue(counting, "north", "other-circuit"):
        job = counting.made.begin(counting.made.request(**request))
        for who in ("north", "consumer"):
            until(lambda who=who: counting.ask(who, f"/v1/jobs/{job}").json()["ended"] == "aborted")
    answer = counting.audited(job)
    assert (answer["verdict"], answer["ending"], answer["named"]) == ("tampered", "aborted", ["Bank North"])
    assert [one["name"] for one in answer["results"] if one["status"] == "failed"] == ["flow.covered-garblings"]
