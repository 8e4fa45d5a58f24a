"""`placet job stakes`, `report`, `answer` and `certificate`: what an audit with stakes asks of people."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from placet.cli.inputs import AsJson, NodeConfig, read, read_job, when, write_new
from placet.cli.operator import Operator
from placet.cli.output import emit, say, table

if TYPE_CHECKING:
    from placet.core.findings import SignedFinding

Job = Annotated[str, typer.Argument(help="The job's id.")]


def stakes(
    config: NodeConfig,
    job: Job,
    settle: Annotated[
        bool, typer.Option("--settle", help="End those whose time is over, and fetch what this institution is owed.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """The stakes that lie on a job's audit, and where each stands."""
    operator, path = Operator(config), f"/v1/jobs/{_id(job)}/stakes"
    _show(operator.ask("POST", f"{path}/settle") if settle else operator.ask("GET", path), as_json)


def report(
    config: NodeConfig,
    job: Job,
    file: Annotated[
        Path,
        typer.Option("--file", help="The auditor's signed finding, of placet audit sample or certificate."),
    ],
    as_json: AsJson = False,
) -> None:
    """Bring an auditor's signed finding on chain, by this institution's account: the stake that it names is at stake
    from then on."""
    signed = read_finding(file)
    _show(Operator(config).ask("POST", f"/v1/jobs/{_id(job)}/finding", signed.to_json()), as_json)


def answer(
    config: NodeConfig,
    job: Job,
    out: Annotated[Path, typer.Option("--out", help="The new file, for the auditor.")],
    finding: Annotated[
        Path | None,
        typer.Option(
            "--finding", help="Where another circuit was found: the auditor's finding. Its certificate is judged first."
        ),
    ] = None,
) -> None:
    """Answer an auditor's finding about this institution, in time. Of drawn places the hash of its opening goes on
    chain, and the auditor may fetch the opening, or be handed the file that only he can open. Of garblings it goes on
    chain that the certificate in the finding is none, or that no finding was shown."""
    operator = Operator(config)
    contest = None if finding is None else {"finding": _contested(operator, job, finding)}
    answered = operator.ask("POST", f"/v1/jobs/{_id(job)}/stakes/answer", contest)
    write_new(out, json.dumps(answered).encode(), mode=0o600)
    who = f"only the auditor with the key {answered['auditor']} opens it" if "sealed" in answered else "for the auditor"
    say(f"{out}: {who}. The stake comes back unless he upholds.")


def certificate(
    config: NodeConfig,
    job: Job,
    out: Annotated[Path, typer.Option("--out", help="The new file, for the auditor.")],
) -> None:
    """Write the certificate that a provider garbled another circuit, if this institution has one: whoever has it can
    judge it, by placet audit certificate."""
    shown = Operator(config).ask("GET", f"/v1/jobs/{_id(job)}/certificate")
    write_new(out, json.dumps(shown).encode(), mode=0o600)
    say(f"{out}: for the auditor whom the plan names, or anybody else.")


def read_finding(file: Path) -> SignedFinding:
    """InputError for a file that is none."""
    from placet.core.certificates import MAX_CERTIFICATE
    from placet.core.findings import SignedFinding
    from placet.core.values import parse

    return parse(SignedFinding, read(file, "finding"), limit=MAX_CERTIFICATE, what="finding")


def _contested(operator: Operator, job: str, file: Path) -> str:
    """The hash of a finding whose certificate is none. StateError where it convinces, or is of something else."""
    from placet.audit.garbling import demand_convincing
    from placet.core.certificates import GarblingFinding
    from placet.core.errors import PlanError, ProtocolError, StateError
    from placet.core.values import to_hex

    finding = read_finding(file).finding
    if not isinstance(finding, GarblingFinding):
        raise StateError("the finding is not about garblings", code="finding.none")
    deployment = operator.deployment
    try:
        demand_convincing(finding.certificate, read_job(job), deployment.jobs, deployment.verifiers)
    except (PlanError, ProtocolError):
        return to_hex(finding.hash())
    raise StateError(
        "the certificate in the finding is right: this institution garbled another circuit",
        expected="a certificate that shows nothing",
        found="one that convinces",
        code="garbled.cheated",
    )


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
