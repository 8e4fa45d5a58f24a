"""What a plan and its terms declare, held against the catalogue: the same for who signs, serves and audits it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypedDict, Unpack

from placet.catalogue.circuit_psi import GARBLER, CircuitParameters
from placet.catalogue.spec import CONSUMER, MODEL_COLUMNS, P, RecipeParameters, RecipeSpec, Role
from placet.catalogue.specs import spec_of
from placet.core.errors import PlanError
from placet.core.hashing import canonical
from placet.core.ids import JobId
from placet.core.lawful import Aligns, Use
from placet.core.model_table import MODEL_TABLE
from placet.core.offers import Subjects
from placet.core.plan import Plan, Terms, demand_fit
from placet.core.stakes import StakeTerms, stake_of
from placet.models.contribution import Division


class PlannedUse(TypedDict):
    """What of a `Use` the plan says, or will say."""

    provider: bytes
    consumer: bytes
    parties: tuple[bytes, ...]
    purpose: bytes
    operations: int
    named: bool
    data_life: int | None


def auditor_of(terms: Terms) -> bytes | None:
    """To whom a random audit opens drawn rows; None where the terms name no audit."""
    return None if terms.audit is None else terms.audit.auditor


@dataclass(frozen=True, slots=True)
class DeclaredTerms:
    """Terms that are a recipe's. `parameters` are of the recipe's own type, `seats` the parties' roles."""

    terms: Terms
    spec: RecipeSpec[Any]
    parameters: RecipeParameters
    seats: tuple[Role, ...]

    @property
    def division(self) -> Division | None:
        """How the seal divides the pot; None where the recipe takes none."""
        return self.spec.pays(self.parameters, self.terms.roles)

    @property
    def sampled(self) -> dict[int, str]:
        """The column whose values a random audit draws, of each party that is a part of it, by number."""
        columns = {party: self.spec.samples(role, self.parameters) for party, role in enumerate(self.terms.roles)}
        return {party: column for party, column in columns.items() if column is not None}

    @property
    def garbler(self) -> int | None:
        """Number of the party whose garblings are opened; None where the plan has none opened."""
        return self.terms.roles.index(GARBLER) if opens_garblings(self.parameters) else None

    @property
    def staking(self) -> tuple[int, ...]:
        """Numbers of the parties that put up stakes."""
        if self.terms.garbling is not None and self.garbler is not None:
            return (self.garbler,)
        return () if self.terms.audit is None else tuple(self.sampled)


@dataclass(frozen=True, slots=True)
class DeclaredJob(DeclaredTerms):
    """A plan whose terms are a recipe's."""

    plan: Plan

    def stakes(self, job: JobId) -> dict[int, StakeTerms]:
        """What each party that stakes puts up, by its number; `job` is this plan's."""
        audit = self.terms.staked
        return {} if audit is None else {party: stake_of(self.plan, audit, job, party) for party in self.staking}

    def use(self, number: int) -> Use:
        """What the job does with an input, by its number among all of the plan's."""
        party = next(i for i in reversed(range(len(self.plan.parties))) if self.plan.input_offset(i) <= number)
        return use_of(
            self.spec,
            self.parameters,
            self.terms.roles[party],
            self.terms.inputs[number],
            auditor_of(self.terms),
            provider=self.plan.parties[party].signer,
            consumer=self.plan.consumer,
            parties=tuple(one.signer for one in self.plan.parties),
            purpose=self.plan.purpose,
            operations=self.plan.operations,
            named=self.plan.inputs[number].named,
            data_life=self.terms.data_life,
        )


def opens_garblings(parameters: RecipeParameters) -> bool:
    """Does somebody garble, who opens all garblings but one?"""
    return isinstance(parameters, CircuitParameters) and parameters.covert is not None


def use_of(
    spec: RecipeSpec[P],
    parameters: P,
    role: str,
    alias: str,
    auditor: bytes | None,
    **of_the_plan: Unpack[PlannedUse],
) -> Use:
    """What a job of a recipe does with an input of a role. PlanError for a role or an input that it does not have.
    `auditor`: the terms'."""
    seat, tells = spec.role(role), spec.tells(parameters)
    subjects, model = seat.input(alias).subjects, spec.model(parameters)
    if subjects is Subjects.MODEL:  # nobody's rows: none to align, add up or show
        trained_here = model is None  # by no job, so it is the institution's own
        return Use(
            recipe=spec.name,
            columns=MODEL_TABLE if trained_here else MODEL_COLUMNS,
            aligns=Aligns(),
            amounts=(),
            tells=tells,
            subjects=Subjects.OWN if trained_here else subjects,
            model=model,
            **of_the_plan,
        )
    return Use(
        recipe=spec.name,
        columns=tuple(dict.fromkeys(spec.reads(seat.name, parameters))),
        aligns=spec.aligns(parameters),
        amounts=spec.amounts(seat.name, parameters),
        tells=tells,
        subjects=subjects,
        shown=seat.name in tells.shows,
        bounds=spec.bounds(seat.name, parameters),
        spends=spec.spends(seat.name, parameters),
        auditor=None if spec.samples(seat.name, parameters) is None else auditor,
        **of_the_plan,
    )


