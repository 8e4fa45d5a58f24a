"""Plans and terms as a recipe's declaration alone asks for them: no keys, no chain; and the recipes' vectors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from placet.catalogue.spec import CONSUMER, RecipeSpec, Role, RoleInput
from placet.catalogue.specs import spec_of
from placet.core.errors import PlanError
from placet.core.offers import Subjects
from placet.core.plan import Input, Party, Plan, Terms
from placet.core.purposes import purpose_id
from placet.core.values import ZERO20, ZERO32

VECTORS = Path(__file__).parent / "vectors" / "recipes"
NAMESPACE = "urn:example:person"
CUSTOMER = {"identifier": "customer", "namespace": NAMESPACE}
"""What recipes are told of the column by which all tables name a person."""
PURPOSE = "https://w3id.org/dpv#CreditChecking"
CONSUMER_KEY = bytes([7]) * 32


def vectors(name: str) -> list[dict[str, Any]]:
    """A recipe's cases: {parties, engine, parameters, sha256 of their canonical JSON, reads by role, aligns, tells}."""
    cases: list[dict[str, Any]] = json.loads((VECTORS / f"{name}.json").read_text(encoding="utf-8"))["cases"]
    return cases


def signer(number: int) -> bytes:
    return bytes([number + 1]) * 20


def brought(number: int, place: int, one: RoleInput) -> Input:
    """What the party with this number brings as its input at this place."""
    root, consent = bytes([90 + number, place]) * 16, bytes([60 + number, place]) * 16
    what = {"lawful_root": root} if one.subjects is Subjects.PERSONS else {"consent": consent}
    return Input(offer=bytes([30 + number, place]) * 16, epoch=bytes(24), opens_before=1000, **what)


def spending(plan_parties: tuple[Party, ...], spec: RecipeSpec[Any], parameters: dict[str, Any]) -> tuple[Party, ...]:
    """The same parties, whose rows spend what the recipe's noise costs; as they are where the parameters are none."""
    try:
        parsed = spec.parse(parameters)
    except PlanError:
        return plan_parties
    roles = [seat.name for seat in spec.seats(len(plan_parties))]
    return tuple(
        one.model_copy(
            update={"inputs": tuple(i.model_copy(update={"budget": spec.spends(role, parsed)}) for i in one.inputs)}
        )
        for one, role in zip(plan_parties, roles, strict=True)
    )


def party(number: int, seat: Role, **changes: Any) -> Party:
    """The party with this number, which brings what its seat does."""
    values: dict[str, Any] = {
        "signer": signer(number),
        "recorder": bytes([100 + number]) * 20,
        "payee": signer(number),
        "tls_key": bytes([120 + number]) * 32,
        "seed": bytes([140 + number]) * 32,
        "output": seat.output,
        "inputs": tuple(brought(number, place, one) for place, one in enumerate(seat.inputs)),
    }
    return Party(**(values | changes))


def parties(name: str, number: int) -> tuple[Party, ...]:
    """So many parties, each as its seat in the recipe asks for it."""
    seats = spec_of(name).seats(number)
    return tuple(party(number, seat) for number, seat in enumerate(seats))


def declaring(
    name: str,
    parameters: dict[str, Any],
    engine: str,
    number: int,
    *,
    plan: dict[str, Any] | None = None,
    terms: dict[str, Any] | None = None,
) -> tuple[Plan, Terms]:
    """A plan for so many parties that is what the recipe declares, but for the fields in `plan` and `terms`."""
    spec: RecipeSpec[Any] = spec_of(name)
    seats = spec.seats(number)
    consumer = next((i for i, seat in enumerate(seats) if seat.name == CONSUMER), 0)
    asked: dict[str, Any] = {
        "recipe": name,
        "recipe_version": spec.version,
        "engine": engine,
        "parameters": parameters,
        "roles": tuple(seat.name for seat in seats),
        "inputs": tuple(one.alias for seat in seats for one in seat.inputs),
        "block": 90,
        "consumer_key": CONSUMER_KEY,
        "on_withdrawal": spec.on_withdrawal,
    }
    signed = Terms(**(asked | (terms or {})))
    fields: dict[str, Any] = {
        "terms": signed.hash,
        "consumer": signer(consumer),
        "purpose": purpose_id(PURPOSE),
        "operations": int(spec.operations_on(engine)),
        "sponsor": signer(consumer),
        "token": ZERO20,
        "open_by": 1_800_000_100,
        "deadline": 1_800_001_000,
        "settle_by": 1_800_002_000,
        "salt": ZERO32,
        "parties": spending(parties(name, number), spec, parameters),
    }
    return Plan(**(fields | (plan or {}))), signed
