"""`placet offer …`: what may be asked of a provider's data."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from placet.cli import offer_record
from placet.cli.inputs import AsJson, NodeConfig, Timeout, read_address, read_name
from placet.cli.operator import EnsureTransaction, Operator
from placet.cli.output import emit, say, table, write_line
from placet.cli.registering import registration
from placet.core.errors import ConsentError, InputError, NotFoundError

if TYPE_CHECKING:
    from placet.core.ids import DatasetId, OfferId
    from placet.core.offers import Offer, Scope

commands = typer.Typer(no_args_is_help=True, help="Offers: what may be asked of a dataset, by whom, for what.")


@commands.command()
def make(
    config: NodeConfig,
    dataset: Annotated[str, typer.Option(help="The vault's table.")],
    consumer: Annotated[str, typer.Option(help="Address of the institution that gets the result.")],
    purpose: Annotated[str, typer.Option(help="A DPV purpose: its IRI, or its last word as in CreditChecking.")],
    operations: Annotated[str, typer.Option(help="What may be done, as in PSI,MPC.")],
    columns: Annotated[str, typer.Option(help="Columns that may be used, separated by commas.")],
    output: Annotated[
        str,
        typer.Option(
            help="What the consumer gets, as its recipe says it: total, level, matches, count, aggregate, association, "
            "noisy-statistics, evaluation, model, shared-model, tree-model, score, band, decision, explained-score …"
        ),
    ],
    recipes: Annotated[str, typer.Option(help="Recipes that may run, separated by commas.")],
    parties: Annotated[str, typer.Option(help="Addresses of all institutions that take part, separated by commas.")],
    title: Annotated[str | None, typer.Option(help="The data's name for people; the table's by default.")] = None,
    enrollers: Annotated[
        str,
        typer.Option(
            help="Addresses of the enrollers whose word counts; by default all of the table's kind of identifier."
        ),
    ] = "",
    own: Annotated[
        bool, typer.Option("--own", help="The data belong to the institution itself, not to persons.")
    ] = False,
    smallest_group: Annotated[int, typer.Option(min=1, help="How many people a result must at least cover.")] = 1,
    smallest_gap: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="For levels, bands, decisions, evaluations: every edge is a multiple of this, in the smallest unit of "
            "the column that is added up, or of the score.",
        ),
    ] = None,
    matched_by: Annotated[
        str,
        typer.Option(
            help="Columns besides the identifier by whose values rows may be matched, separated by commas; owners are "
            "told that this shows which values there are."
        ),
    ] = "",
    smallest_change: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="A job ends whose matches differ from an earlier one's of the consumer in fewer people, but for none.",
        ),
    ] = None,
    tolerated_withdrawals: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="For a model: how many of those it was learned from may have withdrawn; none unless given.",
        ),
    ] = None,
    data_life: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="For how many days the consumer may keep a result: its node deletes it then. Owners are told.",
        ),
    ] = None,
    auditors: Annotated[
        str,
        typer.Option(
            help="Auditors of the trust list, by name or address, separated by commas, to whom a random audit may open "
            "rows that the chain draws; owners are told. Nobody unless given."
        ),
    ] = "",
    bounds: Annotated[
        str,
        typer.Option(
            help="Columns that are only added up within bounds, in their smallest unit: balance=0..1000000,age=0..120."
        ),
    ] = "",
    budget: Annotated[
        int,
        typer.Option(min=0, max=2**53 - 1, help="Privacy budget of all jobs under this offer together, in nano-rho."),
    ] = 0,
    dataset_budget: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=2**53 - 1,
            help="Of a new dataset, for all its offers together and for ever; as much as this offer's by default.",
        ),
    ] = None,
    timeout: Timeout = 120,
    as_json: AsJson = False,
) -> None:
    """Register the dataset, open an offer on it and let the node relay consents. May be given again at any time."""
    from placet.cli.random_audit import named_auditor
    from placet.core.lookalikes import doubts
    from placet.core.offers import Offer
    from placet.core.purposes import purpose_id, purpose_iri
    from placet.core.values import parse, to_hex

    office = Operator(config)
    office.demand_running()
    table = office.dataset(dataset)
    iri = purpose_iri(purpose)
    known = [who.address for who in office.trust.enrollers if table.get("namespace") in who.namespaces]
    accepted = [read_address(a) for a in _list(enrollers)] or known
    _demand_table(table, _list(columns), own)
    terms: dict[str, Any] = {
        "title": read_name(title or dataset),
        "provider": to_hex(office.address),
        "purpose": iri,
        "columns": _list(columns),
        "identifier": None if table.get("origin") else table["identifier"],
        "namespace": table.get("namespace"),
        "decimals": {name: n for name, n in table["decimals"].items() if name in _list(columns)},
        "output": output,
        "smallest_group": smallest_group,
        "recipes": _list(recipes),
        "parties": [to_hex(read_address(a)) for a in _list(parties)],
        "enrollers": [] if own else [to_hex(a) for a in accepted],
        "personal": not own,
    }
    if auditors:
        terms["auditors"] = [to_hex(named_auditor(office.trust, word).address) for word in _list(auditors)]
    if matched_by:
        terms["matched_by"] = _list(matched_by)
    if bounds:
        terms["bounds"] = dict(map(_bounds, _list(bounds)))
    if smallest_gap is not None:
        terms["smallest_gap"] = str(smallest_gap)
    if smallest_change is not None:
        terms["smallest_change"] = smallest_change
    if tolerated_withdrawals is not None:
        terms["tolerated_withdrawals"] = tolerated_withdrawals
    if data_life is not None:
        terms["data_life"] = data_life
    for doubt in doubts(terms["title"], office.trust.names):
        say(f"warning: {doubt}")
    scope = _scope(office, terms)
    offer = parse(
        Offer,
        {
            "dataset": table["id"],
            "consumer": to_hex(read_address(consumer)),
            "purpose": to_hex(purpose_id(iri)),
            "operations": _operations(operations),
            "scope": to_hex(scope.hash),
            "budget": budget,
        },
    )
    _demand_known(office, offer, scope)
    whole = budget if dataset_budget is None else dataset_budget
    if not _offered(office, offer.id):
        demand_reach(budget, _left_of(office, offer.dataset, whole))
    _publish(office, table, offer, scope, whole, timeout)
    if as_json:
        emit({"offer": to_hex(offer.id), "dataset": to_hex(offer.dataset), "scope": scope.to_json()})
    else:
        write_line(to_hex(offer.id))


def demand_reach(budget: int, left: int) -> None:
    """ConsentError where a new offer says a larger privacy budget than its dataset has left: people would consent to
    jobs that the chain can't open for want of it. Both in nano-rho."""
    if budget > left:
        raise ConsentError(
            "the dataset's privacy budget does not reach as far as this offer's",
            expected=f"--budget of at most {left} nano-rho, which the dataset has left",
            found=str(budget),
            remedy="a dataset's budget is said once, at its first offer: import the table under another name, which "
            "makes it another dataset, and make its first offer with --budget or --dataset-budget",
            code="consent.budget",
        )


