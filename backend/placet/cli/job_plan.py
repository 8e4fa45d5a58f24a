"""`placet job plan`: a job's request, made from what the parties offer, so that nobody copies identifiers by hand."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, cast

import typer

from placet.cli import model_inputs
from placet.cli.inputs import NodeConfig, read_address, read_consent, read_offer, read_text
from placet.cli.offer_choice import is_id, of_rows, offered_by, offers_of_all, one_offer
from placet.cli.operator import Operator
from placet.cli.output import emit, say
from placet.cli.random_audit import AuditOptions, audit_request
from placet.core.errors import InputError, NotFoundError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from placet.catalogue.spec import RecipeParameters, RecipeSpec
    from placet.cli.model_inputs import KeptModelFacts
    from placet.core.ids import OfferId
    from placet.core.lawful import Aligns
    from placet.core.offers import Scope
    from placet.jobs.messages import AuditStakeRequest, JobRequest, ModelInput, OwnInput
    from placet.owner.drafts import Offered

MAX_REWARD = 2**96
MAX_PARAMETER = 1 << 20


class Payment(NamedTuple):
    """What the job costs, in the smallest unit of a token: for each provider, and to be divided among all parties; and
    the audit for which the providers put up stakes."""

    reward: int
    pot: int
    token: str | None
    audit: AuditStakeRequest | None = None


def plan(
    config: NodeConfig,
    recipe: Annotated[str, typer.Option("--recipe", help="What to compute; `placet recipes` lists them.")],
    offers: Annotated[
        list[str] | None,
        typer.Option(
            "--offers",
            help="A provider by its name or address, or one of its offers by its id; repeat it. An own offer's id "
            "where several of them fit. With --model all who keep a part of that by default.",
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option("--model", help="The model to use, by its name in the vault; `placet model list` shows them."),
    ] = None,
    parameter: Annotated[
        list[str] | None,
        typer.Option(
            "--parameter",
            help="NAME=VALUE, as `placet recipes` names them, or NAME=@FILE for a value that is JSON in a file; "
            "repeat it.",
        ),
    ] = None,
    engine: Annotated[str | None, typer.Option("--engine", help="The recipe's first one unless given.")] = None,
    consent: Annotated[
        str | None,
        typer.Option("--consent", help="The provider's own consent, where it brings no persons' rows but its model."),
    ] = None,
    reward: Annotated[int, typer.Option("--reward", min=0, max=MAX_REWARD - 1, help="For each provider.")] = 0,
    pot: Annotated[
        int,
        typer.Option(
            "--pot", min=0, max=MAX_REWARD - 1, help="Divided at the end by what each party contributed to the model."
        ),
    ] = 0,
    token: Annotated[
        str | None, typer.Option("--token", help="The ERC-20 contract that rewards, pot and stakes are paid in.")
    ] = None,
    auditor: Annotated[
        str | None,
        typer.Option(
            "--auditor",
            help="An auditor of the trust list, by name or address, to whom places of each provider are opened that "
            "the chain draws, or, with the parameter covert, who judges another circuit; with --stake and --token.",
        ),
    ] = None,
    stake: Annotated[
        int, typer.Option("--stake", min=0, max=MAX_REWARD - 1, help="What each provider puts up for the audit.")
    ] = 0,
    places: Annotated[
        int | None, typer.Option("--places", min=1, help="How many are drawn of each provider; 460 unless given.")
    ] = None,
) -> None:
    """Print a job's request as JSON, for `placet job start --file`. Nothing is sent and nobody is asked to agree."""
    from placet.catalogue.specs import spec_of

    operator, spec = Operator(config), spec_of(recipe)
    given = _parameters(parameter or [])
    audit = audit_request(operator, AuditOptions(auditor, stake, places, token, given.get("covert") is not None))
    payment = Payment(reward, pot, None if audit is not None and reward + pot == 0 else token, audit)
    facts = None if model is None else model_inputs.facts_of(operator, model)
    request = _under(consent, planned(operator, spec, given, offers or (), engine, payment, facts))
    emit(request.model_dump(mode="json"))


