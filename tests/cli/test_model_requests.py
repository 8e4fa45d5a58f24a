"""Requests that are made out of a model: the job that scores by it, and its training again."""

from __future__ import annotations

import secrets
from types import SimpleNamespace
from typing import Any

import pytest

from declaring import PURPOSE, declaring, signer, vectors
from placet.catalogue.spec import RecipeSpec
from placet.catalogue.specs import spec_of
from placet.cli import model_inputs, offer_choice, retrain
from placet.cli.model_inputs import KeptModelFacts
from placet.core.errors import InputError, NotFoundError, StateError
from placet.core.plan import Plan, Terms
from placet.core.values import parse, to_hex
from placet.jobs.messages import JobRequest, ModelInput
from placet.jobs.retraining import again

JOB, COMMITMENT = "0x" + "4a" * 32, "0x" + "c0" * 32
NORTH, LENDER = signer(0), signer(1)
SCORE: RecipeSpec[Any] = spec_of("model-score")
TRAINED = vectors("joint-scorecard")[0]["parameters"] | {"model": "shared"}


def part(institution: bytes, *offers: tuple[bytes, bytes | None], commitment: str = COMMITMENT) -> dict[str, Any]:
    listed = [{"offer": to_hex(one), "consent": consent and to_hex(consent)} for one, consent in offers]
    return {"institution": to_hex(institution), "commitment": commitment, "offers": listed}


def facts(*registered: dict[str, Any], **changes: Any) -> KeptModelFacts:
    about = {
        "job": JOB,
        "held": "shared",
        "card": {"commitment": COMMITMENT},
        "why": None,
        "parameters": TRAINED,
        "roles": {"first-provider": to_hex(NORTH), "consumer": to_hex(LENDER)},
        "registered": list(registered),
    }
    return KeptModelFacts(about | changes)


def scope(**changes: Any) -> Any:
    return SimpleNamespace(**{"recipes": ("model-score",), "purpose": PURPOSE, "output": "score"} | changes)


# ---------------------------------------------------------------------------------------- a job that scores by it


def test_what_the_training_said_needs_not_be_said_again() -> None:
    parameters = SCORE.parse(model_inputs.with_model(SCORE, facts(), {"output": "score"}))
    assert {name: getattr(parameters, name) for name in ("identifier", "protocol")} == {
        "identifier": TRAINED["identifier"],
        "protocol": TRAINED["protocol"],
    }
    said = parameters.to_json()
    assert (said["features"], said["model"]) == (TRAINED["features"], {"job": JOB, "commitment": COMMITMENT})
    other = model_inputs.with_model(SCORE, facts(), {"output": "score", "protocol": "aby3"})
    assert other["protocol"] == "aby3"


@pytest.mark.parametrize(("recipe", "number", "kind"), [("joint-linear", 3, "linear"), ("joint-trees", 3, "trees")])
def test_each_kind_of_model_is_asked_for_as_it_was_trained(recipe: str, number: int, kind: str) -> None:
    trained = vectors(recipe)[number]["parameters"]
    model = facts(parameters=trained)
    parameters = SCORE.parse(model_inputs.with_model(SCORE, model, {"output": "score"}))
    assert (trained["model"], parameters.kind, parameters.to_json()["features"]) == (
        "shared",
        kind,
        trained["features"],
    )


@pytest.mark.parametrize(
    ("spec", "model", "error"),
    [
        (SCORE, None, InputError),
        (spec_of("joint-scorecard"), facts(), InputError),
        (SCORE, facts(held="clear"), InputError),
        (SCORE, facts(card=None, why="too few rows"), NotFoundError),
    ],
    ids=["no model", "a recipe without", "in clear", "nothing of it"],
)
def test_a_model_goes_with_a_recipe_that_takes_one(
    spec: RecipeSpec[Any], model: KeptModelFacts | None, error: type[Exception]
) -> None:
    with pytest.raises(error):
        model_inputs.with_model(spec, model, {"output": "score"})


def test_a_part_is_brought_under_the_last_offer_that_allows_the_job_and_a_consent_that_stands() -> None:
    offers = [secrets.token_bytes(32) for _ in range(5)]
    consents = [secrets.token_bytes(32) for _ in range(5)]
    model = facts(
        part(NORTH, *zip(offers[:4], [*consents[:3], None], strict=True)),
        part(NORTH, (offers[4], consents[4]), commitment="0x" + "bb" * 32),
        part(LENDER, (secrets.token_bytes(32), consents[0])),
    )
    own = model.offers(NORTH)
    assert [*own] == offers[:3]  # one without a consent, one of another model
    scopes = {offers[0]: scope(), offers[1]: scope(), offers[2]: scope(output="decision")}
    parameters = SCORE.parse(model_inputs.with_model(SCORE, model, {"output": "score"}))
    brought = model_inputs.part_of(SCORE, parameters, PURPOSE, "North", own, scopes)  # type: ignore[arg-type]
    assert brought == ModelInput(offer=offers[1], consent=consents[1])
    for others in ({}, {offers[0]: scope(recipes=("match",))}, {offers[0]: scope(purpose="another")}):
        with pytest.raises(NotFoundError, match="North offers no part of this model"):
            model_inputs.part_of(SCORE, parameters, PURPOSE, "North", own, others)  # type: ignore[arg-type]


