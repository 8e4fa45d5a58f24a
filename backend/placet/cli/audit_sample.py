"""`placet audit sample`: the random audit of a sealed job, by the auditor whom its plan names."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from placet.cli.inputs import (
    AsJson,
    PassphraseFile,
    demand_url,
    passphrase,
    read_deployment,
    read_job,
    read_trust,
    write_new,
)
from placet.cli.output import emit, say, write_line
from placet.core.errors import ConfigError, InputError, PeerError, PlacetError, StateError

if TYPE_CHECKING:
    from placet.audit.case import Case
    from placet.audit.sampling import SampledParty
    from placet.chain.client import Chain
    from placet.core.findings import SignedFinding
    from placet.core.ids import JobId
    from placet.core.plan import Plan, RandomAudit
    from placet.core.sample import SampleFinding, SampleOpening
    from placet.core.signatures import Key
    from placet.core.stakes import StakeTerms

EXIT = {"true": 0, "false-opening": 3, "refused": 5}


def sample(
    job: Annotated[str, typer.Argument(help="The job's id.")],
    url: Annotated[
        str,
        typer.Option("--url", envvar="PLACET_CHAIN_URL", help="Your own chain endpoint.", callback=demand_url),
    ],
    deployment: Annotated[Path, typer.Option(envvar="PLACET_DEPLOYMENT", help="Your own copy of the deployment file.")],
    trust: Annotated[Path, typer.Option(envvar="PLACET_TRUST", help="Your own copy of the trust list.")],
    key: Annotated[Path, typer.Option(help="Keystore of the auditor whom the plan names.")],
    out: Annotated[Path, typer.Option("--out", help="A new folder for the signed findings, one file a party.")],
    rows: Annotated[
        bool, typer.Option("--rows", help="Keep the opened rows too, to hold them against the party's books.")
    ] = False,
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Draw places of a sealed job by the chain, have each party open them, and sign what is found. Exit code 0 all
    true, 3 an opening is false, 5 a party opened nothing. Nothing goes on chain by this: `placet job report` does."""
    from placet.chain.client import Chain
    from placet.chain.keystore import load_secret
    from placet.core.signatures import Key

    if out.exists():
        raise ConfigError("the folder is there already", expected="a new one for each sample", found=out)
    identity, trusted = read_job(job), read_trust(trust)
    chain = Chain(url, read_deployment(deployment))
    auditor = Key(load_secret(key, passphrase(passphrase_file)))
    case = _case(chain, trusted, identity, auditor)
    out.mkdir(parents=True)
    findings, outcomes = [], set()
    for finding, opening in _findings(case, chain, auditor):
        findings.append(_signed(chain, case, auditor, finding))
        outcomes.add(finding.outcome)
        _keep(out, findings[-1], opening if rows else None)
        if not as_json:
            _tell(case, finding)
    if as_json:
        emit({"findings": [one.to_json() for one in findings]})
    if code := next((EXIT[one] for one in ("false-opening", "refused") if one in outcomes), 0):
        raise typer.Exit(code)


def _keep(out: Path, signed: SignedFinding, opening: SampleOpening | None) -> None:
    party = signed.finding.party
    write_new(out / f"finding-{party}-{int(signed.upholds)}.json", json.dumps(signed.to_json()).encode())
    if opening is not None:
        write_new(out / f"rows-{party}.json", opening.model_dump_json().encode(), mode=0o600)


def _case(chain: Chain, trust: Any, job: JobId, auditor: Key) -> Case:
    """The job's bundle, audited: a sample stands on trails that fit together."""
    from placet.audit.case import Case
    from placet.audit.collect import collect, fetcher
    from placet.audit.outcome import Basis
    from placet.audit.sections import Sections
    from placet.audit.verify import verify

    sections = Sections()
    bundle = collect(chain, trust, job, fetcher(chain, auditor), sections)
    report = verify(bundle, chain.verifiers, Basis.LIVE_CHAIN, sections)
    say(f"the job's audit: {report.headline}")
    if report.verdict == "tampered":
        raise StateError(
            "the job's own audit fails, on which a sample stands",
            expected="no failed check",
            found=", ".join(report.named) or "a failed check",
            remedy="placet audit JOB says which",
            code="sample.tampered",
        )
    return Case(bundle, chain.verifiers, sections)


def _findings(case: Case, chain: Chain, auditor: Key) -> Any:
    """(finding, opening) of each party that the plan samples."""
    from placet.audit.sampling import sampled_parties
    from placet.core.stakes import stake_of

    parties = sampled_parties(case)
    (plan, audit), sealed = _planned(case), case.facts.sealed
    assert sealed is not None  # noqa: S101 - `sampled_parties`
    demand_named(audit, auditor)
    number = sealed.at.block + audit.delay
    if number > case.facts.head.block:
        raise StateError(
            "the block that draws is not at confirmation depth yet",
            expected=f"block {number}",
            found=f"block {case.facts.head.block}",
            remedy="wait for more blocks",
            code="sample.early",
        )
    block = chain.block(number).hash
    for party, known in parties.items():
        stake = stake_of(plan, audit, case.bundle.job, party)
        yield _finding(case, party, known, auditor, chain, (stake, number, block, audit))


