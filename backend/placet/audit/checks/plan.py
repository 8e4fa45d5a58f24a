"""Was exactly this plan agreed by all, and does it fit the offers?"""

from __future__ import annotations

from placet.audit.case import Case
from placet.audit.checks.agreed import demand_all
from placet.audit.findings import Findings, check
from placet.catalogue.declared import declared
from placet.core.errors import PlanError
from placet.core.lawful import offer_breaches, scope_breaches
from placet.core.offers import Subjects
from placet.core.privacy import least_epsilon_hundredths
from placet.core.standing import demand_opening
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
    demand_all(case, tell, "plan", case.plan.signers, case.bundle.job, lists, on_chain=case.opened)


@check(GROUP, "terms", "The terms are the plan's, and what their recipe declares")
def terms(case: Case, tell: Findings) -> None:
    """Each party's terms hash to the plan's `terms`. Recipe, version, engine, operations, parameters, roles, inputs and
    what follows a withdrawal are what the catalogue of this version says. Where the recipe tells somebody the result,
    or a part of it, before the release, a note says so: disclosed-in-protocol."""
    if case.plan is None:
        return tell.skip("no plan")
    for party, evidence in case.evidence.items():
        tell.looked += 1
        try:
            job = declared(case.plan, evidence.terms)
        except PlanError as error:
            tell.fail(error.expected or error.message, error.found or error.message, party)
        else:
            disclosed = job.spec.tells(job.parameters).disclosed
            if disclosed is not None and evidence.terms is case.terms:
                tell.note(disclosed)
    if not case.evidence:
        tell.lack("no evidence that shows the terms")


@check(GROUP, "standing", "An opening is one of a standing plan that all signed")
def standing(case: Case, tell: Findings) -> None:
    """Where the terms name a standing plan: all parties, the consumer and the sponsor signed that one, and the job is
    like it in all that it fixes, opened within its window, under a number within its count. That no other job had the
    number is each party's word: each signs a number once, and the chain counts the named consents' uses."""
    if case.plan is None or case.terms is None or case.facts.opened is None:
        return tell.skip("no plan or terms, or never opened")
    opening = case.terms.standing
    if opening is None:
        return tell.skip("a plan of its own, no opening of a standing plan")
    standings = []
    for party, evidence in case.evidence.items():
        if evidence.standing is None:
            continue
        if evidence.standing.plan.hash == opening.plan:
            standings.append((party, evidence.standing))
        else:
            tell.fail(f"the standing plan {to_hex(opening.plan)}", to_hex(evidence.standing.plan.hash), party)
    if not standings:
        return tell.lack("no evidence that shows the standing plan")
    plan = standings[0][1].plan
    lists = ((party, one.signatures) for party, one in standings)
    demand_all(case, tell, "standing plan", plan.signers, plan.digest(case.deployment.jobs), lists, on_chain=False)
    try:
        demand_opening(plan, case.plan, case.terms, case.facts.opened.at.timestamp)
    except PlanError as error:
        return tell.fail(error.expected or error.message, error.found or error.message)
    tell.note(f"opening {opening.number + 1} of at most {plan.openings} under the standing plan {to_hex(plan.hash)}")


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
        for breach in offer_breaches(
            fact.provider,
            fact.offer,
            by=case.parties[party].signer,
            consumer=case.plan.consumer,
            purpose=case.plan.purpose,
            operations=case.plan.operations,
            spends=entry.budget,
        ):
            tell.fail(f"{where}{breach.message}: {breach.expected}", breach.found, party)
        if entry.budget:
            epsilon = f"epsilon {least_epsilon_hundredths(entry.budget) / 100:.2f} at delta 0.000001 at the most"
            whole = f"{entry.budget} of {fact.offer.budget} nano-rho of its offer's privacy budget"
            tell.note(f"input {index}, of {case.name(party)}, spent {whole}: {epsilon}")
        if fact.made.order >= case.facts.opened.at.order:
            tell.fail("an offer made before the opening", fact.made.order, party)


@check(GROUP, "scope", "Each offer, its opened scope and its dataset allow what the job does with the input")
def scope(case: Case, tell: Findings) -> None:
    """For each input, what the recipe does with it stays within what the owners were shown, by the scope half of the
    rule in `core.lawful`, which nodes and vaults call too; `plan.offers` has the other half. An institution's own data
    are so by its own word alone, and so is that it held a scope's smallest change: notes say it."""
    if case.plan is None or case.terms is None:
        return tell.skip("no plan or no terms")
    try:
        job = declared(case.plan, case.terms)
    except PlanError as error:
        return tell.fail(error.expected or error.message, error.found or error.message)
    for (index, attempt), shown in sorted(case.input_evidence.items()):
        party, where = case.owners[index], f"input {index}, attempt {attempt}: "
        tell.looked += 1
        tell.same(where + "offer", case.plan.inputs[index].offer, shown.offer.id, party)
        fact, dataset = case.offers.get(shown.offer.id), case.datasets.get(shown.offer.dataset)
        provider, use = shown.scope.provider if fact is None else fact.provider, job.use(index)
        if dataset is None:  # chain.datasets fails over it: nobody's word here is broken
            tell.lack(f"{where}no registration of its dataset")
        subjects = use.subjects if dataset is None else dataset.subjects
        registered = use.model if dataset is None else case.models.get(dataset.id, use.model)
        for breach in scope_breaches(use, provider, shown.offer, shown.scope, subjects, registered):
            tell.fail(f"{where}{breach.message}: {breach.expected}", breach.found, party)
        if dataset is not None and subjects is Subjects.OWN and attempt == 1:
            tell.note(f"input {index}: {case.name(party)} declared the rows its own, by its own word")
        if shown.scope.smallest_change is not None and attempt == 1:
            smallest = f"a smallest change of {shown.scope.smallest_change} people"
            tell.note(f"input {index}: {case.name(party)} held {smallest} against earlier jobs, by its own word")
    _lacking(case, tell)


def _lacking(case: Case, tell: Findings) -> None:
    for index in range(len(case.inputs)):
        if (index, 1) not in case.input_evidence and case.opened:
            tell.lack(f"{case.name(case.owners[index])} shows nothing for input {index} at the opening")


CHECKS = (identity, signed, terms, standing, opened, offers, scope)
