"""Evidence, plans and standing plans."""

from __future__ import annotations

from typing import Any

from simulator import START, Simulation, h

from malicious.lies import B, evidence_of, malicious, other, with_facts
from placet.audit.bundle import Bundle
from placet.audit.facts import Ending
from placet.core.eip712 import STANDING
from placet.core.evidence import Evidence, SignedStanding
from placet.core.offers import Subjects
from placet.core.plan import OpeningRef, Plan, Terms
from placet.core.standing import Fixed, StandingPlan, fixed_of


@malicious("evidence.signed")
def evidence_changed_on_its_way() -> Bundle:
    bundle = Simulation().bundle()
    first, *rest = bundle.evidence
    assert first.evidence is not None
    forged = first.evidence.model_copy(update={"signature": other(first.evidence.signature)})
    return bundle.model_copy(update={"evidence": (first.model_copy(update={"evidence": forged}), *rest)})


@malicious("evidence.signed", B)
def evidence_about_another_job() -> Bundle:
    simulation = Simulation()
    return simulation.bundle(evidence_of(simulation, 1, job=h("another job")))


@malicious("evidence.signed", B)
def another_plan_under_the_own_signature() -> Bundle:
    simulation = Simulation()
    return simulation.bundle(evidence_of(simulation, 1, plan=simulation.plan.model_copy(update={"salt": h("x")})))


@malicious("plan.id")
def no_evidence_shows_the_plan() -> Bundle:
    bundle = Simulation(ending=Ending.ABORTED).bundle()
    facts = bundle.facts.model_copy(update={"job": h("x"), "recorded": ()})
    return bundle.model_copy(update={"job": h("x"), "facts": facts})


@malicious("plan.signed", B)
def a_false_signature_under_the_plan() -> Bundle:
    simulation = Simulation()
    first, *rest = simulation.evidence(1).plan_signatures
    return simulation.bundle(evidence_of(simulation, 1, plan_signatures=(other(first), *rest)))


@malicious("plan.signed")
def a_party_that_never_signed_the_plan() -> Bundle:
    simulation = Simulation()
    told = [
        evidence_of(simulation, p, plan_signatures=(b"", *simulation.evidence(p).plan_signatures[1:])) for p in range(4)
    ]
    return simulation.bundle(*told)


@malicious("plan.terms", B)
def other_terms() -> Bundle:
    simulation = Simulation()
    return simulation.bundle(
        evidence_of(simulation, 1, terms=Terms(**simulation.terms.model_dump() | {"engine": "other"}))
    )


class Standing(Simulation):
    """The job is an opening of a standing plan: `bounds` of it, and how the job's own plan differs from it."""

    bounds: dict[str, Any] = {"openings": 2, "not_before": START - 100, "not_after": START + 900}  # noqa: RUF012
    number = 0

    def make_terms(self, fields: dict[str, Any]) -> Terms:
        self._terms = Terms(**fields)
        return self._terms

    def make_plan(self, fields: dict[str, Any]) -> Plan:
        plan = Plan(**fields)
        self.standing_plan = StandingPlan(**self.agreed(fixed_of(plan, self._terms)), salt=h("standing"))
        opening = OpeningRef(plan=self.standing_plan.hash, number=self.number)
        self._terms = self._terms.model_copy(update={"standing": opening})
        return plan.model_copy(update={"terms": self._terms.hash})

    def agreed(self, fixed: Fixed) -> dict[str, Any]:
        return {"fixed": fixed, **self.bounds}

    def _agree(self) -> tuple[Plan, Terms]:
        plan, _ = super()._agree()
        return plan, self._terms

    def signatures(self) -> tuple[bytes, ...]:
        signers = [*self.signers[: self.providers + 1], *[self.signers[self.consumer]] * 2]
        plan = self.standing_plan
        return self.signed(signers, STANDING.of(plan.hash, plan.openings, plan.not_before, plan.not_after))

    def evidence(self, party: int) -> Evidence:
        shown = SignedStanding(plan=self.standing_plan, signatures=self.signatures())
        return super().evidence(party).model_copy(update={"standing": shown})


@malicious("plan.standing")
def an_opening_beyond_the_count() -> Bundle:
    class Beyond(Standing):
        number = 2

    return Beyond().bundle()


@malicious("plan.standing")
def an_opening_after_the_window() -> Bundle:
    class After(Standing):
        bounds = Standing.bounds | {"not_after": START - 50}

    return After().bundle()


@malicious("plan.standing")
def an_opening_before_the_window() -> Bundle:
    class Before(Standing):
        bounds = Standing.bounds | {"not_before": START + 800}

    return Before().bundle()


@malicious("plan.standing")
def an_opening_that_pays_otherwise() -> Bundle:
    class Cheap(Standing):
        def agreed(self, fixed: Fixed) -> dict[str, Any]:
            first = fixed.parties[0].model_copy(update={"reward": 1})
            return super().agreed(fixed.model_copy(update={"parties": (first, *fixed.parties[1:])}))

    return Cheap().bundle()


@malicious("plan.standing")
def a_party_that_never_signed_the_standing_plan() -> Bundle:
    class Unsigned(Standing):
        def signatures(self) -> tuple[bytes, ...]:
            return (b"", *super().signatures()[1:])

    return Unsigned().bundle()


@malicious("plan.standing", B)
def a_false_signature_under_the_standing_plan() -> Bundle:
    simulation = Standing()
    first, *rest = simulation.signatures()
    shown = SignedStanding(plan=simulation.standing_plan, signatures=(other(first), *rest))
    return simulation.bundle(evidence_of(simulation, 1, standing=shown))


@malicious("plan.standing", B)
def another_standing_plan() -> Bundle:
    simulation = Standing()
    longer = simulation.standing_plan.model_copy(update={"openings": 9})
    shown = SignedStanding(plan=longer, signatures=simulation.signatures())
    return simulation.bundle(evidence_of(simulation, 1, standing=shown))


@malicious("plan.opened")
def opened_with_other_terms() -> Bundle:
    simulation = Simulation()
    return with_facts(simulation, opened=simulation.opened.model_copy(update={"terms": h("x")}))


@malicious("plan.offers", B)
def an_operation_that_was_not_offered() -> Bundle:
    class Narrow(Simulation):
        def make_offer(self, provider: int, scope: Any) -> Any:
            made = super().make_offer(provider, scope)
            return made.model_copy(update={"operations": 2}) if provider == 1 else made

    return Narrow().bundle()


@malicious("plan.scope", B)
def a_recipe_outside_the_scope() -> Bundle:
    class Narrow(Simulation):
        def make_scope(self, provider: int) -> Any:
            made = super().make_scope(provider)
            return made.model_copy(update={"recipes": ("other",)}) if provider == 1 else made

    return Narrow().bundle()


@malicious("plan.scope", B)
def a_party_outside_the_scope() -> Bundle:
    class Narrow(Simulation):
        def make_scope(self, provider: int) -> Any:
            made = super().make_scope(provider)
            return made.model_copy(update={"parties": made.parties[:2]}) if provider == 1 else made

    return Narrow().bundle()


@malicious("plan.scope", B)
def persons_rows_offered_as_the_institutions_own() -> Bundle:
    class Persons(Simulation):
        def subjects(self, provider: int) -> Subjects:
            return Subjects.OWN if provider == 1 else super().subjects(provider)

    return Persons().bundle()