def planned(
    operator: Operator,
    spec: RecipeSpec[Any],
    given: Mapping[str, Any],
    offers: Sequence[str],
    engine: str | None,
    payment: Payment,
    model: KeptModelFacts | None = None,
) -> JobRequest:
    """A job's request from what the parties offer, of whom `offers` are words; and what it means, on stderr."""
    given = model_inputs.with_model(spec, model, given)
    words, own_ids = _apart(operator, offers)
    words = words or (model.providers(operator.address) if model is not None else [])
    if not words:
        raise InputError("no provider is named", expected="--offers and a provider, or an offer's id")
    output = _output(spec, given)
    taken = list if any(role.alias is None for role in spec.roles) else of_rows
    choices = [one_offer(word, taken(offered_by(operator, word)), spec.name, output) for word in words]
    if model is not None:
        places = model_inputs.in_order([one.scope.provider for one in choices], model, operator.address)
        choices = [choices[place] for place in places]
    scopes = [one.scope for one in choices]
    parameters = _scaled(spec, _with_kind(spec, given, scopes), scopes)
    _demand_auditor(spec, parameters, scopes, payment.audit)
    request = _request(operator, spec, parameters, choices, engine or spec.engines[0], payment, own_ids)
    if model is not None:
        request = _with_parts(operator, spec, parameters, request, model)
    _tell(operator, spec, choices)
    _tell_budget(operator, spec, parameters, choices)
    _tell_cost(operator, spec, parameters, request)
    return request


def _apart(operator: Operator, words: Sequence[str]) -> tuple[list[str], set[str]]:
    """The words that speak of providers, and the ids among them of this institution's own offers."""
    own = {one["id"] for one in operator.ask("GET", "/v1/offers")["offers"]} if any(map(is_id, words)) else set()
    return [one for one in words if one.lower() not in own], {one.lower() for one in words} & own


def _under(consent: str | None, request: JobRequest) -> JobRequest:
    """The request, whose provider brings what is no persons' under its own consent."""
    if consent is None:
        return request
    providers = [one.model_copy(update={"consent": read_consent(consent)}) for one in request.providers]
    return request.model_copy(update={"providers": tuple(providers)})


def _parameters(given: Sequence[str]) -> dict[str, Any]:
    """A value is JSON where it reads as JSON, else text; after an @ it is the JSON of a file."""
    from placet.core.json_text import read_json

    values: dict[str, Any] = {}
    for one in given:
        name, equals, value = one.partition("=")
        if not equals or not name or name in values:
            raise InputError("not a parameter", expected="NAME=VALUE, each name once", found=one[:80])
        text = read_text(Path(value[1:]), f"parameter {name}", limit=MAX_PARAMETER) if value.startswith("@") else value
        try:
            values[name] = read_json(text, f"parameter {name}")
        except InputError as error:
            if text is not value or error.code != "input.json":
                raise
            values[name] = value
    return values


def _with_kind(spec: RecipeSpec[Any], given: Mapping[str, Any], scopes: Sequence[Scope]) -> RecipeParameters:
    """The parameters, with the offers' kind of identifier where the recipe wants one and none is given. InputError
    where the offers' rows can't be aligned so."""
    from placet.core.errors import PlanError
    from placet.core.lawful import alignment_breaches

    parameters: RecipeParameters
    try:
        parameters = spec.parse(given)
    except PlanError:
        kind = {"namespace": scopes[0].namespace} if "namespace" in spec.parameters.model_fields else {}
        parameters = spec.parse({**kind, **given})
    for scope in scopes:
        for breach in alignment_breaches(spec.aligns(parameters), scope):
            raise breach.error(InputError, "input", f"{scope.title}: ")
    return parameters


def _scaled(spec: RecipeSpec[Any], parameters: RecipeParameters, scopes: Sequence[Scope]) -> RecipeParameters:
    """The parameters, with the decimals that all offers declare for the amounts. InputError where these differ."""
    declared = [
        (column, scope.decimals.get(column, 0), scope.title)
        for seat, scope in zip(spec.seats(len(scopes) + 1), scopes, strict=False)
        for column, _ in spec.amounts(seat.name, parameters)
    ]
    scales = {number for _, number, _ in declared}
    if len(scales) > 1:
        raise InputError(
            "the offers count their amounts in different units",
            expected="the same decimals in all",
            found="; ".join(f"{column} of {title}: {number} decimals" for column, number, title in declared),
            remedy="a provider imports its table with other --decimals, and offers it anew",
        )
    given = parameters.to_json()
    if scales - {0} and "decimals" not in given:
        return cast("RecipeParameters", spec.parse({**given, "decimals": scales.pop()}))
    return parameters


