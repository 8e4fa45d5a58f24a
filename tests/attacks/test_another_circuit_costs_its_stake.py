"""Publicly verifiable covert security with something to lose: a provider that garbles another circuit loses its stake
by the certificate of who caught it; nobody loses one by a certificate that shows nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.attacks.liars import STAKE, rogue, staking
from tests.attacks.test_a_garbler_of_another_circuit_is_named import CHOSEN, AuditedCounting, smaller_group
from tests.audit.simulator import NAMES

from declaring import CUSTOMER
from follow import until
from garbling import IdealTransfers
from live import LiveConsortium
from placet.audit.facts import StakeFact
from placet.audit.garbling import demand_convincing
from placet.audit.verify import verify
from placet.catalogue.declared import declared_terms
from placet.core.certificates import GarblingCertificate, GarblingFinding
from placet.core.errors import PlanError, ProtocolError
from placet.core.findings import SignedFinding
from placet.core.garbling import COMMITTED
from placet.core.plan import GarblingAudit, RandomAudit, Terms
from placet.core.signatures import Key, Verifiers
from placet.core.stakes import Fault, stake_of
from placet.core.values import from_hex, parse, to_hex
from placet.protocols.garbled import covert_evaluator

ANSWER = 1800


@pytest.fixture(scope="module")
def caught() -> Any:
    """A job in which the provider's other circuit was opened, and the certificate of it."""
    with pytest.MonkeyPatch.context() as patched:
        IdealTransfers(patched)
        patched.setattr(covert_evaluator, "drawn_choice", lambda entropy, garblings: garblings - 1)
        smaller_group(patched, 1 - CHOSEN)
        simulation = AuditedCounting()
        (complaint,) = simulation.complaints
        (committed,) = [one for one in simulation.evidence(1).received if one.message.tag == COMMITTED]
    shown = GarblingCertificate(plan=simulation.plan, terms=simulation.terms, committed=committed, complaint=complaint)
    return simulation, shown


@pytest.fixture(autouse=True)
def transfers(monkeypatch: pytest.MonkeyPatch) -> None:
    IdealTransfers(monkeypatch)


def judge(simulation: AuditedCounting, shown: GarblingCertificate) -> int:
    whole = demand_convincing(shown, simulation.job, simulation.deployment.jobs, Verifiers())
    assert whole.garbler is not None
    return whole.garbler


def test_a_certificate_convinces_by_itself(caught: Any) -> None:
    """Whoever has it needs no bundle, no chain and no node, but the ledger's address."""
    simulation, shown = caught
    assert judge(simulation, parse(GarblingCertificate, shown.model_dump_json().encode(), what="certificate")) == 0


def test_nobody_is_accused_by_what_it_did_not_sign(caught: Any) -> None:
    """Another's signature; another tag, attempt, receiver or job; other words than those that it signed."""
    simulation, shown = caught
    message = shown.committed.message

    def refused(certificate: GarblingCertificate) -> None:
        with pytest.raises(ProtocolError) as refusal:
            judge(simulation, certificate)
        assert refusal.value.code == "garbled.certificate"

    def said(key: Any, **changes: Any) -> GarblingCertificate:
        other = message.model_copy(update=changes)
        signature = key.sign(simulation.deployment.jobs.digest(other.hash))
        signed = shown.committed.model_copy(update={"message": other, "signature": signature})
        return GarblingCertificate(**dict(shown) | {"committed": signed})

    accused = simulation.recorders[0]
    assert judge(simulation, said(accused)) == 0
    refused(said(simulation.recorders[1]))
    refused(said(Key()))
    changes: list[dict[str, Any]] = [
        {"tag": "garbled.pads"}, {"attempt": 2}, {"receiver": 0}, {"sender": 1}, {"job": bytes(32)},
        {"digest": bytes(32)},
    ]  # fmt: skip
    for one in changes:
        refused(said(accused, **one))
    words = shown.complaint.model_copy(update={"payload": bytes(8) + shown.complaint.payload[8:]})
    refused(GarblingCertificate(**dict(shown) | {"complaint": words}))
    seeds = shown.complaint.model_copy(update={"choosing_seed": bytes(16)})
    refused(GarblingCertificate(**dict(shown) | {"complaint": seeds}))
    refused(GarblingCertificate(**dict(shown) | {"complaint": shown.complaint.model_copy(update={"accused": 1})}))


