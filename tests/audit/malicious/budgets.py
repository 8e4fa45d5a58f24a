"""Privacy budgets that were not kept, and noise that was none."""

from __future__ import annotations

from typing import Any

from exploration import ASKED, QUESTIONS, SPENT, Noisy
from simulator import Simulation
from test_budget import (
    AnotherAttempt,
    AnotherBlock,
    Begun,
    Chosen,
    Unbegun,
    changed,
    left_out,
    less_noise,
    no_noise,
    noisy,
    none_spent,
    one_too_many,
    unbound,
)

from malicious.lies import A, B, Told, malicious
from placet.audit.bundle import Bundle
from placet.core.plan import Input, Terms


@malicious("budget.spent")
def an_opening_that_spent_nothing() -> Bundle:
    return noisy(budgets=none_spent).bundle()


@malicious("budget.spent")
def an_opening_that_spent_less_than_the_plan_says() -> Bundle:
    return noisy(budgets=changed(1, amount=SPENT - 1)).bundle()


@malicious("budget.spent")
def an_earlier_jobs_spending_that_is_kept_from_the_auditor() -> Bundle:
    return noisy(budgets=left_out).bundle()


@malicious("plan.terms", A, B, also=("plan.scope", "budget.spent"))
def a_plan_that_spends_less_than_its_noise_costs() -> Bundle:
    def cheap(self: Noisy, party: int) -> Input:
        return Simulation._input(self, party).model_copy(update={"budget": SPENT // 2})

    return noisy(_input=cheap).bundle()


@malicious("plan.scope", A, also=("budget.noise",))
def narrower_bounds_than_the_owners_were_shown() -> Bundle:
    def narrow(self: Noisy, fields: dict[str, Any]) -> Terms:
        questions = [QUESTIONS[0], QUESTIONS[1] | {"bounds": [0, 100]}]
        return Noisy.make_terms(self, fields).model_copy(update={"parameters": ASKED | {"questions": questions}})

    return noisy(make_terms=narrow).bundle()


@malicious("budget.given-back", A)
def a_budget_that_came_back_although_somebody_had_begun() -> Bundle:
    return Begun().bundle()


@malicious("budget.given-back")
def less_budget_back_than_was_spent() -> Bundle:
    class Less(Unbegun):
        def budgets(self) -> Any:
            *spent, back = super().budgets()
            return [*spent, back.model_copy(update={"amount": SPENT - 1, "left": back.left - 1})]

    return Less().bundle()


@malicious("budget.noise", A)
def less_noise_than_the_budget_pays_for() -> Bundle:
    return noisy(drawn=less_noise).bundle()


@malicious("budget.noise", A)
def no_noise_at_all() -> Bundle:
    return noisy(recorded_noise=no_noise).bundle()


@malicious("budget.noise", A)
def noise_that_the_step_does_not_commit_to() -> Bundle:
    return noisy(recorded_noise=unbound).bundle()


@malicious("budget.noise", A)
def noise_that_was_drawn_twice() -> Bundle:
    return noisy(drawn=one_too_many).bundle()


def _opened(simulation: Noisy) -> Told:
    """Without the opening nobody sees it."""
    return Told(simulation.bundle(), noise=simulation.opening())


@malicious("budget.drawn", A)
def noise_of_nothing_but_zeros() -> Told:
    return _opened(Chosen())


@malicious("budget.drawn", A)
def noise_that_was_drawn_until_it_suited() -> Told:
    return _opened(AnotherBlock())


@malicious("budget.drawn", A)
def noise_of_another_attempt() -> Told:
    return _opened(AnotherAttempt())
