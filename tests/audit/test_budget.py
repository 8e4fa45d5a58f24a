"""Privacy budgets and noise: what was spent, what it paid for, and whether the noise is what parties are bound to."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from exploration import ASKED, BEFORE, KEPT, OFFERED, PROVIDER, QUESTIONS, SPENT, Noisy
from simulator import NAMES, START, Simulation, h

from placet.audit.bundle import bundle_pieces
from placet.audit.facts import BudgetChange, Ending
from placet.audit.findings import CheckStatus, Result
from placet.audit.outcome import Verdict
from placet.audit.sections import Sections
from placet.audit.verify import verify
from placet.cli.confined import AuditRequest, judge_here
from placet.core.hashing import canonical, commit
from placet.core.masking import public_key
from placet.core.noise_opening import NoiseOpening
from placet.core.noise_sealing import seal_noise
from placet.core.plan import Input, Terms
from placet.core.privacy import GaussianRelease
from placet.jobs.randomness import NoiseSource, noise_seed
from placet.protocols.noise import DrawnNoise


def noisy(**changes: Any) -> Noisy:
    options = changes.pop("options", {})
    return type("Changed", (Noisy,), changes)(**options)


def result(simulation: Noisy, name: str, opened: Mapping[int, NoiseOpening] | None = None) -> Result:
    report = verify(simulation.bundle(), noise=opened)
    return next(one for one in report.results if one.name == name)


def test_an_honest_job_is_intact_and_says_what_the_dataset_has_spent() -> None:
    simulation = noisy()
    report = verify(simulation.bundle(), noise=simulation.opening())
    assert report.verdict is Verdict.INTACT, report.headline
    checks = {one.name: one.status for one in report.results if one.group == "budget"}
    assert checks == {
        "budget.spent": CheckStatus.PASSED,
        "budget.given-back": CheckStatus.SKIPPED,
        "budget.noise": CheckStatus.PASSED,
        "budget.drawn": CheckStatus.PASSED,
    }
    assert any(f"spent {BEFORE + SPENT} of {KEPT} nano-rho of its dataset's" in note for note in report.notes)


def test_a_job_of_several_attempts_says_that_noise_was_drawn_in_each() -> None:
    simulation = noisy(options={"withdraw": (0,)})
    assert any("noise was drawn in 2 attempts" in note for note in verify(simulation.bundle()).notes)
    assert not any("noise was drawn" in note for note in verify(noisy().bundle()).notes)


def test_noise_that_nobody_opened_takes_nothing_away_and_is_said_to_be_a_word() -> None:
    simulation = noisy()
    told = result(simulation, "budget.drawn")
    assert (told.status, told.incomplete) == (CheckStatus.SKIPPED, False)
    assert "each party's word" in (told.reason or "")
    assert verify(simulation.bundle()).verdict is Verdict.INTACT


def test_an_auditor_who_asks_for_noise_and_is_not_shown_it_calls_the_job_incomplete() -> None:
    told = result(noisy(), "budget.drawn", {})
    assert (told.status, told.incomplete, told.named) == (CheckStatus.SKIPPED, True, ())
    assert told.reason == f"{NAMES[PROVIDER]} did not open its noise to this auditor"


def test_an_opening_that_is_not_of_the_committed_seed_is_nobodys_word() -> None:
    simulation = noisy()
    other = simulation.opening()[PROVIDER].model_copy(update={"noise": h("better noise")})
    told = result(simulation, "budget.drawn", {PROVIDER: other})
    assert (told.incomplete, told.named) == (True, ())
    assert "not what the plan commits to" in (told.reason or "")


def test_a_saved_bundle_keeps_what_was_opened_for_the_auditors_key_alone(tmp_path: Path) -> None:
    simulation = noisy()
    sealed = seal_noise(simulation.opening()[PROVIDER], public_key(h("auditor")))
    bundle, file = simulation.bundle(), tmp_path / "job.bundle"
    known = {"deployment": bundle.deployment, "trust": bundle.trust}

    def judged(**request: Any) -> tuple[Verdict, str | None]:
        report = judge_here(AuditRequest(file=str(file), **known, **request), lambda _: None)
        return report.verdict, next(one.reason for one in report.results if one.name == "budget.drawn")

    file.write_bytes(b"".join(bundle_pieces(bundle, Sections())))
    unasked = (Verdict.INTACT, result(simulation, "budget.drawn").reason)
    assert judged() == judged(secret=h("auditor")) == unasked
    assert judged(noise=(sealed,), secret=h("auditor"), save=str(file)) == (Verdict.INTACT, None)
    assert judged(secret=h("auditor")) == (Verdict.INTACT, None), "it is in the bundle now"
    assert judged() == unasked, "and sealed"
    assert judged(secret=h("a stranger"))[0] is Verdict.INCOMPLETE


class Chosen(Noisy):
    """Its numbers are the exact ones: it took noise of nothing but zeros, under a salt of its own."""

    def drawn(self) -> list[DrawnNoise]:
        return [
            DrawnNoise(one, zeros := (0,) * one.numbers, commit(h("salt"), canonical([str(zero) for zero in zeros])))
            for one in self.releases()
        ]


class AnotherBlock(Noisy):
    """It drew as often as it liked, and took what suited it."""

    def drawn(self) -> list[DrawnNoise]:
        source = NoiseSource(noise_seed(h("seed", PROVIDER)), self.job, self.attempt, h("a better block"))
        return [source.draw(release) for release in self.releases()]


class AnotherAttempt(Noisy):
    """It took the noise of another attempt, so that the difference of the two tells who left in between."""

    def drawn(self) -> list[DrawnNoise]:
        source = NoiseSource(noise_seed(h("seed", PROVIDER)), self.job, self.attempt + 1, self.opened.block_hash)
        return [source.draw(release) for release in self.releases()]


@pytest.mark.parametrize("kind", [Chosen, AnotherBlock, AnotherAttempt])
def test_a_provider_that_chose_its_noise_is_named(kind: type[Noisy]) -> None:
    simulation = kind()
    told = result(simulation, "budget.drawn", simulation.opening())
    assert (told.status, told.named) == (CheckStatus.FAILED, (NAMES[PROVIDER],))
    assert verify(simulation.bundle(), noise=simulation.opening()).verdict is Verdict.TAMPERED
    assert verify(simulation.bundle()).verdict is Verdict.INTACT, "without the opening nobody sees it"


def less_noise(self: Noisy) -> list[DrawnNoise]:
    """All as it should be, with a quarter of the variance."""
    source = NoiseSource(noise_seed(h("seed", PROVIDER)), self.job, self.attempt, self.opened.block_hash)
    quarter = (
        GaussianRelease(one.what, one.numbers, one.squared, max(4, one.variance // 4)) for one in self.releases()
    )
    return [source.draw(release) for release in quarter]


def no_noise(self: Noisy) -> tuple[dict[str, Any], dict[str, bytes]]:
    return {}, {}


def unbound(self: Noisy) -> tuple[dict[str, Any], dict[str, bytes]]:
    return Noisy.recorded_noise(self)[0], {}


def one_too_few(self: Noisy) -> list[DrawnNoise]:
    return Noisy.drawn(self)[:-1]


def one_too_many(self: Noisy) -> list[DrawnNoise]:
    return [*(drawn := Noisy.drawn(self)), drawn[0]]


def no_list(self: Noisy) -> tuple[dict[str, Any], dict[str, bytes]]:
    return {"noise": {"what": "0.count"}}, {}


@pytest.mark.parametrize(
    "changes",
    [
        {"drawn": less_noise},
        {"recorded_noise": no_noise},
        {"recorded_noise": unbound},
        {"recorded_noise": no_list},
        {"drawn": one_too_few},
        {"drawn": one_too_many},
    ],
    ids=lambda changes: next(iter(changes.values())).__name__,
)
def test_a_provider_that_recorded_other_noise_than_the_budget_pays_for_is_named(changes: dict[str, Any]) -> None:
    told = result(noisy(**changes), "budget.noise")
    assert (told.status, told.named) == (CheckStatus.FAILED, (NAMES[PROVIDER],))


def test_a_plan_that_spends_less_than_its_noise_costs_is_found_out_by_recipe_and_parameters() -> None:
    def cheap(self: Noisy, party: int) -> Input:
        return Simulation._input(self, party).model_copy(update={"budget": SPENT // 2})

    simulation = noisy(_input=cheap)
    assert result(simulation, "plan.terms").status is CheckStatus.FAILED
    assert result(simulation, "budget.spent").status is CheckStatus.FAILED


def test_other_bounds_than_the_owners_were_shown_are_a_smaller_sensitivity() -> None:
    def narrow(self: Noisy, fields: dict[str, Any]) -> Terms:
        mean = QUESTIONS[1] | {"bounds": [0, 100]}
        return Noisy.make_terms(self, fields).model_copy(
            update={"parameters": ASKED | {"questions": [QUESTIONS[0], mean]}}
        )

    assert result(noisy(make_terms=narrow), "plan.scope").status is CheckStatus.FAILED


def changed(place: int, **update: Any) -> Any:
    def budgets(self: Noisy) -> list[BudgetChange]:
        changes = Noisy.budgets(self)
        changes[place] = changes[place].model_copy(update=update)
        return changes

    return budgets


def none_spent(self: Noisy) -> list[BudgetChange]:
    return Noisy.budgets(self)[:1]


def twice(self: Noisy) -> list[BudgetChange]:
    changes = Noisy.budgets(self)
    later = changes[1].at.model_copy(update={"index": 5})
    return [*changes, changes[1].model_copy(update={"left": changes[1].left - SPENT, "at": later})]


def left_out(self: Noisy) -> list[BudgetChange]:
    """The earlier job's spending is kept from the auditor."""
    return Noisy.budgets(self)[1:]


