"""Honest jobs, however they end, are intact; what could not be had makes them incomplete."""

from __future__ import annotations

import pytest
from simulator import NAMES, Simulation, h

from placet.audit.bundle import parse_bundle
from placet.audit.facts import Ending
from placet.audit.findings import CheckStatus
from placet.audit.outcome import Verdict
from placet.audit.verify import CHECKS, verify
from placet.core.errors import InputError, LimitError
from placet.core.hashing import canonical

JOBS = {
    "completed": {},
    "amended": {"withdraw": (1,)},
    "amended by three": {"withdraw": (0, 2, 3)},
    "aborted": {"ending": Ending.ABORTED},
    "closed": {"ending": Ending.CLOSED, "withholds": (1,)},
    "closed by nobody's key": {"ending": Ending.CLOSED, "withholds": (0, 1, 2)},
    "many people": {"people": 60},
}


@pytest.mark.parametrize("job", JOBS)
def test_intact(job: str) -> None:
    report = verify(Simulation(**JOBS[job]).bundle())
    assert [r for r in report.results if r.status in (CheckStatus.FAILED, CheckStatus.DISPUTED) or r.incomplete] == []
    assert report.verdict is Verdict.INTACT
    assert report.named == report.disputed == ()


def test_every_check_looks_at_something() -> None:
    report = verify(Simulation(withdraw=(1,)).bundle())
    assert [r.name for r in report.results] == [c.name for c in CHECKS]
    assert len({c.name for c in CHECKS}) == len(CHECKS)
    without = {r.name: r.reason for r in report.results if r.status is not CheckStatus.PASSED or not r.looked_at}
    assert without == {
        **{c.name: "no enclave in this job" for c in CHECKS if c.group == "enclave"},
        **{c.name: "the bundle holds no headers and receipts" for c in CHECKS if c.group == "proof"},
        "plan.standing": "a plan of its own, no opening of a standing plan",
        "trail.starts": "nobody had to say what it starts from: nothing is disclosed before the release",
        "flow.sums": "the job adds nothing up in secret",
        "flow.covered-garblings": "the plan has no garblings opened",
        "budget.spent": "the job spends no privacy budget",
        "budget.given-back": "nothing was given back",
        "budget.noise": "the job adds no noise",
        "budget.drawn": "the job adds no noise",
        "model.facts": "the job uses no model",
        "model.lineage": "the job uses no model",
        "model.made": "nobody registered a model of this job",
        "model.card": "nobody registered a model of this job",
        "model.handed-out": "no model left this job in clear",
        "stakes.in": "the plan names no audit with stakes",
        "retention.deleted": "the terms name no data life",
    }
    assert all(c.rule and c.title for c in CHECKS)


def test_whoever_withheld_is_told_but_nothing_is_tampered() -> None:
    report = verify(Simulation(ending=Ending.CLOSED, withholds=(1,)).bundle())
    assert f"{NAMES[1]} withheld its key" in report.notes
    assert NAMES[1] in report.ended


@pytest.mark.parametrize(("people", "blocks"), [((1,), 5), ((0, 2, 3), 7)])
def test_how_long_a_withdrawal_took_to_bite_is_told(people: tuple[int, ...], blocks: int) -> None:
    """Counted from the first one; in between each of the four parties recorded its one step."""
    simulation = Simulation(withdraw=people)
    first, amended = simulation.facts["withdrawn"][0].at.block, simulation.facts["amended"][0].at.block
    told = f"withdrawn in block {first}, attempt 2 from block {amended}: {blocks} blocks, 4 steps"
    assert [note for note in verify(simulation.bundle()).notes if "withdrawn" in note] == [told]


def test_a_withdrawal_of_somebody_else_delays_nothing() -> None:
    class Stranger(Simulation):
        def _open_tables(self) -> None:
            self.withdraw(0, h("stranger", self.attempt), proven=False)
            super()._open_tables()

    told = [note for note in verify(Stranger(withdraw=(1,)).bundle()).notes if "withdrawn" in note]
    assert len(told) == 1 and told[0].endswith(": 5 blocks, 4 steps")


def test_the_aborter_is_told() -> None:
    assert NAMES[1] in verify(Simulation(ending=Ending.ABORTED).bundle()).ended


@pytest.mark.parametrize("missing", [(0,), (3,), (1, 2), (0, 1, 2, 3)])
def test_missing_evidence_is_never_intact(missing: tuple[int, ...]) -> None:
    report = verify(Simulation().bundle(without=missing))
    assert report.verdict is Verdict.INCOMPLETE
    assert any(NAMES[missing[0]] in (r.reason or "") for r in report.results)
    assert not report.named


def test_no_evidence_entries_at_all() -> None:
    bundle = Simulation().bundle().model_copy(update={"evidence": ()})
    assert verify(bundle).verdict is Verdict.INCOMPLETE


def test_a_bundle_survives_its_file() -> None:
    bundle = Simulation(withdraw=(1,)).bundle()
    again = parse_bundle(canonical(bundle.to_json()))
    assert again == bundle
    assert verify(again) == verify(bundle)


@pytest.mark.parametrize("raw", [b"", b"{}", b"[]", b"null", b'{"type": "placet.bundle"}', b"\xff", b"[" * 100_000])
def test_a_bad_file_is_refused(raw: bytes) -> None:
    with pytest.raises(InputError):
        parse_bundle(raw)


def test_an_entry_is_evidence_or_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = Simulation().bundle().to_json()
    plain["evidence"][0]["missing"] = "both"
    with pytest.raises(InputError):
        parse_bundle(canonical(plain))
    monkeypatch.setattr("placet.audit.bundle.MAX_BUNDLE", 10)
    with pytest.raises(LimitError):
        parse_bundle(canonical(Simulation().bundle().to_json()))
