"""Was exactly this plan agreed by all, and does it fit the offers?"""

from __future__ import annotations

from placet.audit.case import Case
from placet.audit.checks.agreed import demand_all
from placet.audit.findings import Findings, check
from placet.core.consent import Subjects
from placet.core.errors import InputError, PlanError
from placet.core.plan import demand_fit
from placet.core.purposes import purpose_id
from placet.core.results import finer, gives, tells
from placet.core.values import to_hex

GROUP = "plan"


@check(GROUP, "id", "The job's id is the digest of its plan")
def identity(case: Case, tell: Findings) -> None:
    """Some evidence shows a plan whose EIP-712 digest is the job's id; that one is the plan."""
    if not case.opened:
        return tell.skip("never opened")
    shown = [e.evidence.evidence.plan for e in case.bundle.evidence if e.evidence is not None]
    tell.looked = len(shown)
    if not shown:
        tell.lack("no evidence that shows the plan")
    elif case.plan is None:
        tell.fail(case.bundle.job, shown[0].job(case.deployment.jobs))


@check(GROUP, "signed", "All parties, the consumer and the sponsor signed the plan")
def signed(case: Case, tell: Findings) -> None:
    """Each of them has a valid signature over the plan in some evidence; nobody shows an invalid one."""
    if case.plan is None:
        return tell.skip("no plan")
    lists = ((party, evidence.plan_signatures) for party, evidence in case.evidence.items())
    demand_all(case, tell, "plan", case.plan.signers, case.bundle.job, lists)


@check(GROUP, "terms", "The terms are the plan's")
def terms(case: Case, tell: Findings) -> None:
    """Each party's terms hash to the plan's `terms`, and have one role a party and one alias an input. Where the recipe
    tells somebody the result, or a part of it, before the release, a note says so: disclosed-in-protocol."""
    if case.plan is None:
        return tell.skip("no plan")
    for party, evidence in case.evidence.items():
        tell.looked += 1
        try:
            demand_fit(case.plan, evidence.terms)
        except PlanError as error:
            tell.fail(error.expected, error.found, party)
    if not case.evidence:
        tell.lack("no evidence that shows the terms")
    told = tells(case.terms.recipe, case.terms.parameters) if case.terms is not None else None
    if told is not None and told.disclosed is not None:
        tell.note(told.disclosed)


@check(GROUP, "opened", "The chain opened this plan")
def opened(case: Case, tell: Findings) -> None:
    """The opening's consumer, sponsor, terms and times are the plan's; each input's offer gave it an opening."""
    if case.plan is None or case.facts.opened is None:
        return tell.skip("no plan, or never opened")
    for field in ("consumer", "sponsor", "terms", "open_by", "deadline", "settle_by"):
        tell.same(field, getattr(case.plan, field), getattr(case.facts.opened, field))
    tell.same("number of openings", len(case.plan.inputs), len(case.facts.opened.openings))
    for amended in case.facts.amended:
        tell.same("roots of an amendment", len(case.plan.inputs), len(amended.roots))
        tell.same("epochs of an amendment", len(case.plan.inputs), len(amended.epochs))


@check(GROUP, "offers", "Each offer says yes to this consumer, purpose and operations")
def offers(case: Case, tell: Findings) -> None:
    """Each input's offer was made on chain before the opening, by the provider that brings it, to the plan's
    consumer, for the plan's purpose, for at least the plan's operations; its id is its hash."""
    if case.plan is None or case.facts.opened is None:
        return tell.skip("no plan, or never opened")
    for index, entry in enumerate(case.plan.inputs):
        party = case.owners[index]
        fact = case.offers.get(entry.offer)
        if fact is None:
            tell.fail(f"offer {to_hex(entry.offer)} on chain", "no such offer", party)
            continue
        where = f"offer of {case.name(party)}: "
        tell.same(where + "id", entry.offer, fact.offer.id, party)
        tell.same(where + "provider", case.parties[party].signer, fact.provider, party)
        tell.same(where + "consumer", case.plan.consumer, fact.offer.consumer, party)
        tell.same(where + "purpose", case.plan.purpose, fact.offer.purpose, party)
        tell.same(where + "operations not offered", 0, case.plan.operations & ~fact.offer.operations, party)
        if fact.made.order >= case.facts.opened.at.order:
            tell.fail("an offer made before the opening", fact.made.order, party)


@check(GROUP, "scope", "Each offer's opened scope covers the recipe and the parties")
def scope(case: Case, tell: Findings) -> None:
    """The scope that a party shows hashes to its offer's; it is the party's own, has the offer's purpose, says whose
    the rows are as the dataset's registration does, lists the terms' recipe and every party that takes part (the
    consumer apart); the terms tell no more than its output, and levels no finer than its smallest gap."""
    if case.plan is None or case.terms is None:
        return tell.skip("no plan or no terms")
    others = {p.signer for p in case.plan.parties} - {case.plan.consumer}
    for (index, attempt), shown in sorted(case.input_evidence.items()):
        party, where = case.owners[index], f"input {index}, attempt {attempt}: "
        tell.same(where + "offer", case.plan.inputs[index].offer, shown.offer.id, party)
        tell.same(where + "scope", shown.offer.scope, shown.scope.hash, party)
        tell.same(where + "provider", case.parties[party].signer, shown.scope.provider, party)
        try:
            tell.same(where + "purpose", shown.offer.purpose, purpose_id(shown.scope.purpose), party)
        except InputError as error:
            tell.fail(where + str(error.expected), error.found, party)
        if dataset := case.datasets.get(shown.offer.dataset):
            said = Subjects.of(shown.scope.personal).words
            tell.same(where + "whose rows, as registered", dataset.subjects.words, said, party)
        if case.terms.recipe not in shown.scope.recipes:
            tell.fail(where + f"recipe {case.terms.recipe}", shown.scope.recipes, party)
        if not gives(case.terms.recipe, case.terms.parameters, shown.scope.output, shown.scope.smallest_group):
            told = f"{shown.scope.output}, groups of {shown.scope.smallest_group} or more"
            tell.fail(where + "a recipe that tells no more than: " + told, case.terms.recipe, party)
        if between := finer(case.terms.parameters, shown.scope.smallest_gap):
            grid = f"edges and bound at multiples of {shown.scope.smallest_gap}"
            tell.fail(where + grid, ", ".join(between), party)
        strangers = others - set(shown.scope.parties)
        if strangers:
            tell.fail(where + "parties within the scope", [case.name_of(s) for s in sorted(strangers)], party)
    _lacking(case, tell)


def _lacking(case: Case, tell: Findings) -> None:
    for index in range(len(case.inputs)):
        if (index, 1) not in case.input_evidence and case.opened:
            tell.lack(f"{case.name(case.owners[index])} shows nothing for input {index} at the opening")


CHECKS = (identity, signed, terms, opened, offers, scope)
