"""`placet job stakes`, `report` and `answer`: what a random audit asks of an institution's people."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from placet.cli.inputs import AsJson, NodeConfig, read, read_job, when, write_new
from placet.cli.operator import Operator
from placet.cli.output import emit, say, table

MAX_FINDING = 4 << 20
Job = Annotated[str, typer.Argument(help="The job's id.")]


def stakes(
    config: NodeConfig,
    job: Job,
    settle: Annotated[
        bool, typer.Option("--settle", help="End those whose time is over, and fetch what this institution is owed.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """The stakes that lie on a job's random audit, and where each stands."""
    operator, path = Operator(config), f"/v1/jobs/{_id(job)}/stakes"
    _show(operator.ask("POST", f"{path}/settle") if settle else operator.ask("GET", path), as_json)


def report(
    config: NodeConfig,
    job: Job,
    file: Annotated[Path, typer.Option("--file", help="The auditor's signed finding, of placet audit sample.")],
    as_json: AsJson = False,
) -> None:
    """Bring an auditor's signed finding on chain, by this institution's account: the stake that it names is at stake
    from then on."""
    from placet.core.sample import SignedFinding
    from placet.core.values import parse

    signed = parse(SignedFinding, read(file, "finding"), limit=MAX_FINDING, what="finding")
    _show(Operator(config).ask("POST", f"/v1/jobs/{_id(job)}/finding", signed.to_json()), as_json)


def answer(
    config: NodeConfig,
    job: Job,
    out: Annotated[Path, typer.Option("--out", help="The new file, for the auditor.")],
) -> None:
    """Answer an auditor's finding about this institution, in time: the hash of its opening goes on chain, and the
    auditor may fetch the opening, or be handed the file that only he can open."""
    sealed = Operator(config).ask("POST", f"/v1/jobs/{_id(job)}/stakes/answer")
    write_new(out, json.dumps(sealed).encode(), mode=0o600)
    say(f"{out}: only the auditor with the key {sealed['auditor']} opens it. The stake comes back unless he upholds.")


def _show(answer: dict[str, Any], as_json: bool) -> None:
    if as_json:
        return emit(answer["stakes"])
    rows = [
        (
            one["institution"]["name"],
            one["amount"],
            one["status"] if one["fault"] == "none" else f"{one['status']} ({one['fault']})",
            when(one["until"] or one["find_by"]),
            one["beneficiary"]["name"],
        )
        for one in answer["stakes"]
    ]
    table("Stakes", ("of", "amount", "state", "until", "lost to"), rows)


def _id(text: str) -> str:
    from placet.core.values import to_hex

    return to_hex(read_job(text))