def _left_of(office: Operator, dataset: DatasetId, whole: int) -> int:
    """What a dataset has left of its privacy budget; all of `whole` before it is registered."""
    try:
        state = office.chain.dataset(dataset)
    except NotFoundError:
        return whole
    return state.budget - state.spent


def _offered(office: Operator, offer: OfferId) -> bool:
    """Whether the institution's offer stands on chain."""
    try:
        return office.chain.offer(offer).provider == office.address
    except NotFoundError:
        return False


def _demand_table(table: Mapping[str, Any], columns: list[str], own: bool) -> None:
    """InputError unless the table has these columns, and is whose the offer says."""
    unknown = set(columns) - set(table["columns"])
    if unknown:
        raise InputError("the table has no such columns", expected=", ".join(table["columns"]), found=sorted(unknown))
    if table.get("namespace") is None and not table.get("origin"):
        raise InputError(
            "the table does not say what kind of identifier its subjects have",
            remedy="import it once more: placet vault import",
        )
    if own is table["personal"]:
        raise InputError(
            "offer and table disagree on whose data these are",
            expected="persons'" if table["personal"] else "the institution's own (--own)",
            remedy="say --own at placet vault import and here, or at neither",
        )


def _list(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _bounds(text: str) -> tuple[str, list[int]]:
    """A column and its bounds, of a text as in age=0..120."""
    parts = re.fullmatch(r"([^=]{1,64})=(-?[0-9]{1,15})\.\.(-?[0-9]{1,15})", text)
    if parts is None:
        raise InputError("no bounds", expected="COLUMN=LOWEST..HIGHEST, two whole numbers", found=text[:80])
    return parts[1], [int(parts[2]), int(parts[3])]


def _operations(text: str) -> int:
    from placet.core.purposes import Operation

    names = {operation.name: int(operation) for operation in Operation}
    flags = 0
    for word in _list(text):
        if word.upper() not in names:
            raise InputError("unknown operation", expected=", ".join(map(str, names)), found=word[:40])
        flags |= names[word.upper()]
    return flags


def _scope(office: Operator, terms: dict[str, Any]) -> Scope:
    """The scope document with these contents: the one that is there, else a new one with a fresh salt, on disk."""
    import secrets

    from placet.core.offers import Scope
    from placet.core.values import parse, to_hex
    from placet.node.consents.scopes import Scopes

    scopes = Scopes(office.settings.path(office.settings.scopes))
    fresh = parse(Scope, {**terms, "salt": to_hex(secrets.token_bytes(32))}, what="the offer's scope")
    for old in scopes.all().values():
        if old.model_copy(update={"salt": fresh.salt}) == fresh:
            return old
    scopes.add(fresh)
    return fresh


def _demand_known(office: Operator, offer: Offer, scope: Scope) -> None:
    from placet.core.namespace import namespace_words
    from placet.core.purposes import operation_words

    operation_words(offer.operations)
    for address in (scope.provider, offer.consumer, *scope.parties):
        office.trust.institution(address)
    if scope.namespace is not None:
        namespace_words(scope.namespace, office.trust.name)
    for address in scope.enrollers:
        if not office.trust.enrols(address, scope.namespace):
            raise NotFoundError(
                "the trust list names no such enroller for this kind of identifier",
                expected=f"one that enrols under {scope.namespace}",
                found="0x" + address.hex(),
                remedy="name another one, or add the kind to its entry: placet trust add --replace",
            )
    if office.address not in scope.parties or offer.consumer not in scope.parties:
        raise InputError("provider and consumer must be among the parties")


def _publish(
    office: Operator, dataset_info: Mapping[str, Any], offer: Offer, scope: Scope, budget: int, timeout: float
) -> None:
    chain, calls = office.chain, office.calls

    def appointed() -> bool:
        return chain.is_relay(office.address, office.recorder)

    wishes = registration(office, dataset_info, budget)
    wishes.append(EnsureTransaction(f"offer:{offer.id.hex()}", calls.offer(offer), lambda: _offered(office, offer.id)))
    wishes.append(
        EnsureTransaction(f"appoint:{office.recorder.hex()}", calls.appoint(office.recorder, True), appointed)
    )
    office.send(wishes, timeout)


@commands.command("list")
def list_(config: NodeConfig, as_json: AsJson = False) -> None:
    """Show the node's offers."""
    office = Operator(config)
    offers = office.ask("GET", "/v1/offers")["offers"]
    if as_json:
        emit(offers)
        return
    name = office.trust.name_or_address
    rows = [
        (
            one["id"],
            one["scope"]["title"],
            one["consumer"]["name"],
            ", ".join(name(read_address(who)) for who in one["scope"].get("auditors", ())) or "-",
            str(one["openings"]),
        )
        for one in offers
    ]
    table("Offers", ("offer", "data", "consumer", "auditors of drawn rows", "jobs opened"), rows)


commands.command()(offer_record.record)
