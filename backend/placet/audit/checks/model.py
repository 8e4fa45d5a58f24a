"""Where do the job's models come from, and was the model that it made registered as it was?"""

from __future__ import annotations

import itertools

from placet.audit.case import Case
from placet.audit.findings import Findings, check
from placet.audit.models import ShownModels
from placet.core.ids import OfferId
from placet.core.lineage import COMMITMENT, KEEP, lineage, model_breaches
from placet.core.model_card import held_as
from placet.core.offers import Subjects
from placet.core.values import to_hex
from placet.core.withdrawal import FIRST_EPOCH, withdrawal_head

GROUP = "model"


@check(GROUP, "facts", "Of each model's lineage nothing was left out of the facts")
def facts(case: Case, tell: Findings) -> None:
    """Each registered model among the datasets of the job's offers is told with its registration, its origin with a
    plan whose digest is the origin's id, each offer of that plan with all ends that changed its epoch: hashed in their
    order they give the epoch that the contract holds. Without the plan, which its opening's transaction shows, no
    lineage can be told."""
    chain_facts = case.facts
    used = {one.id for one in chain_facts.datasets if one.subjects is Subjects.MODEL}
    if not (used or chain_facts.models or chain_facts.origins or chain_facts.lineage):
        return tell.skip("the job uses no model")
    models, origins = {one.id for one in chain_facts.models}, {one.job: one for one in chain_facts.origins}
    if missing := used - models:
        tell.fail("the registration of each model", f"none of {sorted(map(to_hex, missing))}")
    for model in chain_facts.models:
        tell.looked += 1
        if model.origin not in origins:
            tell.fail(f"the origin of the model {to_hex(model.id)}", "none")
    known = {one.offer.id for one in chain_facts.lineage}
    for origin in chain_facts.origins:
        if origin.plan is None:
            if origin.sealed is not None:
                tell.lack(f"the plan of the origin {to_hex(origin.job)}")
            continue
        tell.same("origin", origin.job, origin.plan.job(case.deployment.jobs))
        if absent := [one.offer for one in origin.plan.inputs if one.offer not in known]:
            tell.fail("each offer of an origin's plan", f"none of {sorted(map(to_hex, absent))}")
    for shown in chain_facts.lineage:
        head = FIRST_EPOCH
        for end in shown.ended:
            head = withdrawal_head(head, end.consent)
        tell.same(f"epoch of {to_hex(shown.offer.id)}", shown.epoch, head)
        orders = [one.at.order for one in shown.ended]
        if any(later <= earlier for earlier, later in itertools.pairwise(orders)):
            tell.fail("ends in the order of the chain", orders)


@check(GROUP, "lineage", "No more had withdrawn from a model's lineage than its offer tolerates")
def used(case: Case, tell: Findings) -> None:
    """Each model that the job uses was made by a job that had been sealed before the model's registration, and of which
    its holder was a party. Just before the opening no more consents of its lineage had ended since that seal than the
    model's offer tolerates, by the rule in `core.lineage`, which nodes and vaults call too."""
    opened = case.facts.opened
    if case.plan is None or opened is None:
        return tell.skip("no plan, or never opened")
    numbers = [number for number, one in enumerate(case.plan.inputs) if _is_model(case, one.offer)]
    if not numbers:
        return tell.skip("the job uses no model")
    models = ShownModels(case, opened.at)
    for number in numbers:
        party, fact = case.owners[number], case.offers[case.plan.inputs[number].offer]
        shown = case.input_evidence.get((number, 1))
        if shown is None:
            tell.lack(f"{case.name(party)} does not show the scope of input {number}")
        tell.looked += 1
        ancestry = lineage(fact.offer.dataset, models)
        model = models.models.get(fact.offer.dataset)
        origin = None if model is None else models.origins.get(model.origin)
        if ancestry is None and origin is not None and origin.plan is None and origin.sealed is not None:
            tell.lack(f"the plan of the job that made the model of input {number}")
            continue
        for breach in model_breaches(fact.provider, None if shown is None else shown.scope, ancestry):
            tell.fail(f"input {number}: {breach.message}: {breach.expected}", breach.found, party)
        if ancestry is not None:
            tolerated = "as many as its offer says" if shown is None else shown.scope.tolerated_withdrawals or 0
            tell.note(
                f"input {number}: since the model of {case.name(party)} was made, {ancestry.total} consents of its "
                f"lineage had ended before the opening; tolerated: {tolerated}"
            )


def _is_model(case: Case, offer: OfferId) -> bool:
    fact = case.offers.get(offer)
    dataset = None if fact is None else case.datasets.get(fact.offer.dataset)
    return dataset is not None and dataset.subjects is Subjects.MODEL


@check(GROUP, "made", "A model that is registered as this job's is the one that its parties committed to")
def made(case: Case, tell: Findings) -> None:
    """Each dataset that names this job as its origin was registered after the seal by a party, with the commitment that
    this party's own trail has of the whole model; all parties' trails have the same. A model that went to the consumer
    in clear is in no trail: only the consumer may register it, and what it registers is its word, which a note tells.
    A stranger's registration binds nobody, since no node uses it: a note tells it."""
    if not case.facts.made or case.plan is None:
        return tell.skip("nobody registered a model of this job")
    sealed = case.facts.sealed
    for model in case.facts.made:
        tell.looked += 1
        party = next((i for i, one in enumerate(case.parties) if one.signer == model.provider), None)
        if party is None:
            tell.note(f"{to_hex(model.provider)}, which is no party, registered a model as this job's")
            continue
        if sealed is None or model.registered.order <= sealed.at.order:
            tell.fail("a model registered after the seal", model.registered.order, party)
            continue
        if party not in case.evidence:
            tell.lack(f"the trail of {case.name(party)}, which registered a model")
            continue
        if held_as(case.output) == "clear":
            if model.provider != case.plan.consumer:
                tell.fail("a model in clear registered by its consumer, who alone got it", case.name(party), party)
            else:
                tell.note(f"which model {case.name(party)} registered as the one that it got in clear is its word")
            continue
        tell.same(f"model of {case.name(party)}", _committed(case, party, sealed.attempt), (model.commitment,), party)
    if sealed is not None:
        commitments = {party: _committed(case, party, sealed.attempt) for party in case.evidence}
        first = next((one for one in commitments.items() if one[1]), None)
        for party, commitment in commitments.items():
            if first is not None and commitment and commitment != first[1]:
                tell.dispute(first[1], commitment, first[0], party)


def _committed(case: Case, party: int, attempt: int) -> tuple[bytes, ...]:
    """What a party's trail says of the whole model that the attempt made."""
    steps = [step for step in case.steps(party, attempt) if step.name == KEEP]
    return tuple(one.commitment for step in steps for one in step.outputs if one.name == COMMITMENT)


CHECKS = (facts, used, made)
