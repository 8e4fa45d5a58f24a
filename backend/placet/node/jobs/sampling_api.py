"""Audits with stakes over HTTP: the drawn places, or the certificate of another circuit, for the auditor whom the plan
names, and the stakes that lie on them."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel

from placet.chain.threaded import ask_chain
from placet.core.certificates import GarblingAnswer, GarblingCertificate, GarblingFinding
from placet.core.errors import AccessError, StateError
from placet.core.findings import SignedFinding
from placet.core.hashing import document_hash
from placet.core.ids import JobId, StakeId
from placet.core.sample import SealedSample
from placet.core.stakes import StakeStatus, StakeTerms, Subject
from placet.core.values import U48, Address, BigUint, Bytes32, to_hex
from placet.jobs.garbling_certificate import certificate_of
from placet.jobs.records import JobRecord
from placet.jobs.runner import Runner
from placet.jobs.sampling import opened_sample, sealed_sample
from placet.jobs.stakes import stakes_of
from placet.node.consents.models import Named
from placet.node.http.auth import Caller, Institution, InstitutionOrAuditor
from placet.node.http.dependencies import TheRunner
from placet.node.http.problems import problems
from placet.node.jobs.api import named

router = APIRouter(tags=["jobs"])


class StakeResponse(BaseModel):
    """A party's stake in a job. `status`: none, held, reported, answered, returned, slashed; `fault`: what the auditor
    found; `until`: the last time to answer or to uphold, 0 where neither is due."""

    id: StakeId
    party: int
    institution: Named
    auditor: Address
    beneficiary: Named
    token: Address
    amount: BigUint
    status: str
    fault: str
    find_by: U48
    until: U48


class StakeList(BaseModel):
    """Of all parties that are a part of the audit."""

    stakes: list[StakeResponse]


class Contest(BaseModel):
    """Of garblings: the finding whose certificate is none, by its hash; null where no finding was shown."""

    finding: Bytes32 | None = None


@router.post("/v1/jobs/{job}/sample", response_model=SealedSample, responses=problems(403, 404, 409))
async def sample(runner: TheRunner, job: JobId, caller: InstitutionOrAuditor) -> SealedSample:
    """Open the drawn places of a sealed job to the auditor whom its plan names, sealed to his key."""
    record = await runner.store.threaded.job(job)
    _demand_named(record, caller)
    return await sealed_sample(record, await opened_sample(runner.context, runner.store, job))


@router.get("/v1/jobs/{job}/certificate", response_model=GarblingCertificate, responses=problems(403, 404))
async def certificate(runner: TheRunner, job: JobId, caller: InstitutionOrAuditor) -> GarblingCertificate:
    """The certificate that the provider garbled another circuit, for the auditor whom the plan names, or, where it
    names none, any of the trust list. NotFoundError `certificate.none` where this institution has none."""
    record = await runner.store.threaded.job(job)
    _demand_named(record, caller)
    return await certificate_of(runner, record)


@router.get("/v1/jobs/{job}/stakes", response_model=StakeList, responses=problems(403, 404))
async def stakes(runner: TheRunner, job: JobId, _: InstitutionOrAuditor) -> StakeList:
    """Where all stakes of a job stand."""
    return await _listed(runner, await runner.store.threaded.job(job))


@router.post("/v1/jobs/{job}/stakes/settle", response_model=StakeList, responses=problems(403, 404, 409))
async def settle(runner: TheRunner, job: JobId, _: Institution) -> StakeList:
    """End every stake of the job whose time is over, and fetch what this institution is owed of stakes."""
    record = await runner.store.threaded.job(job)
    await runner.stakes.settle(record)
    return await _listed(runner, record)


@router.post(
    "/v1/jobs/{job}/stakes/answer",
    response_model=SealedSample | GarblingAnswer,
    responses=problems(403, 404, 409),
)
async def answer(
    runner: TheRunner, job: JobId, _: Institution, contest: Contest | None = None
) -> SealedSample | GarblingAnswer:
    """Answer the auditor's finding: a hash goes on chain, and what it is of is the answer here: hand it to him. Of
    drawn places that is this institution's opening, sealed to him; of garblings, what it says of the finding.
    StateError `stake.unreported` where nothing waits for an answer."""
    record = await runner.store.threaded.job(job)
    await _demand_reported(runner, record)
    terms = stakes_of(record)[record.party]
    if terms.subject is Subject.GARBLINGS:
        shown = None if contest is None else contest.finding
        said = GarblingAnswer(job=job, party=record.party, stake=terms.id, finding=shown)
        await _answered(runner, terms, said.hash())
        return said
    opening = await opened_sample(runner.context, runner.store, job)
    await _answered(runner, terms, opening.hash())
    return await sealed_sample(record, opening)


@router.post("/v1/jobs/{job}/finding", response_model=StakeList, responses=problems(403, 404, 409))
async def finding(runner: TheRunner, job: JobId, signed: SignedFinding, _: InstitutionOrAuditor) -> StakeList:
    """Bring an auditor's signed finding on chain. StateError `finding.none` for one that finds no fault, or of another
    job's stake."""
    record = await runner.store.threaded.job(job)
    shown, calls = signed.finding, runner.context.calls
    terms = stakes_of(record).get(shown.party)
    if shown.fault is None:
        raise StateError("the finding finds no fault: nothing is to be reported", found="all true", code="finding.none")
    if terms is None or terms.id != shown.stake:
        raise StateError("the finding is of another job's stake", found=to_hex(shown.stake), code="finding.none")
    # With the signature: a forged one must not hold up the auditor's own.
    name = f"finding:{document_hash(signed).hex()}"
    if signed.upholds:
        call = calls.uphold(terms, shown.hash(), signed.signature)
    elif isinstance(shown, GarblingFinding):
        call = calls.report_garbling(terms, shown.certificate.committed, shown.hash(), signed.signature)
    else:
        call = calls.report(terms, shown.fault, shown.hash(), signed.signature)
    await runner.intents.carry(name, call)
    return await _listed(runner, record)


