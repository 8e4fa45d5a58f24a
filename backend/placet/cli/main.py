"""All commands of `placet` in one tree."""

from __future__ import annotations

import atexit
import functools
import gc
import io
import sys
from typing import Annotated, Any

import typer

from placet.cli import (
    audit,
    batches,
    catalogue,
    ceremony,
    chain,
    compare,
    consents,
    doctor,
    enclave,
    erasure,
    identity,
    jobs,
    keys,
    model_export,
    models,
    offers,
    owner,
    prove,
    recipes,
    sandbox,
    setup,
    standing,
    study,
    trust,
)
from placet.cli.output import Commands, write_line

app = typer.Typer(
    name="placet",
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Consent on a chain before computation over other people's data, and a trail that a stranger can check.",
)


def _version(show: bool) -> None:
    if show:
        from importlib.metadata import version

        write_line(f"placet {version('placet')}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Options of the whole program."""
    # Most of what a start makes are modules, which are never garbage: collecting among them, while they are imported
    # and once more at the end, is a third of a command's processor time.
    gc.set_threshold(50_000, 20, 20)
    atexit.register(gc.freeze)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # what a terminal's encoding lacks is shown as an escape


app.add_typer(chain.commands, name="chain")
app.command("deploy")(chain.deploy)
app.add_typer(keys.commands, name="key")
app.add_typer(trust.commands, name="trust")
app.command("init")(setup.init)
app.command("node")(setup.node)
app.add_typer(setup.vault, name="vault")
app.command("doctor")(doctor.doctor)
app.add_typer(offers.commands, name="offer")
models.commands.command("export")(model_export.export)
models.commands.command("table")(model_export.table)
app.add_typer(models.commands, name="model")
app.add_typer(batches.commands, name="batch")
app.command("grant")(consents.grant)
app.command("revoke")(consents.revoke)
app.command("erase")(erasure.erase)
app.add_typer(enclave.commands, name="enclave")
app.add_typer(compare.commands, name="compare")
app.command("recipes")(recipes.recipes)
app.command("catalogue")(catalogue.catalogue)
app.add_typer(jobs.commands, name="job")
app.add_typer(standing.commands, name="standing")
app.add_typer(owner.commands, name="owner")
app.add_typer(identity.commands, name="identity")
app.add_typer(prove.commands, name="prove")
app.add_typer(audit.commands, name="audit")
app.add_typer(ceremony.zk, name="zk")
app.add_typer(sandbox.commands, name="sandbox")
app.add_typer(study.commands, name="study")


@functools.cache
def tree() -> Any:
    """All commands as a parser has them. Making it takes a third of a short command's time, so each process does once,
    and what is forked from a process that has it never."""
    return typer.main.get_command(app)


def run() -> None:
    """`placet`."""
    tree()()
