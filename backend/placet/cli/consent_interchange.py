"""`placet consent …`: consents of other people's systems, in and out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer

from placet.cli.inputs import (
    AsJson,
    DeploymentFile,
    NodeConfig,
    TrustFile,
    demand_url,
    read,
    read_consent,
    read_deployment,
    read_text,
    read_trust,
    when,
    write_new,
)
from placet.cli.output import emit, say, write_line
from placet.cli.receipts import checked_receipt

if TYPE_CHECKING:
    from placet.core.receipts import ReceiptFacts
    from placet.interchange.exports import Exported
    from placet.interchange.requests import System

commands = typer.Typer(
    no_args_is_help=True,
    help="Consents of other systems: Account Aggregator's and UK Open Banking's, in and out.",
)
_SYSTEMS = "account-aggregator or uk-open-banking."


def _system(text: str) -> System:
    from placet.interchange.requests import System

    known = next((one for one in get_args(System) if one == text), None)
    if known is None:
        raise typer.BadParameter(f"the system is {_SYSTEMS}")
    system: System = known
    return system


@commands.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="The artefact, as the other system gave it.")],
    system: Annotated[str, typer.Option("--from", help=f"Which system's: {_SYSTEMS}")],
    out: Annotated[Path, typer.Option("--out", help="The new file: a request, which its owner may sign.")],
    key: Annotated[
        Path | None,
        typer.Option(help="PEM: your own copy of the signer's RSA key or certificate; without it nothing is checked."),
    ] = None,
    signature: Annotated[
        Path | None, typer.Option(help="The detached JWS over the file (x-jws-signature); with --key.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Read an artefact of another system into a request for a consent, which only an owner signs."""
    from placet.interchange.account_aggregator import MAX_ARTEFACT
    from placet.interchange.aggregator_mapping import from_aggregator
    from placet.interchange.jws import MAX_JWS
    from placet.interchange.open_banking_mapping import from_open_banking

    reader = from_aggregator if _system(system) == "account-aggregator" else from_open_banking
    if signature is not None and key is None:
        raise typer.BadParameter("--signature is checked with --key")
    raw = read(file, "artefact", limit=MAX_ARTEFACT)
    pem = None if key is None else read(key, "signer's key")
    detached = None if signature is None else read_text(signature, "signature", limit=MAX_JWS)
    request = reader(raw, pem, detached)
    write_new(out, _written(request.to_json()), mode=0o600)
    if as_json:
        emit(request.to_json())
        return
    write_line(f"{request.status} there, {request.means} in our words; signature {request.signature}")
    for one in request.unmatched:
        write_line(f"no counterpart: {one.member}: {one.why}")
    say("this is no consent: an owner signs it with placet owner grant --request")


@commands.command()
def receipt(
    config: NodeConfig,
    consent: Annotated[str, typer.Argument(help="The id of a consent to one of the own offers.")],
    out: Annotated[Path, typer.Option("--out", help="The new file.")],
) -> None:
    """Keep the own node's receipt for a consent: what `export` reads. Owners have their own: placet owner receipt."""
    from placet.cli.operator import Operator
    from placet.core.receipts import SignedReceipt
    from placet.core.values import parse, to_hex

    office = Operator(config)
    answer = office.ask("GET", f"/v1/consents/{to_hex(read_consent(consent))}/receipt")
    signed = parse(SignedReceipt, answer, what="the node's receipt")
    write_new(out, _written(signed.to_json()), mode=0o600)
    write_line(signed.demand(office.deployment, office.trust).status)


@commands.command()
def export(
    receipt: Annotated[
        Path, typer.Argument(help="A receipt for the consent: its status is as of the receipt's block.")
    ],
    system: Annotated[str, typer.Option("--to", help=f"For which system: {_SYSTEMS}")],
    terms: Annotated[
        Path,
        typer.Option(
            help="JSON: the artefact's members that no consent of ours says, by their names there; your word."
        ),
    ],
    out: Annotated[Path, typer.Option("--out", help="The new file: the artefact, unsigned.")],
    deployment: DeploymentFile,
    trust: TrustFile,
    url: Annotated[
        str | None,
        typer.Option(
            "--url",
            envvar="PLACET_CHAIN_URL",
            help="A chain endpoint of your own choice, to hold the receipt against; else nothing is asked of it.",
            callback=demand_url,
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write a consent as another system's artefact, for whoever signs there. What it can't say is listed."""
    facts = _checked(receipt, deployment, trust, url)
    exported = _exported(_system(system), facts, terms)
    write_new(out, _written(exported.artefact.to_json()), mode=0o600)
    if as_json:
        words = {name: getattr(exported, name) for name in ("from_consent", "from_author", "not_said")}
        emit({"status": facts.status, "as_of_block": exported.as_of.block} | words)
    else:
        write_line(f"{facts.status} as of block {exported.as_of.block}, {when(exported.as_of.at)}")
        _say_words(exported)


def _say_words(exported: Exported) -> None:
    write_line("from the consent: " + ", ".join(exported.from_consent))
    write_line("your word: " + ", ".join(exported.from_author))
    for one in exported.not_said:
        write_line(f"no counterpart: {one}")


def _checked(file: Path, deployment: Path, trust: Path, url: str | None) -> ReceiptFacts:
    from placet.core.errors import ConsentError

    facts, standing = checked_receipt(file, read_deployment(deployment), read_trust(trust), url)
    if standing is not None and standing.ended and facts.ended is None:
        raise ConsentError(
            "the consent has ended since the receipt", remedy="fetch a new receipt", code="consent.receipt"
        )
    return facts


def _exported(system: System, facts: ReceiptFacts, file: Path) -> Exported:
    from placet.core.values import parse
    from placet.interchange.account_aggregator import MAX_ARTEFACT
    from placet.interchange.aggregator_mapping import AggregatorTerms, to_aggregator
    from placet.interchange.open_banking_mapping import AccessTerms, to_open_banking

    text = read_text(file, "artefact's terms", limit=MAX_ARTEFACT)
    if system == "account-aggregator":
        return to_aggregator(facts, parse(AggregatorTerms, text, what="the artefact's terms"))
    return to_open_banking(facts, parse(AccessTerms, text, what="the artefact's terms"))


def _written(document: dict[str, Any]) -> bytes:
    return json.dumps(document, indent=1, ensure_ascii=False).encode() + b"\n"
