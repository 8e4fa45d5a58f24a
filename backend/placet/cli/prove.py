"""`placet prove …`: totals signed for people, bands proven of them, and what a relying party checks."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from placet.cli.inputs import (
    AsJson,
    DeploymentFile,
    NodeConfig,
    Timeout,
    TrustFile,
    demand_url,
    read_address,
    read_deployment,
    read_job,
    read_name,
    read_span,
    read_trust,
    when,
    write_new,
)
from placet.cli.operator import EnsureTransaction, Operator
from placet.cli.output import Commands, emit, write_line
from placet.cli.proof_files import (
    Keys,
    NewProof,
    NewTotal,
    Proof,
    ProofTerms,
    Until,
    amount_of,
    key_registration,
    made_by,
    make_proof,
    read_amount,
    read_proof,
    read_registered,
    read_total,
    read_verification,
)
from placet.cli.prove_consent import checked_consent, tree
from placet.core.errors import InputError, NotFoundError

if TYPE_CHECKING:
    from placet.chain.client import Chain
    from placet.core.statements import ProvenStatement, VerificationKey
    from placet.core.trust import Deployment, TrustList

commands = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    help="Statements in zero knowledge about totals and consents: prove, check, put on chain.",
)
commands.command()(tree)


@commands.command()
def total(
    config: NodeConfig,
    job: Annotated[str, typer.Argument(help="An asset-view job of this consumer that completed with totals.")],
    customer: Annotated[str, typer.Option(help="Whose total: the identifier in the result.")],
    person: Annotated[str, typer.Option(help="That person's address, or public key behind its verifier (0x…).")],
    purpose: Annotated[str, typer.Option(help="What the person may use it for; relying parties read it.")],
    out: NewTotal,
    valid: Annotated[str, typer.Option(help="For how long, as in 90d.")] = "90d",
) -> None:
    """Sign a customer's total for that customer, who alone can prove bands of it. The file is their secret."""
    from placet.core.signatures import Key
    from placet.core.statements import OpenedTotal, SignedTotal, Total
    from placet.core.values import parse, to_hex
    from placet.protocols.zk.band import commitment, new_salt

    operator = Operator(config)
    job_id = read_job(job)
    answer = operator.ask("GET", f"/v1/jobs/{to_hex(job_id)}/result")
    value = _total_of(answer, customer)
    salt, now = new_salt(), int(time.time())
    body = {
        "job": to_hex(job_id),
        "person": person,
        "commitment": to_hex(commitment(value, salt, job_id)),
        "decimals": answer["report"]["decimals"],
        "issued_at": now,
        "not_after": now + read_span(valid),
        "purpose": read_name(purpose, "purpose"),
    }
    signed_for = parse(Total, json.dumps(body), what="total")
    domain, key = operator.deployment.proven, Key(operator.secret("signer"))
    opened = OpenedTotal(
        chain_id=domain.chain_id,
        statements=domain.contract,
        signed=SignedTotal(total=signed_for, issuer=key.address, signature=key.sign(signed_for.digest(domain))),
        value=value,
        salt=salt,
    )
    write_new(out, json.dumps(opened.to_json(), indent=1).encode(), mode=0o600)
    write_line(to_hex(signed_for.commitment))


def _total_of(answer: dict[str, Any], customer: str) -> int:
    rows = [row for row in answer["rows"] if row.get("customer") == customer]
    if len(rows) != 1:
        raise NotFoundError("the result has no such customer", expected="one row", found=f"{len(rows)} rows")
    if "total" not in rows[0]:
        raise InputError(
            "the job's result has no totals", expected="asset-view without edges", found="levels or another recipe"
        )
    return int(rows[0]["total"])


@commands.command()
def band(
    deployment: DeploymentFile,
    file: Annotated[Path, typer.Argument(help="The total, as `placet prove total` wrote it.")],
    low: Annotated[str, typer.Option("--from", help="The total is at least this, as in 1000.50.")],
    below: Annotated[str, typer.Option("--below", help="The total is less than this.")],
    relying_party: Annotated[str, typer.Option("--for", help="For whom: an address.")],
    keys: Keys,
    out: NewProof,
    prover: Annotated[
        str | None, typer.Option(help="Whose statement it is, an address; the person's if not given.")
    ] = None,
    valid: Until = "7d",
) -> None:
    """Prove that a signed total lies in a band, and nothing else of it. No institution is asked."""
    opened = read_total(file)
    decimals = opened.signed.total.decimals
    bounds = read_amount(low, decimals), read_amount(below, decimals)
    make_proof(opened, bounds, ProofTerms(relying_party, prover, valid), read_deployment(deployment), keys, out)