def test_providers_sit_as_they_sat_in_the_training() -> None:
    south = signer(5)
    roles = {"first-provider": to_hex(south), "second-provider": to_hex(NORTH), "consumer": to_hex(LENDER)}
    model = facts(roles=roles)
    assert model_inputs.in_order([NORTH, south], model, LENDER) == [1, 0]
    with pytest.raises(InputError, match="not the institutions"):
        model_inputs.in_order([NORTH], model, LENDER)


# ------------------------------------------------------------------------------------------- its training again


def trained(**changes: Any) -> tuple[Plan, Terms]:
    """A plan as its parties signed it, of two."""
    case = vectors("joint-scorecard")[0]
    plan, terms = declaring("joint-scorecard", case["parameters"], case["engine"], case["parties"], plan=changes)
    return parse(Plan, plan.model_dump_json().encode()), terms


def test_a_signed_plan_is_asked_for_again() -> None:
    """Out of its bytes: what it asked of whom, for how much and for how long, and no root, consent or seed of then."""
    token = bytes([9]) * 20
    plan, terms = trained(pot=40, token=token)
    request = parse(JobRequest, again(plan, terms, PURPOSE, plan.consumer).model_dump_json().encode())
    assert (request.recipe, request.engine, request.parameters) == (terms.recipe, terms.engine, terms.parameters)
    assert (request.pot, request.token, request.purpose) == (40, token, PURPOSE)
    assert [(one.address, one.offer) for one in request.providers] == [
        (party.signer, party.inputs[0].offer) for party in plan.parties[:-1]
    ]
    assert (request.own.offer, request.own.consent) == (plan.parties[-1].inputs[0].offer, None)
    assert request.deadline_seconds == plan.deadline - plan.open_by
    assert all(to_hex(party.seed) not in request.model_dump_json() for party in plan.parties)


def test_only_its_consumer_asks_for_it_again() -> None:
    plan, terms = trained()
    with pytest.raises(StateError) as caught:
        again(plan, terms, PURPOSE, plan.parties[0].signer)
    assert caught.value.code == "job.not-consumer"


def offered(provider: bytes, identity: bytes, **changes: Any) -> Any:
    fields = {"recipes": ("joint-scorecard",), "purpose": PURPOSE, "provider": provider}
    return SimpleNamespace(id=identity, scope=SimpleNamespace(**fields | changes))


def renewed(monkeypatch: pytest.MonkeyPatch, offers: list[Any], *words: str) -> JobRequest:
    plan, terms = trained()
    operator: Any = SimpleNamespace(trust=SimpleNamespace(institution=lambda address: address))
    monkeypatch.setattr(offer_choice, "offers_of", lambda *_: offers)
    return retrain.renewed(operator, again(plan, terms, PURPOSE, plan.consumer), words)


def test_an_offer_that_stands_is_used_again_and_its_successor_where_it_does_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plan, _ = trained()
    before, provider = plan.parties[0].inputs[0].offer, plan.parties[0].signer
    new, newer = secrets.token_bytes(32), secrets.token_bytes(32)
    old = offered(provider, before)
    fitting, also = offered(provider, new), offered(provider, newer)
    others = [offered(provider, secrets.token_bytes(32), recipes=("match",)), offered(LENDER, secrets.token_bytes(32))]
    assert renewed(monkeypatch, [fitting, old, *others]).providers[0].offer == before
    assert renewed(monkeypatch, [fitting, *others]).providers[0].offer == new
    assert renewed(monkeypatch, [fitting, also, old], to_hex(newer)).providers[0].offer == newer
    with pytest.raises(InputError, match="several may take its place"):
        renewed(monkeypatch, [fitting, also])
    with pytest.raises(NotFoundError, match="none has taken its place"):
        renewed(monkeypatch, others)
    with pytest.raises(InputError, match="not offers of the model's providers"):
        renewed(monkeypatch, [old], to_hex(newer))


def test_what_has_changed_is_said() -> None:
    plan, terms = trained()
    request = again(plan, terms, PURPOSE, plan.consumer)
    operator: Any = SimpleNamespace(trust=SimpleNamespace(name=lambda address: f"Bank {address[0]}"))

    def since(withdrawn: int, batches: int) -> dict[str, Any]:
        offers = [(party.inputs[0].offer, party.signer) for party in plan.parties]
        entries = [
            {"offer": to_hex(offer), "institution": to_hex(who), "withdrawn": 0, "new_batches": 0}
            for offer, who in offers
        ]
        entries[0] |= {"withdrawn": withdrawn, "new_batches": batches}
        return {"since": entries}

    told = retrain.changes(operator, since(3, 2), request)
    assert told[0] == "Bank 1: 3 withdrawn since, 2 new batches of consents" and len(told) == 2
    assert "nothing has changed" in retrain.changes(operator, since(0, 0), request)[-1]
    (provider,) = request.providers
    moved = request.model_copy(update={"providers": (provider.model_copy(update={"offer": secrets.token_bytes(32)}),)})
    assert "another offer takes this one's place" in retrain.changes(operator, since(0, 0), moved)[0]
    assert "not known" in retrain.changes(operator, {"since": None}, request)[0]
