"""What a job's request says of a kept model that the job uses: which one, trained how, and each party's part of it
under the consent that its holder gave for it. All of it stands on chain, or is what the training asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from placet.cli.inputs import read_address, read_consent, read_job, read_offer
from placet.core.errors import InputError, NotFoundError

if TYPE_CHECKING:
    from placet.catalogue.spec import RecipeParameters, RecipeSpec
    from placet.cli.operator import Operator
    from placet.core.ids import OfferId
    from placet.core.offers import Scope
    from placet.jobs.messages import ModelInput


Model = Annotated[
    str, typer.Argument(metavar="MODEL", help="The model's name in the vault, or the id of the job that made it.")
]


@dataclass(frozen=True)
class KeptModelFacts:
    """What the node says of a model (`GET /v1/jobs/{job}/model`)."""

    about: Mapping[str, Any]

    @property
    def parameters(self) -> dict[str, Any]:
        """Those of the training."""
        return dict(self.about["parameters"])

    @property
    def commitment(self) -> str:
        """NotFoundError where this institution has no part of it."""
        if self.about["card"] is None:
            raise NotFoundError("nothing of the model is here", found=self.about["why"], code="model.none")
        return str(self.about["card"]["commitment"])

    def providers(self, own: bytes) -> list[str]:
        """The addresses of the training's parties but this one, in the plan's order."""
        return [one for one in self.about["roles"].values() if read_address(one) != own]

    def offers(self, institution: bytes) -> dict[OfferId, ModelInput]:
        """A party's offers to this institution of its part of the model as all of them committed to it, the latest
        last, each with the holder's consent that stands; those without one are none."""
        from placet.jobs.messages import ModelInput

        return {
            read_offer(one["offer"]): ModelInput(offer=read_offer(one["offer"]), consent=read_consent(one["consent"]))
            for part in self.about["registered"]
            if read_address(part["institution"]) == institution and part["commitment"] == self.commitment
            for one in part["offers"]
            if one["consent"] is not None
        }


def takes_model(spec: RecipeSpec[Any]) -> bool:
    """Does who asks for such a job bring a part of a model, as all others do?"""
    return any(role.model is not None for role in spec.roles if role.name == "consumer")


def with_model(spec: RecipeSpec[Any], model: KeptModelFacts | None, given: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters that are given, and for the rest those of the model's training. InputError where the recipe takes
    a model and none is named, or the other way round, or where it is in nobody's parts."""
    if (model is not None) is not takes_model(spec):
        expected = "--model, which `placet model list` shows" if model is None else "no --model"
        raise InputError(f"{spec.name} {'takes a' if model is None else 'takes no'} model", expected=expected)
    if model is None:
        return dict(given)
    if model.about["held"] == "clear":
        raise InputError(
            "the model went to its consumer in clear, which scores by it without a job",
            expected="a model of which each party keeps a part",
            found=model.about["job"],
        )
    trained = {name: model.parameters[name] for name in spec.parameters.model_fields if name in model.parameters}
    return trained | {"model": {"job": model.about["job"], "commitment": model.commitment}} | dict(given)


def part_of(
    spec: RecipeSpec[Any],
    parameters: RecipeParameters,
    purpose: str,
    name: str,
    offers: dict[OfferId, ModelInput],
    scopes: Mapping[OfferId, Scope],
) -> ModelInput:
    """A party's part of the model under the last of its offers that allows the job. NotFoundError where none does."""
    output = spec.tells(parameters).output
    for offer, part in reversed(list(offers.items())):
        scope = scopes.get(offer)
        if scope and spec.name in scope.recipes and (scope.purpose, scope.output) == (purpose, output):
            return part
    raise NotFoundError(
        f"{name} offers no part of this model for {spec.name}",
        expected=f"an offer for {purpose}, output {output}, and its holder's consent that stands",
        found=f"{len(offers)} offers of it with a consent",
        remedy="its holder: placet model register, placet offer make --own --columns model, placet grant",
    )


def facts_of(operator: Operator, model: str) -> KeptModelFacts:
    """Of a model by its name in the vault, or by its job's id."""
    return KeptModelFacts(operator.ask("GET", f"/v1/jobs/{origin_of(operator, model)}/model"))


def origin_of(operator: Operator, model: str) -> str:
    """The id of the job that made a model, which is named by it or as the vault names the model. NotFoundError."""
    from placet.core.values import to_hex

    return to_hex(read_job(model)) if model.startswith("0x") else str(kept_model(operator, model)["origin"])


def kept_models(operator: Operator) -> list[dict[str, Any]]:
    """The models of which the vault keeps a part, or the whole, as the node's API shows them."""
    return [one for one in operator.ask("GET", "/v1/datasets")["datasets"] if one.get("origin")]


def kept_model(operator: Operator, name: str) -> dict[str, Any]:
    """One of them by its name. NotFoundError."""
    models = kept_models(operator)
    for one in models:
        if one["name"] == name:
            return one
    raise NotFoundError(
        "the vault keeps no part of such a model",
        expected=", ".join(one["name"] for one in models) or "none is there",
        found=name[:80],
        remedy="a model may be used once its job is completed; a lost part comes from the vault's backup alone",
    )


def in_order(addresses: Sequence[bytes], model: KeptModelFacts, own: bytes) -> list[int]:
    """Which of the chosen institutions sits in each provider's place of the training. InputError where they are
    others."""
    trained = [read_address(one) for one in model.providers(own)]
    if sorted(trained) != sorted(addresses):
        raise InputError(
            "not the institutions that keep parts of the model",
            expected=", ".join(model.providers(own)),
            found=", ".join("0x" + one.hex() for one in addresses),
        )
    return [addresses.index(one) for one in trained]
