"""Stakes of a random audit: in before anybody computed, or who lacks one is named; what became of them is noted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from simulator import NAMES, Simulation, h, key

from placet.audit.case import Case
from placet.audit.facts import StakeFact
from placet.audit.outcome import AuditReport, Verdict
from placet.audit.sampling import SampledParty, sampled_parties
from placet.audit.verify import verify
from placet.core.offers import Scope
from placet.core.plan import RandomAudit, Terms
from placet.core.stakes import Fault, stake_of
from placet.core.trust import TrustList
from placet.core.values import to_hex

AUDITOR = key("auditor").address
AUDIT = RandomAudit(
    auditor=AUDITOR, key=b"\2" * 32, places=460, delay=8, token=b"\3" * 20, stake=500, beneficiary=b"\4" * 20,
    find_seconds=3600, answer_seconds=600,
)  # fmt: skip


class Staked(Simulation):
    """All three providers put their stakes up right after the opening; `late` ones after the first steps. The offers of
    `silent` ones tell owners of another auditor, or of none."""

    silent: Mapping[int, tuple[bytes, ...]] = {}
    late: tuple[int, ...] = ()
    lacking: tuple[int, ...] = ()
    reported: tuple[tuple[int, Fault, bool, str | None], ...] = ()
    """Party, what the auditor reports, whether it answers, how that ends."""

    def make_terms(self, fields: dict[str, Any]) -> Terms:
        return Terms(**fields, audit=AUDIT)

    def make_trust(self) -> TrustList:
        return super().make_trust().with_entry("auditors", {"address": to_hex(AUDITOR), "name": "Court of Audit"})

    def make_scope(self, provider: int) -> Scope:
        told = self.silent.get(provider, (AUDITOR,) if provider < self.providers else ())
        return super().make_scope(provider).model_copy(update={"auditors": told})

    def deposit(self, parties: Sequence[int], **changes: Any) -> None:
        for party in parties:
            terms = stake_of(self.plan, AUDIT.model_copy(update=changes), self.job, party)
            self.facts["stakes"].append(
                StakeFact(stake=terms.id, party=party, holder=terms.holder, amount=500, deposited=self.tick())
            )

    def _open(self) -> None:
        super()._open()
        self.deposit([p for p in range(self.providers) if p not in (*self.late, *self.lacking)])

    def _put_on_chain(self) -> None:
        super()._put_on_chain()
        self.deposit(self.late)

    def _settle(self) -> None:
        super()._settle()
        for party, fault, answers, end in self.reported:
            (place,) = [n for n, fact in enumerate(self.facts["stakes"]) if fact.party == party]
            changes: dict[str, Any] = {"fault": int(fault), "reported": self.tick(), "end": end}
            changes |= {"answered": self.tick() if answers else None, "ended": self.tick() if end else None}
            self.facts["stakes"][place] = self.facts["stakes"][place].model_copy(update=changes)


def report(simulation: Simulation) -> AuditReport:
    return verify(simulation.bundle())


def problems(found: AuditReport) -> dict[str, tuple[str, ...]]:
    return {r.name: r.named for r in found.results if r.problems}


def test_all_stakes_in_time_are_intact() -> None:
    simulation = Staked()
    outcome = report(simulation)
    assert outcome.verdict is Verdict.INTACT
    block = simulation.sealed.at.block + 8
    note = f"random audit: block {block} draws up to 460 places of each of 3 parties for Court of Audit"
    assert note in outcome.notes


@pytest.mark.parametrize("silent", [{1: ()}, {0: (), 2: (key("signer", 0).address,)}], ids=["none", "another"])
def test_who_agreed_to_an_auditor_whom_its_offer_does_not_name_is_named(
    silent: Mapping[int, tuple[bytes, ...]],
) -> None:
    """Its node agreed, its vault handed the rows out and the stakes were in: the offers that owners signed convict."""
    outcome = report(type("Silent", (Staked,), {"silent": silent})())
    assert outcome.verdict is Verdict.TAMPERED
    assert problems(outcome) == {"plan.scope": tuple(NAMES[number] for number in silent)}
    (found,) = [r for r in outcome.results if r.name == "plan.scope"]
    assert {problem.found for problem in found.problems} == {to_hex(AUDITOR)}


def test_a_job_without_audit_has_nothing_to_check() -> None:
    (result,) = [r for r in report(Simulation()).results if r.name == "stakes.in"]
    assert result.reason == "the plan names no audit with stakes"


@pytest.mark.parametrize("fault", ["late", "lacking"])
def test_who_lacks_a_stake_is_named(fault: str) -> None:
    outcome = report(type("Faulty", (Staked,), {fault: (1,)})())
    assert outcome.verdict is Verdict.TAMPERED
    assert problems(outcome) == {"stakes.in": (NAMES[1],)}


@pytest.mark.parametrize("changes", [{"stake": 499}, {"find_seconds": 60}, {"auditor": b"\7" * 20}])
def test_a_stake_under_other_terms_is_none(changes: dict[str, Any]) -> None:
    class Cheaper(Staked):
        def _open(self) -> None:
            super()._open()
            self.deposit((2,), **changes)

    Cheaper.lacking = (2,)
    assert problems(report(Cheaper())) == {"stakes.in": (NAMES[2],)}


def test_a_provider_excuses_no_drawn_row_by_revoking_its_consent() -> None:
    """It sees the draw first, and may revoke any consent of its offer: as many rows as it has false places would be
    over. What an owner ends is over."""
    owners, revoked, earlier = h("owner's"), h("revoked"), h("revoked before")

    class Excuses(Staked):
        def _seal(self) -> None:
            self.withdraw(0, earlier, kind="revoked")
            super()._seal()

        def _settle(self) -> None:
            self.withdraw(0, owners)
            self.withdraw(0, revoked, kind="revoked")
            super()._settle()

    known = sampled_parties(Case(Excuses().bundle()))[0]
    assert isinstance(known, SampledParty)
    assert set(known.ended) == {owners, earlier}


def test_what_became_of_stakes_is_noted() -> None:
    class Reported(Staked):
        reported = (
            (0, Fault.FALSE_OPENING, True, "slashed"),
            (1, Fault.REFUSED, False, "slashed"),
            (2, Fault.REFUSED, True, None),
        )

    outcome = report(Reported())
    assert outcome.verdict is Verdict.INTACT
    assert {
        f"{NAMES[0]}: the auditor reports a false opening, it answered, and the stake is lost",
        f"{NAMES[1]}: the auditor reports that its places were not opened, and the stake is lost",
        f"{NAMES[2]}: the auditor reports that its places were not opened, it answered, which is not decided yet",
    } <= set(outcome.notes)
