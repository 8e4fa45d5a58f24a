"""The vault's own eyes: its chain endpoint, checked, and its own index of events."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping

from placet.chain import endpoint_checks
from placet.chain.client import Chain
from placet.chain.ends import offer_at
from placet.chain.events import Event, JobAborted, JobAmended, JobClosed, JobCompleted, JobOpened, JobSealed
from placet.chain.findings import Check, examined
from placet.chain.index import Index
from placet.chain.lineage import lineage_at
from placet.chain.states import JobStatus
from placet.core.consent import Status
from placet.core.errors import ChainError, NotFoundError
from placet.core.ids import BatchRoot, ConsentId, DatasetId, JobId, OfferId
from placet.core.lineage import Lineage
from placet.core.signatures import Verifiers
from placet.vault.chain_view import ChainSnapshot, JobFacts, OfferFacts
from placet.vault.responses import EndpointFinding, EndpointFindings

CHECK_SECONDS = 60.0
ASKING_SECONDS = 3.0
EXAMINE_SECONDS = 4.0
NEEDS: tuple[Check[Endpoint], ...] = (
    ("chain", endpoint_checks.chain),
    ("clock", endpoint_checks.clock),
    ("logs", endpoint_checks.logs),
    ("batches", endpoint_checks.batches),
)


class Endpoint:
    """A `ChainView` of a real chain. `highest(confirmed)` remembers the highest confirmed block over restarts."""

    def __init__(self, chain: Chain, index: Index, highest: Callable[[int], int]) -> None:
        self._chain = chain
        self._index = index
        self._highest = highest
        self._checked = float("-inf")
        self._head = 0

    @property
    def verifiers(self) -> Verifiers:
        return self._chain.verifiers

    @property
    def asking(self) -> Chain:
        """The same endpoint, by a client that soon gives up."""
        rpc = self._chain.rpc.impatient(ASKING_SECONDS)
        return Chain(rpc.shown, self._chain.deployment, rpc)

    def examine(self) -> EndpointFindings:
        """What the vault needs of its endpoint, tried at the endpoint itself."""
        findings = (
            EndpointFinding(check=one.check, state=one.state, detail=one.detail, remedy=one.remedy)
            for one in examined((), NEEDS, self, EXAMINE_SECONDS)
        )
        return EndpointFindings(shown=self._chain.rpc.shown, findings=tuple(findings))

    def look(self, *, thorough: bool) -> ChainSnapshot:
        if thorough or time.monotonic() - self._checked > CHECK_SECONDS:
            self._chain.check()
            self._checked = time.monotonic()
        head = self._index.sync()
        shown = self._chain.head()
        confirmed = self._chain.confirmed(head)
        seen = self._highest(confirmed)
        if shown.number < seen:
            raise ChainError(
                "the vault's endpoint is behind what it has shown before",
                expected=f"block {seen} or later",
                found=f"block {shown.number}",
                remedy="wait until the endpoint has caught up, or use another",
                code="chain.behind",
            )
        self._head = head
        latest = shown.timestamp
        return ChainSnapshot(head=head, confirmed=confirmed, time=max(latest, int(time.time())), block_time=latest)

    def timestamp(self, block: int) -> int:
        try:
            return self._chain.block(block).timestamp
        except NotFoundError as error:
            raise ChainError("the vault's endpoint lacks a block that it has shown", found=error.found) from None

    def offer(self, offer: OfferId) -> OfferFacts:
        state = offer_at(self._chain, self._index, offer, self._head)
        dataset = self._chain.dataset(state.offer.dataset, block=self._head)
        return OfferFacts(state.offer, state.provider, state.epoch, state.openings, dataset.subjects, dataset.model)

    def lineage(self, dataset: DatasetId, job: JobId) -> Lineage | None:
        opened = next((event for event in self._index.job_events(job) if isinstance(event, JobOpened)), None)
        if opened is None:
            return None
        return lineage_at(self._chain, self._index, dataset, before=(opened.block, opened.log_index))

    def batches(self, offer: OfferId) -> Mapping[BatchRoot, int]:
        return self._index.batches(offer)

    def dead(self, offer: OfferId) -> Collection[ConsentId]:
        return self._index.dead(offer).keys()

    def status(self, consent: ConsentId) -> Status:
        return self._chain.consent(consent, block=self._head).status

    def job(self, job: JobId) -> JobFacts | None:
        events = self._index.job_events(job)
        opened = next((event for event in events if isinstance(event, JobOpened)), None)
        if opened is None:
            return None
        state = self._chain.job(job, block=self._head)
        amended = [event for event in events if isinstance(event, JobAmended) and event.attempt <= state.attempt]
        if [event.attempt for event in amended] != list(range(2, state.attempt + 1)):
            raise ChainError(
                "the endpoint's events and its state tell different stories", found=f"attempt {state.attempt}"
            )

        def block_of(kind: type[Event]) -> int | None:
            return next((event.block for event in events if isinstance(event, kind)), None)

        return JobFacts(
            open=state.status is JobStatus.OPEN,
            attempt=state.attempt,
            terms=opened.terms,
            openings=opened.openings,
            amendments=tuple(event.roots for event in amended),
            opened_block=opened.block,
            attempt_block=amended[-1].block if amended else opened.block,
            opened_at=state.opened_at,
            sealed_block=block_of(JobSealed),
            aborted_block=block_of(JobAborted),
            completed_block=block_of(JobCompleted),
            closed_block=block_of(JobClosed),
        )
