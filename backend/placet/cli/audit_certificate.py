"""`placet audit certificate`: whether a party garbled another circuit, by the certificate that another has of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from placet.cli.inputs import (
    AsJson,
    PassphraseFile,
    demand_url,
    passphrase,
    read,
    read_deployment,
    read_job,
    read_trust,
    write_new,
)
from placet.cli.output import emit, say, write_line
from placet.core.errors import ConfigError, InputError, StateError

if TYPE_CHECKING:
    from placet.catalogue.declared import DeclaredJob
    from placet.chain.client import Chain
    from placet.cli.auditor_requests import NodeOfInstitution
    from placet.core.certificates import GarblingCertificate
    from placet.core.findings import SignedFinding
    from placet.core.ids import JobId
    from placet.core.signatures import Key
    from placet.core.trust import TrustList

CHEATED = 3
"""Exit code."""


def certificate(
    job: Annotated[str, typer.Argument(help="The job's id.")],
    url: Annotated[
        str,
        typer.Option("--url", envvar="PLACET_CHAIN_URL", help="Your own chain endpoint.", callback=demand_url),
    ],
    deployment: Annotated[Path, typer.Option(envvar="PLACET_DEPLOYMENT", help="Your own copy of the deployment file.")],
    trust: Annotated[Path, typer.Option(envvar="PLACET_TRUST", help="Your own copy of the trust list.")],
    file: Annotated[
        Path | None,
        typer.Option("--file", help="The certificate, of placet job certificate; else the consumer's node is asked."),
    ] = None,
    key: Annotated[
        Path | None,
        typer.Option(help="Keystore of the auditor: to ask the consumer's node, and to sign what is found."),
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="The new file for the signed finding.")] = None,
    report: Annotated[
        bool, typer.Option("--report", help="Have the consumer's node bring the finding on chain at once.")
    ] = False,
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Make the garbling of a certificate again. Exit code 3 where it is another circuit than the plan's, by the
    garbler's own signature; an error where the certificate shows nothing. The auditor whom the plan names signs, with
    --out, what costs the garbler its stake: placet job report brings it on chain, or --report does."""
    from placet.audit.garbling import demand_convincing
    from placet.chain.client import Chain
    from placet.chain.keystore import load_secret
    from placet.core.signatures import Key

    if (out is None) > (not report) or (key is None and (file is None or out is not None)):
        raise InputError("options that don't go together", expected="--key with --out, --out with --report, or --file")
    if out is not None and out.exists():
        raise ConfigError("the file is there already", expected="a new one for each finding", found=out)
    identity, trusted = read_job(job), read_trust(trust)
    chain = Chain(url, read_deployment(deployment))
    auditor = None if key is None else Key(load_secret(key, passphrase(passphrase_file)))
    shown = _shown(chain, trusted, identity, file, auditor)
    whole = demand_convincing(shown, identity, chain.deployment.jobs, chain.verifiers)
    accused = trusted.name(shown.plan.parties[shown.complaint.accused].signer)
    signed = None if auditor is None or out is None else _signed(chain, whole, shown, identity, auditor)
    if signed is not None and out is not None and auditor is not None:
        write_new(out, json.dumps(signed.to_json()).encode())
        if report:
            _reported(_consumers(chain, trusted, identity), chain, auditor, signed)
    if as_json:
        emit({"accused": accused, "finding": None if signed is None else signed.to_json()})
    else:
        write_line(f"{accused} garbled another circuit than the plan's in attempt {shown.complaint.attempt}")
    raise typer.Exit(CHEATED)


def _shown(chain: Chain, trust: TrustList, job: JobId, file: Path | None, auditor: Key | None) -> GarblingCertificate:
    """From the file, or from the node of the job's consumer."""
    from placet.core.certificates import MAX_CERTIFICATE, GarblingCertificate
    from placet.core.values import parse, to_hex

    if file is not None:
        content = read(file, "certificate")
    else:
        assert auditor is not None  # noqa: S101 - the options go together
        path = f"/v1/jobs/{to_hex(job)}/certificate"
        node = _consumers(chain, trust, job)
        content = node.ask(auditor, chain.deployment.consents, "GET", path, limit=MAX_CERTIFICATE)
    return parse(GarblingCertificate, content, limit=MAX_CERTIFICATE, what="certificate")


def _consumers(chain: Chain, trust: TrustList, job: JobId) -> NodeOfInstitution:
    """StateError for a job that was never opened."""
    from placet.chain.events import JobOpened
    from placet.cli.auditor_requests import NodeOfInstitution

    opened = chain.events((JobOpened,), chain.deployment.block, job=job)
    if not opened:
        raise StateError("the job was never opened", code="job.status")
    return NodeOfInstitution(trust, opened[0].consumer)


def _signed(chain: Chain, whole: DeclaredJob, shown: GarblingCertificate, job: JobId, auditor: Key) -> SignedFinding:
    """Under what the contract asks for now. StateError where no stake lies on the garblings; InputError for another
    auditor than the plan's."""
    from placet.core.certificates import GarblingFinding
    from placet.core.findings import SignedFinding, finding_struct
    from placet.core.stakes import StakeStatus
    from placet.core.values import to_hex

    audit = whole.terms.garbling
    if audit is None:
        raise StateError(
            "no stake lies on the garblings of this job",
            expected="a plan with an auditor and a stake on them",
            found="none",
            remedy="leave --out away; placet audit names the garbler all the same",
            code="sample.none",
        )
    if audit.auditor != auditor.address:
        raise InputError(
            "the plan names another auditor", expected=to_hex(audit.auditor), found=to_hex(auditor.address)
        )
    party = shown.complaint.accused
    terms = whole.stakes(job)[party]
    upholds = chain.stake(terms).status is StakeStatus.ANSWERED
    finding = GarblingFinding(job=job, party=party, stake=terms.id, auditor=auditor.address, certificate=shown)
    signature = auditor.sign(chain.deployment.stakes.digest(finding_struct(finding, upholds)))
    return SignedFinding(finding=finding, upholds=upholds, signature=signature)


def _reported(node: NodeOfInstitution, chain: Chain, auditor: Key, signed: SignedFinding) -> None:
    from placet.core.values import to_hex

    path = f"/v1/jobs/{to_hex(signed.finding.job)}/finding"
    body = json.dumps(signed.to_json()).encode()
    node.ask(auditor, chain.deployment.consents, "POST", path, body, limit=1 << 20)
    say("the finding is on chain")