def declared_terms(terms: Terms, parties: Sequence[bytes], consumer: bytes) -> DeclaredTerms:
    """What can be said of a job before there is a plan, by its parties' signers in the plan's order. PlanError unless
    version, withdrawal, engine, parameters, roles and inputs are what the catalogue says."""
    spec = spec_of(terms.recipe)
    _demand_same("version", "version", spec.version, terms.recipe_version)
    _demand_same("answer to a withdrawal", "withdrawal", spec.on_withdrawal, terms.on_withdrawal)
    if terms.engine not in spec.engines:
        raise PlanError(
            f"{spec.name} does not run on this engine",
            expected=" or ".join(spec.engines),
            found=terms.engine,
            code="plan.engine",
        )
    parameters = spec.parse(terms.parameters)
    if canonical(parameters.to_json()) != canonical(terms.parameters):  # to Python, 1 and true are equal
        raise PlanError(
            "the terms write the parameters in another form than the recipe's",
            expected=f"the form of {spec.name}",
            code="plan.parameters",
        )
    seats = _seats(spec, terms, parties, consumer)
    spec.fits(parameters, terms, parties, consumer)
    job = DeclaredTerms(terms, spec, parameters, seats)
    if terms.audit is not None and not job.sampled:
        raise PlanError(
            "the plan names a random audit of a job in which nobody commits to values",
            expected="no audit, or a recipe and parameters with verified sums",
            found=spec.name,
            code="plan.audit",
        )
    if terms.garbling is not None and job.garbler is None:
        raise PlanError(
            "the plan names a stake on garblings of a job in which none is opened",
            expected="no such stake, or the protocol garbled with covert",
            found=spec.name,
            code="plan.audit",
        )
    return job


def declared(plan: Plan, terms: Terms) -> DeclaredJob:
    """The same of a plan: PlanError unless the terms are the plan's too, and so are operations, inputs and outputs."""
    demand_fit(plan, terms)
    job = declared_terms(terms, [party.signer for party in plan.parties], plan.consumer)
    _demand_same("operations", "operations", int(job.spec.operations_on(terms.engine)), plan.operations)
    for seat, party in zip(job.seats, plan.parties, strict=True):
        if len(party.inputs) != len(seat.inputs) or party.output != seat.output:
            raise PlanError(
                f"the {seat.name} of {job.spec.name} has another part in the plan",
                expected=f"{len(seat.inputs)} inputs, {'an' if seat.output else 'no'} output",
                found=f"{len(party.inputs)} inputs, {'an' if party.output else 'no'} output",
                code="plan.inputs",
            )
    demand_divided(job, plan.pot)
    whole = DeclaredJob(terms, job.spec, job.parameters, job.seats, plan)
    for number, one in enumerate(plan.inputs):
        if (spends := whole.use(number).spends) != one.budget:
            raise PlanError(
                "an input spends another privacy budget than the recipe's noise costs",
                expected=f"{spends} nano-rho",
                found=one.budget,
                code="plan.budget",
            )
    return whole


def demand_divided(job: DeclaredTerms, pot: int) -> None:
    """PlanError for a pot that the recipe does not divide, or not with these parameters."""
    if pot and job.division is None:
        raise PlanError(
            "the job has a pot that nothing divides",
            expected="no pot, or a recipe and parameters that measure what each party contributed",
            found=pot,
            remedy="reward the parties for taking part; or name a payout_rule",
            code="plan.pot",
        )


def _demand_same(what: str, code: str, expected: object, found: object) -> None:
    if expected != found:
        raise PlanError(f"another {what} than the recipe's", expected=expected, found=found, code=f"plan.{code}")


def _seats(spec: RecipeSpec[Any], terms: Terms, parties: Sequence[bytes], consumer: bytes) -> tuple[Role, ...]:
    seats = spec.seats(len(parties))
    roles = tuple(seat.name for seat in seats)
    if terms.roles != roles:
        raise PlanError(
            f"{spec.name} has other roles", expected=", ".join(roles), found=", ".join(terms.roles), code="plan.roles"
        )
    aliases = tuple(one.alias for seat in seats for one in seat.inputs)
    if terms.inputs != aliases:
        raise PlanError(
            f"{spec.name} takes other inputs",
            expected=", ".join(aliases),
            found=", ".join(terms.inputs),
            code="plan.inputs",
        )
    consumers = [party for seat, party in zip(seats, parties, strict=True) if seat.name == CONSUMER]
    if consumers and consumers[0] != consumer:
        raise PlanError("the party with the role consumer is not the plan's consumer", code="plan.roles")
    return seats