def _demand_named(record: JobRecord, caller: Caller) -> None:
    """AccessError `access.auditor` for an auditor whom the plan, which names one, does not name."""
    audit = record.terms.staked
    if audit is not None and not caller.institution and caller.signer != audit.auditor:
        raise AccessError(
            "the plan names another auditor",
            expected=to_hex(audit.auditor),
            found=to_hex(caller.signer or b""),
            code="access.auditor",
        )


async def _answered(runner: Runner, terms: StakeTerms, said: bytes) -> None:
    call = runner.context.calls.answer(terms, said)
    await runner.intents.carry(f"answer-fault:{terms.job.hex()}", call, runner.context.address)


async def _demand_reported(runner: Runner, record: JobRecord) -> None:
    terms = stakes_of(record).get(record.party)
    if terms is None:
        raise StateError("no stake of this institution lies on the job", code="sample.none")
    state = await ask_chain(runner.context.chain.stake, terms)
    if state.status not in (StakeStatus.REPORTED, StakeStatus.ANSWERED):
        raise StateError(
            "no auditor's finding about this institution waits for an answer",
            expected="a stake that was reported",
            found=state.status.name.lower(),
            remedy="placet job stakes shows where each stands",
            code="stake.unreported",
        )


async def _listed(runner: Runner, record: JobRecord) -> StakeList:
    entries = [await _one(runner, record, party, terms) for party, terms in stakes_of(record).items()]
    return StakeList(stakes=entries)


async def _one(runner: Runner, record: JobRecord, party: int, terms: StakeTerms) -> StakeResponse:
    state, trust = await ask_chain(runner.context.chain.stake, terms), runner.context.trust
    return StakeResponse(
        id=terms.id,
        party=party,
        institution=named(trust, record.plan.parties[party].signer),
        auditor=terms.auditor,
        beneficiary=named(trust, terms.beneficiary),
        token=terms.token,
        amount=terms.amount,
        status=state.status.name.lower(),
        fault=state.fault.word,
        find_by=terms.find_by,
        until=state.until,
    )
