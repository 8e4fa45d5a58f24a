"""What an institution asks before it starts a job: what a request would mean."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel

from placet.catalogue.spec import RecipeParameters, RecipeSpec
from placet.catalogue.specs import spec_of
from placet.core.errors import PlanError
from placet.core.values import Address
from placet.jobs.messages import JobRequest
from placet.node.http.auth import Institution
from placet.node.http.dependencies import TheNode
from placet.node.http.problems import problems
from placet.node.service import Node

router = APIRouter(tags=["jobs"])


class PlannedParty(BaseModel):
    """A party of a job that is not proposed yet: its role, and what it would learn, in the catalogue's words."""

    address: Address
    name: str
    role: str
    learns: str


class CheckedRequest(BaseModel):
    """What a job's request would mean. `parties` in the plan's order; `cost` in words, where it can be said before the
    rows are counted."""

    parties: list[PlannedParty]
    cost: str | None


@router.post("/v1/jobs/check", response_model=CheckedRequest, responses=problems(403))
async def check(node: TheNode, request: JobRequest, _: Institution) -> CheckedRequest:
    """What this request would mean: who takes part as what, and what each would learn. Nobody is asked, nothing is
    stored. PlanError for what the recipe does not take."""
    spec = spec_of(request.recipe)
    parameters = spec.parse(request.parameters)
    _demand_engine(spec, request.engine)
    signers = (*(one.address for one in request.providers), node.address)
    seats = spec.seats(len(signers))
    cost = await _cost_of(node, spec, parameters, request)
    return CheckedRequest(
        parties=[
            PlannedParty(address=signer, name=node.trust.name(signer), role=seat.name, learns=seat.learns)
            for signer, seat in zip(signers, seats, strict=True)
        ],
        cost=cost,
    )


async def _cost_of(node: Node, spec: RecipeSpec[Any], parameters: RecipeParameters, request: JobRequest) -> str | None:
    """In words, for as many rows as the own table has; None where the recipe can't say it."""
    own = None if request.own is None else node.offers().get(request.own.offer)
    if spec.cost is None or own is None:
        return None
    rows = next((info.rows for info in await node.tables() if info.dataset == own.terms.dataset), None)
    needs = None if rows is None else spec.cost(parameters, rows)
    return None if needs is None else needs.words()


def _demand_engine(spec: RecipeSpec[Any], engine: str) -> None:
    if engine not in spec.engines:
        raise PlanError(
            f"{spec.name} has no such engine", expected=", ".join(spec.engines), found=engine[:80], code="plan.engine"
        )
