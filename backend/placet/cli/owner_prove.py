"""`placet owner prove`: a person shows a lender "at least this much" from a total that an institution signed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from placet.cli.inputs import DeploymentFile, read_deployment
from placet.cli.proof_files import Keys, NewProof, ProofTerms, Until, make_proof, read_amount, read_total


def prove(
    deployment: DeploymentFile,
    file: Annotated[Path, typer.Argument(help="The total that the institution signed for you. Keep it to yourself.")],
    at_least: Annotated[str, typer.Option(help="What you want to show, as in 1000.50.")],
    relying_party: Annotated[str, typer.Option("--for", help="To whom: the lender's address. Nobody else can use it.")],
    keys: Keys,
    out: NewProof,
    prover: Annotated[str | None, typer.Option(help="Your address, if your key in the total is none.")] = None,
    valid: Until = "7d",
) -> None:
    """Show a lender that you have at least this much, and nothing else. No institution is asked or told."""
    from placet.core.statements import MOST

    opened = read_total(file)
    least = read_amount(at_least, opened.signed.total.decimals)
    terms = ProofTerms(relying_party, prover, valid)
    make_proof(opened, (least, MOST), terms, read_deployment(deployment), keys, out)
