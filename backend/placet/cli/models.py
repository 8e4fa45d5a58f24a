"""`placet model …`: models that jobs made: this institution's parts of them, their cards, their place on chain."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any

import typer

from placet.cli import model_export, retrain
from placet.cli.inputs import AsJson, NodeConfig, Timeout, read_address, read_offer
from placet.cli.model_inputs import Model, kept_model, kept_models, origin_of
from placet.cli.operator import Operator
from placet.cli.output import emit, say, table, write_line
from placet.cli.registering import read_card, registration
from placet.core.errors import NotFoundError

commands = typer.Typer(no_args_is_help=True, help="Models that jobs made: this institution's parts of them.")
commands.command()(retrain.retrain)
commands.command()(model_export.export)
commands.command()(model_export.table)
Name = Annotated[str, typer.Argument(help="The model's name in the vault; `placet model list` shows them.")]


@commands.command("list")
def list_(config: NodeConfig, as_json: AsJson = False) -> None:
    """Show the models of which the vault keeps a part that may be used."""
    operator = Operator(config)
    models = [_described(operator, one) for one in kept_models(operator)]
    if as_json:
        emit(models)
        return
    rows = [
        (
            one["name"],
            one["job"],
            "registered" if one["registered"] else "not registered",
            "" if one["withdrawn_since"] is None else str(one["withdrawn_since"]),
        )
        for one in models
    ]
    table("Models", ("name", "made by job", "on chain", "withdrawn since"), rows)


@commands.command()
def show(config: NodeConfig, model: Model, as_json: AsJson = False) -> None:
    """What is known of a model, its content aside: the job that made it, who holds it and whether in clear, on how many
    inputs it was trained, and how many consents to these have ended since. By a job's id, at any party of that job."""
    operator = Operator(config)
    job = origin_of(operator, model)
    about = operator.ask("GET", f"/v1/jobs/{job}/model")
    part = next((one for one in kept_models(operator) if one["origin"] == job), None)
    own = {"job": job} if part is None else _described(operator, part)
    shown = own | {
        "recipe": about["recipe"],
        "held": "in clear" if about["held"] == "clear" else "in parts",
        "holders": [_name(operator, one) for one in about["holders"]],
        "card": about["card_hash"],
        "registered_by": [_name(operator, one["institution"]) for one in about["registered"]],
        "trained_on_inputs": None if about["since"] is None else len(about["since"]),
        "withdrawn_since": about["withdrawn"],
        "withdrawn_by_offer": {one["offer"]: one["withdrawn"] for one in about["since"] or ()},
    }
    if as_json:
        emit(shown)
        return
    for key, value in shown.items():
        write_line(f"{key}: {', '.join(value) if isinstance(value, list) else value}")


@commands.command()
def register(config: NodeConfig, name: Name, timeout: Timeout = 120, as_json: AsJson = False) -> None:
    """Register the own part on chain, or the whole where it came in clear, with the job that made it, the commitment to
    all parts and the hash of the model's card; once, however often it is asked. Offers of it are made as of a table of
    the institution's own: placet offer make --own, placet grant."""
    operator = Operator(config)
    operator.demand_running()
    model = kept_model(operator, name)
    operator.send(registration(operator, model, 0), timeout)
    if as_json:
        emit(_described(operator, model))
    else:
        say(f"{name} is registered")
        write_line(model["id"])


@commands.command()
def card(
    config: NodeConfig,
    model: Model,
    out: Annotated[Path, typer.Option("--out", help="A new folder for card.json and card.html.")],
    as_json: AsJson = False,
) -> None:
    """Write a model's card: as JSON, whose SHA-256 is on chain once the model is registered, and as a page, which says
    how many of those whose consents the model was made under have withdrawn since."""
    from placet.cli.inputs import write_new
    from placet.cli.study_files import demand_free
    from placet.core.hashing import document_bytes
    from placet.core.values import to_hex
    from placet.study.card_page import CardState, card_page

    operator = Operator(config)
    about = operator.ask("GET", f"/v1/jobs/{origin_of(operator, model)}/model")
    document = read_card(about)
    registered = any(
        (one["institution"], one["card"]) == (to_hex(operator.address), to_hex(document.hash))
        for one in about["registered"]
    )
    since = {read_offer(one["offer"]): (one["withdrawn"], one["new_batches"]) for one in about["since"] or ()}
    state = CardState(int(time.time()), registered, None if about["since"] is None else since)
    demand_free(out)
    write_new(out / "card.json", document_bytes(document))
    write_new(out / "card.html", card_page(model, document, state, operator.trust.name).encode())
    if as_json:
        emit({"card": to_hex(document.hash), "registered": registered, "withdrawn_since": state.withdrawn})
        return
    write_line(f"card.json and card.html in {out}")
    on_chain = "as registered on chain" if registered else "which is not registered"
    write_line(f"the card's hash is {to_hex(document.hash)}, {on_chain}")
    write_line(f"withdrawn since the model was made: {'unknown' if state.withdrawn is None else state.withdrawn}")


def _name(operator: Operator, address: str) -> str:
    return operator.trust.name(read_address(address))


def _described(operator: Operator, model: dict[str, Any]) -> dict[str, Any]:
    from placet.core.ids import DatasetId
    from placet.core.values import from_hex

    try:
        registered = operator.chain.dataset(DatasetId(from_hex(model["id"]))).provider == operator.address
    except NotFoundError:
        registered = False
    lineage = model.get("lineage") or {}
    return {
        "name": model["name"],
        "job": model["origin"],
        "dataset": model["id"],
        "commitment": model["commitment"],
        "registered": registered,
        "trained_on_inputs": lineage.get("inputs"),
        "withdrawn_since": lineage.get("withdrawn"),
    }
