"""Collects a bundle live: facts from one chain endpoint, evidence from each party's node.

The only part of the audit that touches a network. It believes nobody: an endpoint that is dead, slow or lying costs
only its own party's evidence, and the bundle says why it is missing. Facts are those of the last confirmed block."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar
from urllib.parse import urlsplit

import httpx
from pydantic import ValidationError

from placet.audit.bundle import Bundle, PartyEvidence, parse_evidence
from placet.audit.facts import (
    AcceptedMeasurement,
    Amended,
    Anchored,
    ChainFacts,
    Committed,
    DatasetFact,
    End,
    Ending,
    Funding,
    Given,
    Moment,
    OfferFact,
    Opened,
    Paid,
    Recorded,
    ReleasedKey,
    Sealed,
    Withdrawn,
    Withheld,
)
from placet.audit.sections import Body, Sections
from placet.chain import events
from placet.chain.blocks import Block
from placet.chain.client import Chain, JobStatus
from placet.core.ecdsa import recover
from placet.core.errors import ChainError, ConfigError, LimitError, NotFoundError, PeerError, PlacetError, ProtocolError
from placet.core.evidence import MAX_EVIDENCE, SignedEvidence
from placet.core.hashing import document_hash
from placet.core.ids import ConsentId, DatasetId, JobId, OfferId
from placet.core.plan import Plan
from placet.core.requests import Credential, request_hash
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

E = TypeVar("E", bound=events.Event)
_ENDINGS = {
    JobStatus.NONE: Ending.UNKNOWN,
    JobStatus.OPEN: Ending.OPEN,
    JobStatus.SEALED: Ending.SEALED,
    JobStatus.COMPLETED: Ending.COMPLETED,
    JobStatus.CLOSED: Ending.CLOSED,
    JobStatus.ABORTED: Ending.ABORTED,
    JobStatus.CANCELLED: Ending.CANCELLED,
}


def collect(chain: Chain, trust: TrustList, job: JobId, fetch: Fetch, sections: Sections) -> Bundle:
    """The bundle of a job; what stands beside its evidence goes into `sections`. DeploymentError or ChainError if the
    chain can't be trusted or reached, NotFoundError if it does not know the job, ConfigError if there is no room for it
    here; never an error because of a party."""
    chain.check()
    reader = _Reader(chain, job)
    if reader.state.status is JobStatus.NONE:
        raise NotFoundError(
            "the chain knows no such job",
            found=to_hex(job),
            remedy=f"is the id right, and is its opening {chain.deployment.confirmations} blocks deep?",
        )
    plan, evidence = _evidence(chain, trust, job, _Asking(fetch, sections), reader.first(events.JobOpened))
    return Bundle(job=job, deployment=chain.deployment, trust=trust, facts=reader.facts(plan), evidence=tuple(evidence))


def facts(chain: Chain, job: JobId, plan: Plan | None) -> ChainFacts:
    """The facts alone, for whoever was handed a bundle and wants to compare; the plan is the one in its evidence."""
    chain.check()
    return _Reader(chain, job).facts(plan)


def _pieces(file: Path) -> Iterator[bytes]:
    try:
        with file.open("rb") as source:
            while piece := source.read(1 << 20):
                yield piece
    except OSError as error:
        raise PeerError("the evidence's file can't be read", found=f"{file}: {error.strerror}") from None


def fetcher(chain: Chain, key: Key, elsewhere: Mapping[bytes, str | Path] = MappingProxyType({})) -> Fetch:
    """GET {api}/v1/jobs/{job}/trail, signed with the auditor's key; bounded in time and size, no redirects.

    `elsewhere`, by institution: another URL than the trust list's `api`, or a file of what its endpoint answered.
    """

    def fetch(institution: Institution, job: JobId) -> Iterable[bytes]:
        place = elsewhere.get(institution.address, institution.api)
        if isinstance(place, Path):
            yield from _pieces(place)
            return
        url = f"{place.rstrip('/')}/v1/jobs/{to_hex(job)}/trail"
        # By this machine's clock, as whoever is asked judges it by its own: a chain's may run ahead of both.
        path, nonce, expiry = urlsplit(url).path, secrets.token_bytes(32), int(time.time()) + LIFETIME
        request = request_hash(institution.address, "GET", path, b"", nonce, expiry)
        digest = chain.deployment.consents.digest(request)
        credential = Credential(signer=key.address, nonce=nonce, expiry=expiry, signature=key.sign(digest))
        headers = {"Authorization": credential.header(), "Accept": "*/*"}
        try:
            with (
                httpx.Client(timeout=TIMEOUT, trust_env=False, follow_redirects=False) as client,
                client.stream("GET", url, headers=headers) as answer,
            ):
                if answer.status_code != 200:
                    raise PeerError("no evidence", expected="HTTP 200", found=f"HTTP {answer.status_code}")
                yield from _bounded(answer.iter_bytes())
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
    asked: dict[bytes, PartyEvidence] = {}
    plan: Plan | None = None
    likely = [who for who in trust.institutions if who.address in (opened.consumer, opened.sponsor)]
    for who in [*likely, *(i for i in trust.institutions if i not in likely)]:
        if plan is None:
            asked[who.address], plan = _one(chain, who, job, asking)
    if plan is None:
        return None, list(asked.values())
    found = []
    for party in plan.parties:
        address = party.signer[:20]
        if address not in asked:
            try:
                asked[address], _ = _one(chain, trust.institution(address), job, asking)
            except NotFoundError as error:
                asked[address] = PartyEvidence(institution=address, missing=str(error)[:300])
        found.append(asked[address])
    return plan, found


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
    author = recover(domain.digest(evidence_hash(job, evidence.party, evidence.hash())), signed.signature)
    if author != evidence.plan.parties[evidence.party].recorder:
        raise ProtocolError("evidence that is not signed by its party's recorder")


class _Reader:
    """Reads everything at one block, and notices if that block is replaced meanwhile."""

    def __init__(self, chain: Chain, job: JobId) -> None:
        self._chain, self._job = chain, job
        self._block = chain.block(chain.confirmed())
        self._times: dict[int, int] = {self._block.number: self._block.timestamp}
        self.state = chain.job(job, block=self._block.number)

    @cached_property
    def _blocks(self) -> list[Block]:
        return self._chain.blocks(self._chain.deployment.block, self._block)

    def all(self, kinds: Sequence[type[E]], **indexed: bytes | int) -> list[E]:
        return self._chain.events_of(self._blocks, kinds, **indexed)

    def of_job(self, kind: type[E]) -> list[E]:
        return self.all((kind,), job=self._job)

    def first(self, kind: type[E]) -> E | None:
        return next(iter(self.of_job(kind)), None)

    def moment(self, event: events.Event) -> Moment:
        if event.block not in self._times:
            told = event.timestamp
            self._times[event.block] = told if told is not None else self._chain.block(event.block).timestamp
        return Moment(block=event.block, index=event.log_index, timestamp=self._times[event.block])

    def facts(self, plan: Plan | None) -> ChainFacts:
        """ChainError for a number that the contracts' types can't hold; a list that is too long is a fact."""
        try:
            return self._facts(plan)
        except ValidationError as error:
            where = ".".join(str(part) for part in error.errors(include_url=False)[0]["loc"])
            raise ChainError(
                "the endpoint tells what no contract of the deployment can",
                found=f"{error.title}: a bad value at {where}",
                remedy="ask another endpoint",
                code="chain.impossible",
            ) from None

    def _facts(self, plan: Plan | None) -> ChainFacts:
        inputs = plan.inputs if plan else ()
        offers = tuple(o for i in inputs for o in self._offer(i.offer))
        opened, sealed, funded = self.first(events.JobOpened), self.first(events.JobSealed), self.first(events.Funded)
        found = ChainFacts(
            job=self._job,
            deployment=document_hash(self._chain.deployment),
            chain_id=self._chain.deployment.chain_id,
            head=Moment(block=self._block.number, index=0, timestamp=self._block.timestamp),
            status=_ENDINGS[self.state.status],
            attempt=self.state.attempt,
            opened=self._opened(opened) if opened else None,
            offers=offers,
            datasets=tuple(d for id_ in dict.fromkeys(o.offer.dataset for o in offers) for d in self._dataset(id_)),
            anchored=tuple(
                Anchored(offer=e.offer, root=e.root, at=self.moment(e))
                for i in inputs
                if not i.named
                for e in self.all((events.BatchAnchored,), offer=i.offer)
            ),
            withdrawn=tuple(w for i in inputs for w in self._withdrawn(i.offer)),
            given=tuple(g for i in inputs if i.named for g in self._given(i.consent)),
            contracts=self._contracts(plan) if plan else (),
            committed=tuple(c for i in inputs if i.named for c in self._committed(i.offer)),
            accepted=tuple(a for p in (plan.parties if plan else ()) if not p.inputs for a in self._accepted(p.signer)),
            amended=tuple(
                Amended(attempt=e.attempt, roots=e.roots, epochs=e.epochs, at=self.moment(e))
                for e in self.of_job(events.JobAmended)
            ),
            recorded=tuple(
                Recorded(
                    attempt=e.attempt, party=e.party, first=e.from_, hashes=e.hashes, head=e.head, at=self.moment(e)
                )
                for e in self.of_job(events.StepsRecorded)
            ),
            sealed=self._sealed(sealed) if sealed else None,
            released=tuple(
                ReleasedKey(party=e.party, key=e.key, at=self.moment(e)) for e in self.of_job(events.KeyReleased)
            ),
            withheld=tuple(Withheld(party=e.party, at=self.moment(e)) for e in self.of_job(events.KeyWithheld)),
            funded=Funding(token=funded.token, sponsor=funded.sponsor, amount=funded.amount, at=self.moment(funded))
            if funded
            else None,
            paid=tuple(self._paid()),
            end=self._end(),
        )
        if self._chain.block(self._block.number).hash != self._block.hash:
            raise ChainError(
                "the chain was reorganised below its confirmation depth while it was read",
                found=f"another block {self._block.number}",
                remedy="collect again; if it happens often, raise the deployment's confirmations",
            )
        return found

    def _opened(self, event: events.JobOpened) -> Opened:
        return Opened(
            at=self.moment(event),
            consumer=event.consumer,
            sponsor=event.sponsor,
            terms=event.terms,
            open_by=event.open_by,
            deadline=event.deadline,
            settle_by=event.settle_by,
            openings=event.openings,
        )

    def _sealed(self, event: events.JobSealed) -> Sealed:
        return Sealed(
            attempt=event.attempt,
            heads=event.heads,
            outputs=event.outputs,
            keys=event.keys,
            epochs=event.epochs,
            at=self.moment(event),
        )

    def _offer(self, offer: OfferId) -> Iterator[OfferFact]:
        for made in self.all((events.OfferMade,), offer=offer):
            state = self._chain.offer(offer, block=self._block.number)
            yield OfferFact(
                id=offer,
                offer=state.offer,
                provider=state.provider,
                made=self.moment(made),
                epoch=state.epoch,
                unproven=state.unproven,
            )

    def _dataset(self, dataset: DatasetId) -> Iterator[DatasetFact]:
        for e in self.all((events.DatasetRegistered,), dataset=dataset):
            yield DatasetFact(id=dataset, provider=e.provider, subjects=e.subjects, registered=self.moment(e))

    def _committed(self, offer: OfferId) -> Iterator[Committed]:
        kinds: list[type[events.DatasetRegistered | events.DatasetCommitted]] = [
            events.DatasetRegistered,
            events.DatasetCommitted,
        ]
        for made in self.all((events.OfferMade,), offer=offer):
            for e in self.all(kinds, dataset=made.terms.dataset):
                yield Committed(dataset=e.dataset, commitment=e.commitment, at=self.moment(e))

    def _accepted(self, provider: bytes) -> Iterator[AcceptedMeasurement]:
        retired = {e.measurement: self.moment(e) for e in self.all((events.MeasurementRetired,), provider=provider)}
        for e in self.all((events.MeasurementAccepted,), provider=provider):
            yield AcceptedMeasurement(
                provider=provider,
                measurement=e.measurement,
                enclave_class=e.class_,
                at=self.moment(e),
                retired=retired.get(e.measurement),
            )

    def _withdrawn(self, offer: OfferId) -> Iterator[Withdrawn]:
        later = {e.consent: self.moment(e) for e in self.all((events.WithdrawalProven,), offer=offer)}
        ended: list[events.ConsentWithdrawn | events.ConsentRevoked] = [
            *self.all((events.ConsentWithdrawn,), offer=offer),
            *self.all((events.ConsentRevoked,), offer=offer),
        ]
        for e in sorted(ended, key=lambda e: (e.block, e.log_index)):
            at = self.moment(e)
            yield Withdrawn(
                offer=offer,
                consent=e.consent,
                kind="withdrawn" if isinstance(e, events.ConsentWithdrawn) else "revoked",
                at=at,
                head=e.head,
                proven=at if e.proven else later.get(e.consent),
            )

    def _given(self, consent: ConsentId) -> Iterator[Given]:
        for e in self.all((events.ConsentGiven,), consent=consent):
            yield Given(
                consent=consent,
                offer=e.offer,
                not_before=e.not_before,
                not_after=e.not_after,
                first_opening=e.first_opening,
                uses=e.uses,
                at=self.moment(e),
            )

    def _contracts(self, plan: Plan) -> tuple[bytes, ...]:
        addresses = (signer for signer in dict.fromkeys(plan.signers) if len(signer) == 20)
        return tuple(a for a in addresses if self._chain.has_code(a, block=self._block.number))

    def _paid(self) -> Iterator[Paid]:
        for credit in self.of_job(events.Credited):
            yield Paid(kind="credit", to=credit.payee, amount=credit.amount, at=self.moment(credit))
        for refund in self.of_job(events.Refunded):
            yield Paid(kind="refund", to=refund.sponsor, amount=refund.amount, at=self.moment(refund))

    def _end(self) -> End | None:
        aborted, cancelled = self.first(events.JobAborted), self.first(events.JobCancelled)
        if aborted:
            return End(kind=Ending.ABORTED, at=self.moment(aborted), by=aborted.by, reason=aborted.reason)
        if cancelled:
            return End(kind=Ending.CANCELLED, at=self.moment(cancelled), signer=cancelled.signer)
        if completed := self.first(events.JobCompleted):
            return End(kind=Ending.COMPLETED, at=self.moment(completed))
        closed = self.first(events.JobClosed)
        return End(kind=Ending.CLOSED, at=self.moment(closed)) if closed else None