def test_another_jobs_plan_or_terms_accuse_nobody(caught: Any) -> None:
    simulation, shown = caught
    other = simulation.plan.model_copy(update={"salt": bytes(31) + b"\1"})
    with pytest.raises(ProtocolError):
        judge(simulation, GarblingCertificate(**dict(shown) | {"plan": other}))
    easier = simulation.terms.model_copy(update={"parameters": {**simulation.terms.parameters, "smallest_group": 2}})
    with pytest.raises(PlanError):
        judge(simulation, GarblingCertificate(**dict(shown) | {"terms": easier}))


def test_an_honest_garbler_is_accused_of_nothing(caught: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the true seeds of an honest run, and its true commitment."""
    _, shown = caught
    offers: list[Any] = []
    demand = covert_evaluator._Offer.demand_honest

    async def keeps(offer: Any, run: Any, committed: Any) -> None:
        offers.append((offer, committed))
        await demand(offer, run, committed)

    monkeypatch.setattr(covert_evaluator._Offer, "demand_honest", keeps)
    simulation = AuditedCounting()
    ((offer, committed),) = offers
    index = 1 - offer.choice
    complaint = shown.complaint.model_copy(
        update={
            "index": index, "choice": offer.choice, "choosing_seed": offer.choosing_seed,
            "own_seed": offer.own_seeds[index], "answers": offer.answers, "payload": committed.payload,
        }
    )  # fmt: skip
    (signed,) = [one for one in simulation.evidence(1).received if one.message.tag == COMMITTED]
    certificate = GarblingCertificate(
        plan=simulation.plan, terms=simulation.terms, committed=signed, complaint=complaint
    )
    with pytest.raises(ProtocolError) as refusal:
        judge(simulation, certificate)
    assert refusal.value.found == "the plan's circuit", "all else of it is right"


# ------------------------------------------------------------------------------------------------------- the stake


AUDIT = GarblingAudit(
    auditor=b"\1" * 20, token=b"\3" * 20, stake=500, beneficiary=b"\4" * 20, find_seconds=3600, answer_seconds=600
)


class StakedCounting(AuditedCounting):
    """Its garbler stakes, or, by `lacking`, does not; in the end the stake is lost."""

    lacking = False

    def make_terms(self, fields: dict[str, Any]) -> Terms:
        return Terms(**dict(super().make_terms(fields)) | {"garbling": AUDIT})

    def _open(self) -> None:
        super()._open()
        if not self.lacking:
            terms = stake_of(self.plan, AUDIT, self.job, 0)
            fault = {"fault": int(Fault.OTHER_CIRCUIT), "reported": self.tick(), "end": "slashed", "ended": self.tick()}
            self.facts["stakes"].append(
                StakeFact(stake=terms.id, party=0, holder=terms.holder, amount=500, deposited=self.tick(), **fault)
            )


def test_the_audit_tells_what_became_of_the_stake() -> None:
    report = verify(StakedCounting().bundle())
    assert f"{NAMES[0]}: the auditor reports that it garbled another circuit, and the stake is lost" in report.notes
    assert any(note.startswith("a stake lies on the garblings") for note in report.notes)


def test_who_computes_without_its_stake_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also by a stake for drawn places: that is another one."""
    monkeypatch.setattr(StakedCounting, "lacking", True)
    (result,) = [one for one in verify(StakedCounting().bundle()).results if one.name == "stakes.in"]
    assert result.named == (NAMES[0],)


def test_no_plan_puts_a_stake_on_garblings_that_nobody_opens(caught: Any) -> None:
    """Nor a random audit on a job in which nobody commits to values."""
    simulation, shown = caught
    signers = [one.signer for one in simulation.plan.parties]

    def refused(terms: Terms) -> None:
        with pytest.raises(PlanError) as refusal:
            declared_terms(terms, signers, simulation.plan.consumer)
        assert refusal.value.code == "plan.audit"

    uncovered = {name: value for name, value in shown.terms.parameters.items() if name != "covert"}
    fields = {name: getattr(shown.terms, name) for name in Terms.model_fields}
    assert declared_terms(Terms(**fields | {"garbling": AUDIT}), signers, simulation.plan.consumer).staking == (0,)
    refused(Terms(**fields | {"garbling": AUDIT, "parameters": uncovered}))
    drawn = RandomAudit(**dict(AUDIT), key=bytes(32), places=1, delay=1)
    refused(Terms(**fields | {"audit": drawn}))
    refused(Terms(**fields | {"audit": drawn, "garbling": AUDIT}))


# -------------------------------------------------------------------------------------------------- between real nodes


@pytest.mark.slow  # the tests above judge certificates, contracts/test slashes, by default
def test_another_circuit_costs_the_stake(consortium: LiveConsortium) -> None:
    """The consumer hands its certificate to the auditor, who signs; the provider answers, he upholds."""
    counting = consortium.offering("match-count", "aggregate", "PSI,MPC", ["north"], 3)
    made, chain, auditor = counting.made, counting.chain, counting.auditor
    north = {"address": made.members["north"].address, "offer": made.offers["north"]}
    request: dict[str, Any] = {
        "recipe": "match-count",
        "engine": "embedded",
        "parameters": {**CUSTOMER, "smallest_group": 3, "protocol": "garbled", "covert": 2},
        "providers": [north],
        "token": "0x" + "00" * 20,
        "audit": {
            "auditor": to_hex(auditor.address), "token": made.token, "stake": str(STAKE), "find_seconds": 3600,
            "answer_seconds": ANSWER,
        },
    }  # fmt: skip

    def audit(*words: object, accept: int) -> str:
        chosen = ("--url", made.chain.url, "--deployment", "deployment.json", "--trust", "trust.json")
        return made.run("audit", "certificate", job, *chosen, *words, accept=(accept,))

    def at(who: str, name: str, *words: object) -> str:
        return made.run("job", name, job, "--config", f"{who}/node.toml", *words)

    def stake() -> dict[str, Any]:
        (one,) = json.loads(at("consumer", "stakes", "--json"))
        return dict(one)

    with staking(counting, who=["north"]):
        with rogue(counting, "north", "other-circuit"):
            job = made.begin(made.request(**request))
            for who in ("north", "consumer"):
                until(lambda who=who: counting.ask(who, f"/v1/jobs/{job}").json()["ended"] == "aborted")
        at("consumer", "stakes", "--settle")
        assert stake()["status"] == "held", "a cheat ends a job unsealed too"
        path = f"/v1/jobs/{job}/certificate"
        assert counting.ask("consumer", path, **counting.signed(Key(), path, "consumer")).status_code == 403
        assert counting.ask("north", path, **made.members["north"].authorization).status_code == 404
        at("consumer", "certificate", "--out", "certificate.json")
        assert "Bank North" in audit("--file", "certificate.json", accept=3), "anybody is convinced"
        audit("--key", "auditor.json", "--out", "finding.json", "--report", accept=3)
        assert (stake()["status"], stake()["fault"]) == ("reported", "other-circuit")
        signed = parse(SignedFinding, (made.folder / "finding.json").read_bytes(), what="finding")
        assert isinstance(signed.finding, GarblingFinding) and not signed.upholds
        with pytest.raises(RuntimeError, match="the certificate in the finding is right"):
            at("north", "answer", "--finding", "finding.json", "--out", "answer.json")
        at("north", "answer", "--out", "answer.json")
        assert json.loads((made.folder / "answer.json").read_text())["finding"] is None
        assert stake()["status"] == "answered"
        audit("--file", "certificate.json", "--key", "auditor.json", "--out", "upheld.json", accept=3)
        at("consumer", "report", "--file", "upheld.json")
        assert stake()["status"] == "slashed"
        token, consumer = from_hex(made.token), from_hex(made.members["consumer"].address)
        purse = chain.balance_of(token, consumer)
        at("consumer", "stakes", "--settle")
        assert chain.balance_of(token, consumer) == purse + STAKE
    report = counting.audited(job)
    assert (report["verdict"], report["named"]) == ("tampered", ["Bank North"])
    assert (
        "Bank North: the auditor reports that it garbled another circuit, it answered, and the stake is lost"
        in (report["notes"])
    )
