"""`placet model retrain`: a model's training proposed again, over today's consents, and what has changed since."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from placet.cli import job_plan, offer_choice
from placet.cli.inputs import NodeConfig, read_address, read_offer
from placet.cli.model_inputs import Model, origin_of
from placet.cli.operator import Operator
from placet.cli.output import emit, say, write_line
from placet.core.errors import InputError, NotFoundError

if TYPE_CHECKING:
    from placet.core.ids import OfferId
    from placet.jobs.messages import JobRequest
    from placet.owner.drafts import Offered


def retrain(
    config: NodeConfig,
    model: Model,
    offers: Annotated[
        list[str] | None,
        typer.Option(
            "--offers", help="A provider's offer by its id, in the place of the one that was used; repeat it."
        ),
    ] = None,
    start: Annotated[bool, typer.Option("--start", help="Propose the job now, and print its id.")] = False,
) -> None:
    """Print the request that trains a model again over today's consents: same recipe, parameters, parties and payments,
    over the offers of then or those that took their place, for `placet job start --file`. What has changed since is
    said on stderr. At the consumer of the job that made the model."""
    from placet.core.values import parse
    from placet.jobs.messages import JobRequest

    operator = Operator(config)
    job = origin_of(operator, model)
    about = operator.ask("GET", f"/v1/jobs/{job}/model")
    request = renewed(operator, parse(JobRequest, operator.ask("GET", f"/v1/jobs/{job}/request")), offers or ())
    for line in changes(operator, about, request):
        say(line)
    if start:
        write_line(operator.ask("POST", "/v1/jobs", request.model_dump(mode="json"))["id"])
    else:
        emit(request.model_dump(mode="json"))


def renewed(operator: Operator, request: JobRequest, words: Sequence[str]) -> JobRequest:
    """The request over offers that stand: those that it names, those of `words` (ids) in their place, or, where one is
    offered no more, the only other one of that provider for the recipe, the purpose and the output. InputError where
    there are several, or a word names nobody's; NotFoundError where there is none. Of this institution's own rows that
    are not persons' a consent that stands."""
    institutions = [operator.trust.institution(one.address) for one in request.providers]
    offered = offer_choice.offers_of(operator, institutions)
    wanted = {read_offer(word) for word in words}
    if strangers := wanted - {one.id for one in offered}:
        raise InputError(
            "not offers of the model's providers to this institution",
            expected=", ".join("0x" + one.id.hex() for one in offered),
            found=", ".join("0x" + one.hex() for one in strangers),
        )
    providers = []
    for provider in request.providers:
        mine = [one for one in offered if one.scope.provider == provider.address]
        successor = _successor(request, provider.offer, mine, wanted)
        providers.append(provider.model_copy(update={"offer": successor}))
    own = request.own
    if own is not None and own.consent is not None:
        own = job_plan.own_input(operator, request)
    return request.model_copy(update={"providers": tuple(providers), "own": own})


def _successor(request: JobRequest, before: OfferId, offered: Sequence[Offered], wanted: set[OfferId]) -> OfferId:
    """The offer in the place of `before` among those of one provider."""
    ids = [one.id for one in offered if one.id in wanted]
    if len(ids) > 1:
        raise InputError("two offers of one provider are named", expected="one", found=len(ids))
    if ids or any(one.id == before for one in offered):
        return ids[0] if ids else before
    fitting = [
        one.id for one in offered if request.recipe in one.scope.recipes and one.scope.purpose == request.purpose
    ]
    if len(fitting) == 1:
        return fitting[0]
    listed = ", ".join("0x" + one.hex() for one in fitting)
    if fitting:
        raise InputError(
            "an offer that the model was made under stands no more, and several may take its place",
            expected="one of " + listed,
            found="0x" + before.hex(),
            remedy="name it: --offers and its id",
        )
    raise NotFoundError(
        "an offer that the model was made under stands no more, and none has taken its place",
        found="0x" + before.hex(),
        remedy=f"its provider makes a new one: placet offer make --recipes {request.recipe}",
    )


def changes(operator: Operator, about: Mapping[str, Any], request: JobRequest) -> list[str]:
    """What has happened since the model was made, a line each."""
    if about["since"] is None:
        return ["the chain does not show the model's lineage: what has changed is not known"]
    today = {one.offer for one in (*request.providers, request.own) if one is not None}
    lines = []
    for one in about["since"]:
        name = operator.trust.name(read_address(one["institution"]))
        batches = f"{one['new_batches']} new batches of consents" if one["new_batches"] else "no new batch of consents"
        line = f"{name}: {one['withdrawn']} withdrawn since, {batches}"
        lines.append(line if read_offer(one["offer"]) in today else f"{line}; another offer takes this one's place")
    if not any(one["withdrawn"] or one["new_batches"] for one in about["since"]) and len(today) == len(lines):
        lines.append("nothing has changed: the same model would come out, but for chance")
    return lines
