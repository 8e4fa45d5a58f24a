"""Collects a bundle live: facts from one chain endpoint, evidence from each party's node.

With `chain_facts` the only part of the audit that touches a network. It believes nobody: an endpoint that is dead, slow
or lying costs only its own party's evidence, and the bundle says why it is missing. Facts are those of the last
confirmed block."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from urllib.parse import urlsplit

import httpx

from placet.audit.bundle import Bundle, PartyEvidence, parse_evidence
from placet.audit.chain_facts import LiveFactReader
from placet.audit.facts import Ending
from placet.audit.log_proof import ReadUntil
from placet.audit.sections import Body, Sections
from placet.chain import events
from placet.chain.client import Chain
from placet.core.ecdsa import recover
from placet.core.errors import ConfigError, LimitError, NotFoundError, PeerError, PlacetError, ProtocolError
from placet.core.evidence import MAX_EVIDENCE, SignedEvidence
from placet.core.ids import JobId
from placet.core.plan import Plan
from placet.core.requests import RequestParts, signed_request
from placet.core.signatures import Key
from placet.core.trail import evidence_hash
from placet.core.trust import Institution, TrustList
from placet.core.values import to_hex

Fetch = Callable[[Institution, JobId], Iterable[bytes]]
"""(institution, job) → what its evidence endpoint answers, piece by piece; raises PlacetError, also meanwhile."""

LONGEST = 1800.0
"""Seconds for one party's evidence at the most, however slowly it drips."""
TIMEOUT = httpx.Timeout(600.0, connect=5.0)
"""A node puts a million leaves together before it answers."""
LIFETIME = 240
"""Seconds that the auditor's signed request is valid."""


def collect(
    chain: Chain,
    trust: TrustList,
    job: JobId,
    fetch: Fetch,
    sections: Sections,
    *,
    until: ReadUntil | None = None,
    proving: bool = False,
) -> Bundle:
    """The bundle of a job; what stands beside its evidence goes into `sections`. DeploymentError or ChainError if the
    chain can't be trusted or reached, NotFoundError if it does not know the job, ConfigError if there is no room for it
    here; never an error because of a party. `until`: the block as of which the chain is read, if not the last confirmed
    one. `proving`: with headers and receipts, where the chain's blocks hash as Ethereum's."""
    chain.check()
    reader = LiveFactReader(chain, job, until)
    if reader.status is Ending.UNKNOWN:
        raise NotFoundError(
            "the chain knows no such job",
            found=to_hex(job),
            remedy="is the id right, and is the block of its opening confirmed?",
        )
    plan, evidence = _evidence(chain, trust, job, _Asking(fetch, sections), reader.first(events.JobOpened))
    facts = reader.facts(plan)
    return Bundle(
        job=job,
        deployment=chain.deployment,
        trust=trust,
        facts=facts,
        evidence=tuple(evidence),
        proof=reader.proof() if proving else None,
    )


def _pieces(file: Path) -> Iterator[bytes]:
    try:
        with file.open("rb") as source:
            while piece := source.read(1 << 20):
                yield piece
    except OSError as error:
        raise PeerError("the evidence's file can't be read", found=f"{file}: {error.strerror}") from None


def fetcher(chain: Chain, key: Key, elsewhere: Mapping[bytes, str | Path] = MappingProxyType({})) -> Fetch:
    """GET {api}/v1/jobs/{job}/trail, signed with the auditor's key; bounded in time, no redirects, nothing
    unpacked: a thousand times as much could come out of what came in.

    `elsewhere`, by institution: another URL than the trust list's `api`, or a file of what its endpoint answered.
    """

    def fetch(institution: Institution, job: JobId) -> Iterable[bytes]:
        place = elsewhere.get(institution.address, institution.api)
        if isinstance(place, Path):
            yield from _pieces(place)
            return
        url = f"{place.rstrip('/')}/v1/jobs/{to_hex(job)}/trail"
        # By this machine's clock, as whoever is asked judges it by its own: a chain's may run ahead of both.
        request = RequestParts(institution.address, "GET", urlsplit(url).path, b"")
        expiry, domain = int(time.time()) + LIFETIME, chain.deployment.consents
        credential = signed_request(key.address, key.sign, request, expiry=expiry, domain=domain)
        headers = {"Authorization": credential.header(), "Accept": "*/*", "Accept-Encoding": "identity"}
        try:
            with (
                httpx.Client(timeout=TIMEOUT, trust_env=False, follow_redirects=False) as client,
                client.stream("GET", url, headers=headers) as answer,
            ):
                if answer.status_code != 200:
                    raise PeerError("no evidence", expected="HTTP 200", found=f"HTTP {answer.status_code}")
                yield from _bounded(answer.iter_raw())
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise PeerError("the evidence endpoint does not answer", found=type(error).__name__) from error

    return fetch


def _bounded(pieces: Iterator[bytes]) -> Iterator[bytes]:
    until = time.monotonic() + LONGEST
    for piece in pieces:
        if time.monotonic() > until:
            raise LimitError("evidence comes too slowly", expected=f"within {LONGEST:.0f} seconds")
        yield piece


@dataclass(frozen=True)
class _Asking:
    fetch: Fetch
    sections: Sections


def _evidence(
    chain: Chain, trust: TrustList, job: JobId, asking: _Asking, opened: events.JobOpened | None
) -> tuple[Plan | None, list[PartyEvidence]]:
    """Asks the consumer and sponsor first, since they are known from the chain; once somebody shows the plan, its
    parties."""
    if opened is None:
        return None, []
    answers: dict[bytes, PartyEvidence] = {}
    plan: Plan | None = None
    likely = [who for who in trust.institutions if who.address in (opened.consumer, opened.sponsor)]
    for who in [*likely, *(i for i in trust.institutions if i not in likely)]:
        if plan is None:
            answers[who.address], plan = _one(chain, who, job, asking)
    if plan is None:
        return None, list(answers.values())
    evidence = []
    for party in plan.parties:
        address = party.signer[:20]
        if address not in answers:
            try:
                answers[address], _ = _one(chain, trust.institution(address), job, asking)
            except NotFoundError as error:
                answers[address] = PartyEvidence(institution=address, missing=str(error)[:300])
        evidence.append(answers[address])
    return plan, evidence


def _one(chain: Chain, who: Institution, job: JobId, asking: _Asking) -> tuple[PartyEvidence, Plan | None]:
    try:
        body = Body(asking.fetch(who, job))
        signed = parse_evidence(body.line(MAX_EVIDENCE, "evidence"))
        _demand_own(chain, who, job, signed)
        body.sections(signed.evidence.sections(), asking.sections)
    except ConfigError:
        raise
    except PlacetError as error:
        return PartyEvidence(institution=who.address, missing=str(error)[:300]), None
    return PartyEvidence(institution=who.address, evidence=signed), signed.evidence.plan


def _demand_own(chain: Chain, who: Institution, job: JobId, signed: SignedEvidence) -> None:
    """ProtocolError unless it is about this job and signed by this institution's recorder in its plan."""
    evidence, domain = signed.evidence, chain.deployment.jobs
    if evidence.plan.job(domain) != job:
        raise ProtocolError("evidence with another job's plan", expected=to_hex(job))
    if evidence.party >= len(evidence.plan.parties) or evidence.plan.parties[evidence.party].signer != who.address:
        raise ProtocolError("evidence of another party", expected=to_hex(who.address), found=evidence.party)
    author = recover(domain.digest(evidence_hash(job, evidence.party, evidence.hash)), signed.signature)
    if author != evidence.plan.parties[evidence.party].recorder:
        raise ProtocolError("evidence that is not signed by its party's recorder")
