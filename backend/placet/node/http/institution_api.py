"""Routes for the institution's own people: what can be computed, what is offered, how it goes, who is paid."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, JsonValue

from placet.catalogue.spec import RecipeSpec
from placet.catalogue.specs import SPECS
from placet.catalogue.words import words_of
from placet.chain.threaded import ask_chain
from placet.core.errors import NotFoundError
from placet.core.ids import ConsentId, OfferId
from placet.node.consents import models, numbers, proof_tags
from placet.node.http.auth import Audience, Institution
from placet.node.http.dependencies import TheNode, TheRunner
from placet.node.http.problems import problems
from placet.node.http.public_api import described
from placet.node.jobs import rewards
from placet.node.service import Node

router = APIRouter(tags=["institution"])
MOST_DAYS = 366


class RecipeRole(BaseModel):
    """A role, in the plan's order of parties; the consumer's is the last. `rows` and `model` are the names of what it
    brings, null for nothing; `persons`: the rows are persons', under their consents, else its own under one that the
    plan names. From `least` to `most` parties have it."""

    name: str
    learns: str
    rows: str | None
    persons: bool
    model: str | None
    least: int
    most: int


class RecipeResponse(BaseModel):
    """A recipe in the catalogue's words. `json_schema` is of its parameters. `served`: this institution's policy takes
    part in it; `standing`: under standing plans alone. `divides`: a pot may be divided by what each contributed."""

    recipe: str
    version: int
    does: str
    operations: str
    engines: list[str]
    on_withdrawal: str
    parameters: dict[str, str]
    learns: dict[str, str]
    json_schema: dict[str, JsonValue]
    roles: list[RecipeRole]
    served: bool
    standing: bool
    divides: bool


class Recipes(BaseModel):
    recipes: list[RecipeResponse]


class OwnOffer(BaseModel):
    """An offer of this institution with what became of it. `budget`: its privacy budget in nano-rho, and how much of it
    jobs have `spent`. `auditors`: to whom random audits may open drawn rows. `own_consent`: of an offer to itself the
    last consent of its own that stands."""

    id: OfferId
    title: str
    consumer: models.Named
    purpose: str
    recipes: list[str]
    auditors: list[models.Named]
    openings: int
    budget: int
    spent: int
    consents: numbers.ConsentNumbers
    own_consent: ConsentId | None


class CatalogueEntry(models.DatasetResponse):
    """A dataset and its offers. One whose scope is lost here is left out."""

    offers: list[OwnOffer]


class Catalogue(BaseModel):
    datasets: list[CatalogueEntry]


class JobOutcomes(BaseModel):
    """How many jobs go on, and how many ended how."""

    going: int
    ended: dict[str, int]


@router.get("/v1/recipes", response_model=Recipes, responses=problems(403))
async def recipes(node: TheNode, _: Institution) -> Recipes:
    """What institutions can compute together, each recipe with a schema of its parameters: enough for a form."""
    return Recipes(recipes=[_recipe(node, spec) for spec in SPECS])


def _recipe(node: Node, spec: RecipeSpec[Any]) -> RecipeResponse:
    policy = node.settings.policy
    return RecipeResponse(
        **words_of(spec),
        json_schema=spec.parameters.model_json_schema(),
        roles=[
            RecipeRole(
                name=role.name,
                learns=role.learns,
                rows=role.alias,
                persons=role.persons,
                model=role.model,
                least=role.least,
                most=role.most,
            )
            for role in spec.roles
        ],
        served=spec.name in policy.recipes,
        standing=spec.name in policy.standing,
        divides="payout_rule" in spec.parameters.model_fields,
    )


@router.get("/v1/catalogue", response_model=Catalogue, responses=problems(403, 503))
async def catalogue(node: TheNode, _: Institution) -> Catalogue:
    """This institution's datasets with numbers of rows, their offers, and how many consents each has."""
    node.demand_chain()
    datasets = await described(node, Audience.ITSELF)
    offers = await ask_chain(_offers, node)
    return Catalogue(
        datasets=[CatalogueEntry(**dict(one), offers=offers.get(one.id, [])) for one in datasets],
    )


def _offers(node: Node) -> dict[bytes, list[OwnOffer]]:
    offers: dict[bytes, list[OwnOffer]] = {}
    for event in node.offers().values():
        if event.provider != node.address:
            continue
        try:
            scope = node.scopes.of(event.terms)
        except NotFoundError:
            continue
        consumer = event.terms.consumer
        offers.setdefault(event.terms.dataset, []).append(
            OwnOffer(
                id=event.offer,
                title=scope.title,
                consumer=models.Named(address=consumer, name=node.trust.name_or_address(consumer)),
                purpose=scope.purpose,
                recipes=list(scope.recipes),
                auditors=[models.Named(address=one, name=node.trust.name_or_address(one)) for one in scope.auditors],
                openings=node.openings(event.offer),
                budget=event.terms.budget,
                spent=node.chain.offer(event.offer).spent if event.terms.budget else 0,
                consents=numbers.of_offer(node, event.offer, personal=scope.personal),
                own_consent=numbers.last_consent(node, event.offer) if consumer == node.address else None,
            )
        )
    return offers


@router.get("/v1/consents/timeline", response_model=numbers.Timeline, responses=problems(403, 503))
async def timeline(
    node: TheNode, _: Institution, days: Annotated[int, Query(ge=1, le=MOST_DAYS)] = 90
) -> numbers.Timeline:
    """Consents given and ended by day."""
    node.demand_chain()
    return await ask_chain(numbers.timeline, node, days)


@router.get("/v1/offers/{id}/tags", response_model=models.ProofTags, responses=problems(403, 404, 503))
async def tags(
    node: TheNode, _: Institution, id: OfferId, cursor: Annotated[ConsentId | None, Query()] = None
) -> models.ProofTags:
    """The tags of live consents to one of this institution's offers, as their owners signed them."""
    node.demand_chain()
    return await ask_chain(proof_tags.live, node, id, cursor)


@router.get("/v1/outcomes", response_model=JobOutcomes, responses=problems(403))
async def outcomes(runner: TheRunner, _: Institution) -> JobOutcomes:
    """Jobs by how they ended."""
    counts = await runner.store.threaded.outcomes()
    return JobOutcomes(going=counts.pop(None, 0), ended={str(how): number for how, number in counts.items()})


@router.get("/v1/rewards", response_model=rewards.Rewards, responses=problems(403, 503))
async def paid(node: TheNode, runner: TheRunner, _: Institution) -> rewards.Rewards:
    """What this institution is owed, was paid, and who withheld what, as its own endpoint shows it."""
    node.demand_chain()
    records = await runner.store.threaded.all()
    return await ask_chain(rewards.rewards, node, records)
