"""All commands of `placet` in one tree, each imported when it is asked for."""

from __future__ import annotations

import atexit
import functools
import gc
import io
import sys
from typing import Annotated, Any

import typer

from placet.cli.lazy import Entry, LateGroup
from placet.cli.output import write_line

_ENTRIES = {
    "chain": Entry(
        "placet.cli.chain", "commands", "A local chain for development: Anvil as a child process, its state on disk."
    ),
    "deploy": Entry(
        "placet.cli.chain",
        "deploy",
        "Put the contracts on a chain and write the deployment file that nodes, owners and auditors read.",
    ),
    "key": Entry("placet.cli.keys", "commands", "Encrypted keys of deployers and auditors."),
    "account": Entry("placet.cli.accounts", "commands", "An institution's address whose key can be replaced."),
    "trust": Entry("placet.cli.trust", "commands", "The trust list: which address is which institution."),
    "init": Entry(
        "placet.cli.setup", "init", "Make an institution: node folder, vault folder, keys, certificate, settings."
    ),
    "node": Entry("placet.cli.setup", "node", "Run the institution's node until it is told to end."),
    "vault": Entry("placet.cli.setup", "vault", "The vault: the only process that can read the institution's data."),
    "doctor": Entry("placet.cli.doctor", "doctor", "Say what is wrong with a node and its vault."),
    "offer": Entry("placet.cli.offers", "commands", "Offers: what may be asked of a dataset, by whom, for what."),
    "model": Entry("placet.cli.models", "commands", "Models that jobs made: this institution's parts of them."),
    "batch": Entry(
        "placet.cli.batches", "commands", "Batches: signed consents to one offer, in a file under one root."
    ),
    "grant": Entry(
        "placet.cli.consents", "grant", "The institution's own consent for its own dataset, named on chain."
    ),
    "revoke": Entry(
        "placet.cli.consents", "revoke", "Revoke a consent to one of the own offers, for ever: a lost key, a court."
    ),
    "erase": Entry(
        "placet.cli.erasure", "erase", "Delete all that node and running vault hold of a consent, for good."
    ),
    "consent": Entry(
        "placet.cli.consent_interchange",
        "commands",
        "Consents of other systems: Account Aggregator's and UK Open Banking's, in and out.",
    ),
    "enclave": Entry("placet.cli.enclave", "commands", "Which enclave measurements the institution accepts."),
    "compare": Entry(
        "placet.cli.compare", "commands", "Compare two versions of a contract in an enclave; for the companies."
    ),
    "recipes": Entry(
        "placet.cli.recipes",
        "recipes",
        "List the recipes: what each does, which operations it needs consent for, who learns what by it.",
    ),
    "catalogue": Entry(
        "placet.cli.catalogue",
        "catalogue",
        "Show the datasets of the other institutions, what they offer of them to this one, and what is left of their "
        "privacy budgets.",
    ),
    "job": Entry("placet.cli.jobs", "commands", "Jobs at the own node."),
    "standing": Entry("placet.cli.standing", "commands", "Standing plans: agreed once, opened many times."),
    "owner": Entry(
        "placet.cli.owner", "commands", "The data owner's own client: keys and consents stay on this machine."
    ),
    "identity": Entry("placet.cli.identity", "commands", "The enrolling service: ties owners' keys to persons."),
    "prove": Entry(
        "placet.cli.prove",
        "commands",
        "Statements in zero knowledge about totals and consents: prove, check, put on chain.",
    ),
    "audit": Entry("placet.cli.audit", "commands", "Audit a job."),
    "witness": Entry(
        "placet.cli.witness", "commands", "A witness of the chain: signs what all of a deployment's events come to."
    ),
    "zk": Entry("placet.cli.ceremony", "zk", "What proofs in zero knowledge rest on."),
    "sandbox": Entry(
        "placet.cli.sandbox",
        "commands",
        "Institutions on this machine, for trying out: chain, nodes, vaults, an enroller, persons who consented.",
    ),
    "study": Entry("placet.cli.study", "commands", "Studies: who computes what on whose files, in one study.toml."),
}
"""In the order of the program's help, with the first sentence of their own."""


class CommandLine(LateGroup):
    entries = _ENTRIES


app = typer.Typer(
    name="placet",
    cls=CommandLine,
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


@functools.cache
def tree() -> Any:
    """All commands as a parser has them, not imported yet."""
    return typer.main.get_command(app)


def whole_tree() -> Any:
    """The same, imported: what is forked from a process that has it never does that again."""
    dict(tree().commands)
    return tree()


def run() -> None:
    """`placet`."""
    tree()()