def demand_named(audit: RandomAudit, auditor: Key) -> None:
    """InputError unless the plan has rows opened to this auditor, under his own key: who named another key makes honest
    openings look like refusals."""
    from placet.core.auditor_sealing import auditor_secret
    from placet.core.masking import public_key
    from placet.core.values import to_hex

    if audit.auditor != auditor.address:
        raise InputError(
            "the plan names another auditor", expected=to_hex(audit.auditor), found=to_hex(auditor.address)
        )
    if audit.key != (own := public_key(auditor_secret(auditor.secret))):
        raise InputError(
            "the plan has rows opened to a key that is not yours, so that nothing can be found",
            expected=to_hex(own),
            found=to_hex(audit.key),
            remedy="report no refusal: the parties can't open to you what their plan opens to somebody else",
            code="sample.key",
        )


def _finding(
    case: Case,
    party: int,
    known: SampledParty | str,
    auditor: Key,
    chain: Chain,
    drawing: tuple[StakeTerms, int, bytes, RandomAudit],
) -> tuple[SampleFinding, SampleOpening | None]:
    """What is found of one party, and what it opened."""
    from placet.audit.sampling import judged
    from placet.core.draw import drawn
    from placet.core.sample import SampleFinding

    stake, number, block, audit = drawing
    start: dict[str, Any] = {
        "job": case.bundle.job,
        "party": party,
        "stake": stake.id,
        "auditor": auditor.address,
        "block": number,
        "block_hash": block,
    }
    if isinstance(known, str):
        return SampleFinding(**start, outcome="refused", why=known), None
    try:
        opening = _asked(case, party, auditor)
    except PlacetError as error:
        if error.code == "sample.early":
            raise
        return SampleFinding(**start, outcome="refused", why=f"{error.message} ({error.code})"[:400]), None
    places = drawn(block, case.bundle.job, party, opening.total, audit.places)
    outcome = judged(_ended_by_now(known, opening, chain), opening, places, chain.now())
    finding = SampleFinding(
        **start,
        outcome="true" if outcome.true else "false-opening",
        total=opening.total,
        drawn=len(places),
        rows=outcome.rows,
        ended=outcome.ended,
        sample=opening.hash(),
        places=outcome.places,
        why=outcome.why,
    )
    return finding, opening


def _ended_by_now(known: SampledParty, opening: SampleOpening, chain: Chain) -> SampledParty:
    """With those consents of rows that were not opened which an owner has withdrawn after the bundle was collected."""
    from dataclasses import replace

    from placet.core.consent import Status

    closed = [one.leaf.consent for one in opening.places if one.leaf is not None and one.row is None]
    since = {consent for consent in closed if chain.consent(consent).status is Status.WITHDRAWN}
    return replace(known, ended={*known.ended, *since})


def _asked(case: Case, party: int, auditor: Key) -> SampleOpening:
    """What the party's node opens to the auditor. PlacetError where it does not."""
    from placet.cli.auditor_requests import NodeOfInstitution
    from placet.core.auditor_sealing import auditor_secret
    from placet.core.sample import MAX_SAMPLE, SealedSample
    from placet.core.sample_sealing import open_sample
    from placet.core.values import parse, to_hex

    node = NodeOfInstitution(case.trust, case.parties[party].signer[:20])
    path = f"/v1/jobs/{to_hex(case.bundle.job)}/sample"
    content = node.ask(auditor, case.deployment.consents, "POST", path, limit=3 * MAX_SAMPLE)
    sealed = parse(SealedSample, content, limit=3 * MAX_SAMPLE, what="sealed opening")
    if (sealed.job, sealed.party) != (case.bundle.job, party):
        raise PeerError("an opening of another job or party", found=f"party {sealed.party}")
    return open_sample(sealed, auditor_secret(auditor.secret))


def _signed(chain: Chain, case: Case, auditor: Key, finding: SampleFinding) -> SignedFinding:
    """Under what the contract asks for now: a finding, or, where the party has answered one, its upholding."""
    from placet.core.findings import SignedFinding, finding_struct
    from placet.core.stakes import StakeStatus, stake_of

    plan, audit = _planned(case)
    status = chain.stake(stake_of(plan, audit, finding.job, finding.party)).status
    upholds = status is StakeStatus.ANSWERED and finding.fault is not None
    signature = auditor.sign(chain.deployment.stakes.digest(finding_struct(finding, upholds)))
    return SignedFinding(finding=finding, upholds=upholds, signature=signature)


def _planned(case: Case) -> tuple[Plan, RandomAudit]:
    if case.plan is None or case.terms is None or case.terms.audit is None:
        raise StateError("the plan draws no places of anybody", code="sample.none")
    return case.plan, case.terms.audit


def _tell(case: Case, finding: SampleFinding) -> None:
    name = case.name(finding.party)
    if finding.outcome == "refused":
        return write_line(f"{name} opened nothing: {finding.why}")
    drew = f"{finding.drawn} of {finding.total} places, drawn by block {finding.block}, {finding.rows} with a row"
    if finding.outcome == "true":
        write_line(f"{name}: {drew}: all as it committed to them")
    else:
        write_line(f"{name}: {drew}: {finding.why or f'{len(finding.places)} are false'}")
        for one in finding.places[:20]:
            write_line(f"  place {one.place}: {one.why}")
    if finding.ended:
        write_line(f"  not covered: {len(finding.ended)} places whose consent has ended since")