def _demand_auditor(
    spec: RecipeSpec[Any], parameters: RecipeParameters, scopes: Sequence[Scope], audit: AuditStakeRequest | None
) -> None:
    """InputError where an offer, whose rows the audit draws, does not name its auditor."""
    from placet.core.lawful import auditor_breaches

    for seat, scope in zip(spec.seats(len(scopes) + 1), scopes, strict=False):
        if audit is not None and spec.samples(seat.name, parameters) is not None:
            for breach in auditor_breaches(audit.auditor, scope):
                raise breach.error(InputError, "input", f"{scope.title}: ")


def own_input(operator: Operator, request: JobRequest) -> OwnInput | None:
    """Of a request that is made again: this institution's own rows, under a consent that stands."""
    from placet.catalogue.specs import spec_of

    spec = spec_of(request.recipe)
    parameters = spec.parse(request.parameters)
    return _own(operator, spec, spec.aligns(parameters), request.purpose, spec.tells(parameters).output)


def _with_parts(
    operator: Operator, spec: RecipeSpec[Any], parameters: RecipeParameters, request: JobRequest, model: KeptModelFacts
) -> JobRequest:
    """The request, with each party's part of the model. NotFoundError names who offers none for this."""
    from placet.core.offers import Scope
    from placet.core.values import parse

    def part(institution: bytes, scopes: Mapping[OfferId, Scope]) -> ModelInput:
        name, offers = operator.trust.name(institution), model.offers(institution)
        return model_inputs.part_of(spec, parameters, request.purpose, name, offers, scopes)

    institutions = [operator.trust.institution(one.address) for one in request.providers]
    offered = {one.id: one.scope for one in offers_of_all(operator, institutions, patient=False)}
    listed = operator.ask("GET", "/v1/offers")["offers"]
    own = {read_offer(one["id"]): parse(Scope, one["scope"]) for one in listed}
    providers = [one.model_copy(update={"model": part(one.address, offered)}) for one in request.providers]
    return request.model_copy(update={"providers": tuple(providers), "model": part(operator.address, own)})


def _output(spec: RecipeSpec[Any], given: Mapping[str, Any]) -> str | None:
    """What the job tells, as offers say it; None where the parameters are not all there yet."""
    from placet.core.errors import PlanError

    try:
        return spec.tells(spec.parse(given)).output
    except PlanError:
        return None


def _request(
    operator: Operator,
    spec: RecipeSpec[Any],
    parameters: RecipeParameters,
    offers: Sequence[Offered],
    engine: str,
    payment: Payment,
    own_ids: Collection[str],
) -> JobRequest:
    from placet.core.values import ZERO20
    from placet.jobs.messages import JobRequest, ProviderRequest

    spec.seats(len(offers) + 1)
    if engine not in spec.engines:
        raise InputError(f"{spec.name} has no such engine", expected=", ".join(spec.engines), found=engine[:80])
    if (payment.reward + payment.pot > 0) != (payment.token is not None):
        raise InputError("payments and their token go together", expected="--token with --reward, --pot or --stake")
    (purpose, *others) = dict.fromkeys(one.scope.purpose for one in offers)
    if others:
        raise InputError("the offers are for several purposes", expected="one", found=", ".join([purpose, *others]))
    own = _own(operator, spec, spec.aligns(parameters), purpose, spec.tells(parameters).output, own_ids)
    return JobRequest(
        recipe=spec.name,
        engine=engine,
        parameters=parameters.to_json(),
        purpose=purpose,
        token=ZERO20 if payment.token is None else read_address(payment.token),
        pot=payment.pot,
        providers=tuple(
            ProviderRequest(address=one.scope.provider, offer=one.id, reward=payment.reward) for one in offers
        ),
        own=own,
        audit=payment.audit,
        data_life=min((one.scope.data_life for one in offers if one.scope.data_life is not None), default=None),
    )


