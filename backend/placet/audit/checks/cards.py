"""Does a registered model's card say what plan and seal say, and who got a model in clear?"""

from __future__ import annotations

from placet.audit.case import Case
from placet.audit.facts import Ending
from placet.audit.findings import Findings, check
from placet.core.hashing import canonical, keccak
from placet.core.model_card import ModelCard, held_as
from placet.core.values import to_hex

GROUP = "model"


@check(GROUP, "card", "A registered model's card has the hash that the chain has, and says what plan and seal say")
def card(case: Case, tell: Findings) -> None:
    """Each party that registered the job's model shows the card whose hash it registered. What all know is held against
    plan, terms and seal: the job, the model's commitment, who holds it how, recipe and parameters, purpose, parties,
    and of each input its offer, root and epoch. The results in a card are its holder's word: a note says whose."""
    if not case.facts.made or case.plan is None or case.final is None:
        return tell.skip("nobody registered a model of this job")
    for model in case.facts.made:
        party = next((i for i, one in enumerate(case.parties) if one.signer == model.provider), None)
        if party is None:  # a stranger's registration, which `model.made` notes
            continue
        tell.looked += 1
        if party not in case.evidence:
            tell.lack(f"the card of {case.name(party)}, which registered a model")
            continue
        shown = next((one for one in case.evidence[party].cards if one.hash == model.card), None)
        if shown is None:
            tell.fail(f"a card with the registered hash {to_hex(model.card)}", "none", party)
            continue
        known = {"job": case.bundle.job, "model": model.commitment, "holder": model.provider, **_agreed(case)}
        for name, value in _said(shown).items():
            if name in known:
                tell.same(f"{name} in the card of {case.name(party)}", known[name], value, party)
        if shown.results is not None:
            tell.note(f"the results in the card of {case.name(party)} are its word")


@check(GROUP, "handed-out", "Who got a model in clear is told")
def handed_out(case: Case, tell: Findings) -> None:
    """A model that came out in clear is its consumer's from the release on: what the consumer does with it, no chain
    shows. It stays under its lineage where it is registered as what it is; nothing proves that it is not used
    otherwise."""
    if case.plan is None or held_as(case.output) != "clear" or case.facts.status is not Ending.COMPLETED:
        return tell.skip("no model left this job in clear")
    tell.looked += 1
    registered = any(model.provider == case.plan.consumer for model in case.facts.made)
    tell.note(
        f"the model went to {case.name_of(case.plan.consumer)} in clear, which has "
        + ("registered it with this job as its origin" if registered else "not registered it: no lineage binds it")
    )


def _agreed(case: Case) -> dict[str, object]:
    """What a card must say, by the plan, by the terms where somebody shows them, and by the sealed attempt."""
    plan, terms, sealed = case.plan, case.terms, case.facts.sealed
    if plan is None or case.final is None or sealed is None:
        return {}
    inputs = zip(case.owners, plan.inputs, case.final.roots, sealed.epochs, strict=False)
    agreed: dict[str, object] = {
        "consumer": plan.consumer,
        "parties": tuple(party.signer for party in plan.parties),
        "purpose": plan.purpose,
        "data": tuple(
            (case.parties[owner].signer, one.offer, one.consent if one.named else root, epoch)
            for owner, one, root, epoch in inputs
        ),
        "held": None if terms is None else held_as(case.output) or "by nobody",
    }
    if terms is not None:
        agreed["recipe"] = (terms.recipe, terms.recipe_version, terms.engine)
        agreed["parameters"] = canonical(terms.parameters)
    return {name: value for name, value in agreed.items() if value is not None}


def _said(shown: ModelCard) -> dict[str, object]:
    """The same of a card."""
    return {
        "job": shown.job,
        "model": shown.commitment,
        "holder": shown.holder,
        "consumer": shown.consumer,
        "parties": shown.parties,
        "purpose": keccak(shown.purpose.encode()),
        "data": tuple((one.institution, one.offer, one.root, one.epoch) for one in shown.data),
        "held": shown.held,
        "recipe": (shown.recipe, shown.recipe_version, shown.engine),
        "parameters": canonical(shown.parameters),
    }


CHECKS = (card, handed_out)