def overdrawn(self: Noisy) -> list[BudgetChange]:
    first, own = Noisy.budgets(self)
    return [
        first.model_copy(update={"amount": KEPT, "left": 0}),
        own.model_copy(update={"left": -SPENT % 2**64}),
    ]


def out_of_order(self: Noisy) -> list[BudgetChange]:
    return list(reversed(Noisy.budgets(self)))


@pytest.mark.parametrize(
    "budgets",
    [
        none_spent,
        twice,
        left_out,
        overdrawn,
        out_of_order,
        changed(1, amount=SPENT - 1),
        changed(1, left=KEPT),
        changed(1, offer=h("another offer")),
        changed(1, dataset=h("another dataset")),
        changed(0, left=KEPT),
    ],
)
def test_spending_that_the_contracts_never_do_is_found_out(budgets: Any) -> None:
    assert result(noisy(budgets=budgets), "budget.spent").status is CheckStatus.FAILED


def test_spending_at_another_time_than_the_opening_is_found_out() -> None:
    def late(self: Noisy) -> list[BudgetChange]:
        first, own = Noisy.budgets(self)
        at = own.at.model_copy(update={"block": own.at.block + 1})
        return [first, own.model_copy(update={"at": at})]

    assert result(noisy(budgets=late), "budget.spent").status is CheckStatus.FAILED