def _own(
    operator: Operator, spec: RecipeSpec[Any], aligns: Aligns, purpose: str, output: str, own_ids: Collection[str] = ()
) -> OwnInput | None:
    """This institution's own offer to itself for recipe, purpose and output, of rows that are found as the others' are,
    and of `own_ids` if there are any. Of its own rows the one that it consented to, the last if there are several;
    of persons' rows the only one. None where the recipe takes nothing of the consumer."""
    from placet.catalogue.spec import CONSUMER
    from placet.core.lawful import alignment_breaches
    from placet.core.offers import Scope
    from placet.core.values import parse, to_hex
    from placet.jobs.messages import OwnInput

    if spec.role(CONSUMER).alias is None:
        return None
    recipe, persons = spec.name, spec.role(CONSUMER).persons
    own = {
        one["id"]
        for one in operator.ask("GET", "/v1/offers")["offers"]
        if read_address(one["offer"]["consumer"]) == operator.address
        and recipe in one["scope"]["recipes"]
        and (one["scope"]["purpose"], one["scope"]["output"]) == (purpose, output)
        and one["scope"]["personal"] is persons
        and not any(alignment_breaches(aligns, parse(Scope, one["scope"])))
        and (not own_ids or one["id"] in own_ids)
    }
    if persons:
        if len(own) != 1:
            raise NotFoundError(
                f"not one own offer of persons' rows for {recipe}",
                expected=f"one offer of this institution to itself for {recipe} and {purpose}, output {output}",
                found=", ".join(sorted(own)) or "no such offer",
                remedy="name one of them: --offers and its id"
                if own
                else "placet vault import --namespace, placet offer make, and consents to it",
            )
        return OwnInput(offer=read_offer(own.pop()))
    consents = operator.ask_all(f"/v1/consents?status=given&owner={to_hex(operator.address)}", "consents")
    given = [one for one in consents if one["offer"] in own]
    if not given:
        raise NotFoundError(
            f"this institution has not consented to an offer of its own list for {recipe}",
            expected=f"an own offer for {recipe} and {purpose}, output {output}, with identifiers of the same kind, "
            "and a consent to it",
            found=f"{len(own)} such offers, none consented to" if own else "no such offer",
            remedy="placet vault import --own --namespace, placet offer make --own, then placet grant",
        )
    last = max(given, key=lambda one: one["block"] or 0)
    return OwnInput(offer=read_offer(last["offer"]), consent=read_consent(last["id"]))


def _tell(operator: Operator, spec: RecipeSpec[Any], offers: Sequence[Offered]) -> None:
    """What the request means, on stderr."""
    say(f"{spec.name}: {spec.does}")
    for one in offers:
        name = operator.trust.name(one.scope.provider)
        say(f"from {name}: {one.scope.title}, {', '.join(one.scope.columns)}; {one.openings} jobs so far")
    for role in spec.roles:
        say(f"the {role.name} learns: {role.learns}")


def _tell_budget(
    operator: Operator, spec: RecipeSpec[Any], parameters: RecipeParameters, offers: Sequence[Offered]
) -> None:
    """What the opening spends of each provider's privacy budgets; nothing where the job adds no noise."""
    from placet.core.privacy import least_epsilon_hundredths

    for seat, one in zip(spec.seats(len(offers) + 1), offers, strict=False):
        if spends := spec.spends(seat.name, parameters):
            epsilon = least_epsilon_hundredths(spends) / 100
            name = operator.trust.name(one.scope.provider)
            say(
                f"the opening spends {spends} nano-rho of the privacy budgets of {name}, for ever: epsilon "
                f"{epsilon:.2f} at delta 0.000001 at the most; its offer had {one.offer.budget} in all, and placet "
                "catalogue says what is left"
            )


def _tell_cost(operator: Operator, spec: RecipeSpec[Any], parameters: RecipeParameters, request: JobRequest) -> None:
    """What the job takes, by how many rows the own table has; nothing where a recipe can't say it."""
    if spec.cost is None:
        return
    offers = operator.ask("GET", "/v1/offers")["offers"]
    brought = None if request.own is None else request.own.offer
    own = next((one["offer"]["dataset"] for one in offers if read_offer(one["id"]) == brought), None)
    tables = operator.ask("GET", "/v1/datasets")["datasets"]
    rows = next((one["rows"] for one in tables if one["id"] == own), None)
    if rows is not None:
        needs = spec.cost(parameters, rows)
        if needs is not None:
            say(f"for {rows} rows of the own table: {needs.words()}, on two cores that nobody else uses")