@commands.command()
def check(
    deployment: DeploymentFile,
    trust: TrustFile,
    file: Proof,
    keys: Annotated[Path | None, typer.Option(help="The folder of your own copy of the keys; or --url.")] = None,
    url: Annotated[
        str | None,
        typer.Option(
            "--url",
            envvar="PLACET_CHAIN_URL",
            help="A chain endpoint of your own choice: key, ceremony, job and its consumer are looked up.",
            callback=demand_url,
        ),
    ] = None,
    relying_party: Annotated[str | None, typer.Option("--as", help="Your address, for whom the proof is.")] = None,
    at_least: Annotated[str | None, typer.Option(help="Demand that it shows at least this.")] = None,
    as_json: AsJson = False,
) -> None:
    """Check a proof: what it shows, who vouches for what it is about, for whom, until when. Exit code 0: all holds."""
    from placet.core.statements import ProvenStatement
    from placet.protocols.zk.relying import demand_proven

    proven, named, trusted = read_proof(file), read_deployment(deployment), read_trust(trust)
    own = None if keys is None else read_verification(keys)
    if not isinstance(proven, ProvenStatement):
        if url is None or at_least is not None:
            raise InputError("a proof of a consent is checked against the chain", expected="--url, and no amount")
        return _tell(checked_consent(proven, _chain(url, named), own, trusted, relying_party), as_json)
    if keys is None and url is None:
        raise InputError("no verification key", expected="--keys with your own copy, or --url", found="neither")
    facts: dict[str, Any] = {"chain": "not asked"}
    if url is not None:
        own, facts = _on_chain(proven, named, trusted, url, own)
    assert own is not None  # noqa: S101 - one of the two was given
    demand_proven(
        proven,
        own,
        deployment=named,
        trust=trusted,
        relying_party=None if relying_party is None else read_address(relying_party),
        now=int(time.time()),
    )
    if at_least is not None:
        _demand_low(proven, read_amount(at_least, proven.signed.total.decimals))
    return _tell(_report(proven, trusted) | facts, as_json)


def _tell(report: dict[str, Any], as_json: bool) -> None:
    if as_json:
        emit(report)
        return
    for name, value in report.items():
        write_line(f"{name.replace('_', ' ')}: {value}")


def _chain(url: str, deployment: Deployment) -> Chain:
    from placet.chain.client import Chain

    chain = Chain(url, deployment)
    chain.check()
    return chain


def _on_chain(
    proven: ProvenStatement, deployment: Deployment, trust: TrustList, url: str, own: VerificationKey | None
) -> tuple[VerificationKey, dict[str, Any]]:
    """The key as the chain has it, and what the chain says; refused where the issuer is not the job's consumer."""
    from placet.chain.statements import consumer_of, recorded_at
    from placet.chain.states import JobStatus
    from placet.core.values import to_hex

    chain, statement = _chain(url, deployment), proven.statement
    registered = read_registered(chain, statement.key, own)
    ceremony = made_by(registered, trust)
    consumer, state = consumer_of(chain, statement.job), chain.job(statement.job)
    if consumer != proven.signed.issuer:
        raise InputError(
            "who vouches for the total is not the job's consumer",
            expected=to_hex(consumer),
            found=to_hex(proven.signed.issuer),
            code="proof.issuer",
        )
    if state.status not in (JobStatus.COMPLETED, JobStatus.CLOSED):
        raise InputError(
            "the job has no result", expected="a job that completed", found=state.status.name.lower(), code="proof.job"
        )
    recorded = recorded_at(chain, statement)
    return registered.verification, {
        "chain": "asked",
        "job_status": state.status.name.lower(),
        "ceremony": ceremony,
        "recorded": when(recorded) if recorded else "no",
    }


def _demand_low(proven: ProvenStatement, least: int) -> None:
    if proven.statement.low < least:
        decimals = proven.signed.total.decimals
        raise InputError(
            "the proof shows less",
            expected=f"at least {amount_of(least, decimals)}",
            found=f"at least {amount_of(proven.statement.low, decimals)}",
            code="proof.band",
        )


def _report(proven: ProvenStatement, trust: TrustList) -> dict[str, Any]:
    from placet.core.statements import MOST
    from placet.core.values import to_hex

    statement, total = proven.statement, proven.signed.total
    shown = f"at least {amount_of(statement.low, total.decimals)}"
    if statement.high != MOST:
        shown += f" and less than {amount_of(statement.high, total.decimals)}"
    return {
        "total": shown,
        "of": to_hex(total.person),
        "vouched_for_by": trust.name(proven.signed.issuer),
        "as_of": when(total.issued_at),
        "purpose": total.purpose,
        "prover": to_hex(statement.prover),
        "for": to_hex(statement.relying_party),
        "until": when(min(statement.until, total.not_after)),
        "job": to_hex(statement.job),
        "key": to_hex(statement.key),
    }


@commands.command()
def register(config: NodeConfig, keys: Keys, timeout: Timeout = 120) -> None:
    """Put a circuit's verification key on chain, once for everybody. Its id is what statements name."""
    from placet.core.values import to_hex

    operator, key = Operator(config), read_verification(keys)
    operator.send([key_registration(operator, key)], timeout)
    write_line(to_hex(key.id))


@commands.command()
def record(config: NodeConfig, file: Proof, timeout: Timeout = 120) -> None:
    """Have the chain verify a proof and record its statement for its prover, whoever sends it."""
    from placet.chain.statements import record_statement, recorded_at
    from placet.core.hashing import document_hash
    from placet.core.statements import demand_place

    operator, proven = Operator(config), read_proof(file)
    demand_place(proven.chain_id, proven.statements, operator.deployment.proven, "proof")
    statement = proven.statement
    call, name = record_statement(operator.deployment, proven), f"prove-record:{document_hash(statement).hex()}"
    wish = EnsureTransaction(name, call, lambda: recorded_at(operator.chain, statement) != 0)
    operator.send([wish], timeout)
    write_line(when(recorded_at(operator.chain, statement)))