def test_an_offer_whose_jobs_spend_more_than_its_owners_agreed_to_is_found_out() -> None:
    def under_the_same_offer(self: Noisy) -> list[BudgetChange]:
        first, own = Noisy.budgets(self)
        return [first.model_copy(update={"offer": own.offer}), own]

    assert BEFORE + SPENT > OFFERED
    assert result(noisy(budgets=under_the_same_offer), "budget.spent").status is CheckStatus.FAILED


class Unbegun(Noisy):
    """Aborted before anybody began, and given back."""

    def __init__(self) -> None:
        super().__init__(ending=Ending.ABORTED)

    def _open_tables(self) -> None:
        """Nobody begins."""

    def budgets(self) -> list[BudgetChange]:
        spent = super().budgets()
        assert self.end is not None
        at = self.end.at.model_copy(update={"index": 3})
        back = spent[1].model_copy(update={"kind": "refunded", "left": KEPT - BEFORE, "at": at})
        return [*spent, back]


class Begun(Unbegun):
    """The same, although the provider has a step on chain."""

    def _open_tables(self) -> None:
        Simulation._open_tables(self)


def test_what_nobody_began_is_given_back() -> None:
    told = result(Unbegun(), "budget.given-back")
    assert told.status is CheckStatus.PASSED, told.problems
    assert result(Unbegun(), "budget.spent").status is CheckStatus.PASSED


def test_a_budget_that_came_back_although_somebody_had_begun_names_him() -> None:
    told = result(Begun(), "budget.given-back")
    assert told.status is CheckStatus.FAILED and NAMES[PROVIDER] in told.named


class Raced(Begun):
    """The budget goes back before anybody has recorded what it did: from then on the contract takes no record."""

    def record(self, party: int, attempt: int) -> list[bytes]:
        return []


def test_who_can_record_nothing_since_the_budget_went_back_is_not_named() -> None:
    bundle = Raced().bundle()
    late = bundle.facts.head.model_copy(update={"timestamp": START + 10**6})
    report = verify(bundle.model_copy(update={"facts": bundle.facts.model_copy(update={"head": late})}))
    assert report.named == () and "trail.recorded" not in [one.name for one in report.results if one.problems]
    assert any("can record nothing" in note for note in report.notes)


@pytest.mark.parametrize(
    "update",
    [
        {"amount": SPENT - 1, "left": KEPT - BEFORE - 1},
        {"amount": SPENT + 1, "left": KEPT - BEFORE + 1},
        {"offer": h("another offer")},
    ],
)
def test_what_comes_back_is_what_was_spent(update: dict[str, Any]) -> None:
    simulation = type("Changed", (Unbegun,), {"budgets": lambda self: [
        *Unbegun.budgets(self)[:2], Unbegun.budgets(self)[2].model_copy(update=update)]})()  # fmt: skip
    assert result(simulation, "budget.given-back").status is CheckStatus.FAILED


def test_nothing_comes_back_before_the_end_or_of_a_job_that_completed() -> None:
    def early(self: Unbegun) -> list[BudgetChange]:
        changes = Unbegun.budgets(self)
        at = self.opened.at.model_copy(update={"index": 3})
        return [*changes[:2], changes[2].model_copy(update={"at": at})]

    assert result(type("Changed", (Unbegun,), {"budgets": early})(), "budget.given-back").status is CheckStatus.FAILED

    def completed(self: Noisy) -> list[BudgetChange]:
        changes = Noisy.budgets(self)
        at = self.opened.at.model_copy(update={"index": 3})
        return [*changes, changes[1].model_copy(update={"kind": "refunded", "left": KEPT - BEFORE, "at": at})]

    assert result(noisy(budgets=completed), "budget.given-back").status is CheckStatus.FAILED


def test_a_job_without_noise_has_nothing_to_check() -> None:
    report = verify(Simulation().bundle(), noise={})
    checks = [one for one in report.results if one.group == "budget"]
    assert {one.status for one in checks} == {CheckStatus.SKIPPED}
    assert not any(one.incomplete for one in checks)
