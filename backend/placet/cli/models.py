"""`placet model …`: this institution's parts of models that jobs made, and their place on chain."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from placet.cli.inputs import AsJson, NodeConfig
from placet.cli.offers import Timeout, registration
from placet.cli.operator import Operator
from placet.cli.output import emit, say, table, write_line
from placet.core.errors import NotFoundError

commands = typer.Typer(no_args_is_help=True, help="Models that jobs made: this institution's parts of them.")
Name = Annotated[str, typer.Argument(help="The model's name in the vault; `placet model list` shows them.")]


@commands.command("list")
def list_(config: NodeConfig, as_json: AsJson = False) -> None:
    """Show the models of which the vault keeps a part that may be used."""
    operator = Operator(config)
    models = [_described(operator, one) for one in _models(operator)]
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
def show(config: NodeConfig, name: Name, as_json: AsJson = False) -> None:
    """What is known of a model, its content aside: the job that made it, on how many inputs, and how many consents to
    these have ended since."""
    operator = Operator(config)
    model = _described(operator, _model(operator, name))
    if as_json:
        emit(model)
        return
    for key, value in model.items():
        write_line(f"{key}: {value}")


@commands.command()
def register(config: NodeConfig, name: Name, timeout: Timeout = 120, as_json: AsJson = False) -> None:
    """Register the own part on chain, with the job that made it and the commitment to all parts; once, however often it
    is asked. Offers of it are made as of a table of the institution's own: placet offer make --own, placet grant."""
    operator = Operator(config)
    operator.demand_running()
    model = _model(operator, name)
    operator.send(registration(operator, model, 0), timeout)
    if as_json:
        emit(_described(operator, model))
    else:
        say(f"{name} is registered")
        write_line(model["id"])


def _models(operator: Operator) -> list[dict[str, Any]]:
    return [one for one in operator.ask("GET", "/v1/datasets")["datasets"] if one.get("origin")]


def _model(operator: Operator, name: str) -> dict[str, Any]:
    models = _models(operator)
    for one in models:
        if one["name"] == name:
            return one
    raise NotFoundError(
        "the vault keeps no part of such a model",
        expected=", ".join(one["name"] for one in models) or "none is there",
        found=name[:80],
        remedy="a model may be used once its job is completed; a lost part comes from the vault's backup alone",
    )


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
