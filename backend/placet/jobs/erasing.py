"""What a party forgets of a person whose consent another party's rows came by: rows of results, kept payloads."""

from __future__ import annotations

import asyncio
import hmac
import time

from placet.chain.storage import overwrite_deleted
from placet.chain.threaded import ask_chain
from placet.core.erasure import Erased, ErasureReceipt, SignedErasure, person_mark
from placet.core.errors import PeerError
from placet.core.ids import JobId
from placet.core.values import to_hex
from placet.jobs.context import JobContext
from placet.jobs.messages import EraseRequest, EraseResponse
from placet.jobs.records import JobRecord
from placet.jobs.results import without_person
from placet.jobs.store import JobStore


class Erasing:
    """One institution as a holder that is asked to forget a person."""

    def __init__(self, context: JobContext, store: JobStore) -> None:
        self._context = context
        self._store = store
        self._at_rest = context.at_rest
        self._one_at_a_time = asyncio.Lock()

    async def erase(self, asker: bytes, request: EraseRequest) -> EraseResponse:
        """Done when it answers. PeerError as `EraseRequest` says; of a job that this institution does not know it holds
        nothing."""
        known = [await self._store.threaded.find(job) for job in request.jobs]
        records = [record for record in known if record is not None]
        for record in records:
            _demand_theirs(record, asker, request)
        await ask_chain(self._demand_ended, request)
        async with self._one_at_a_time:  # a result is read, and written without somebody
            return await asyncio.to_thread(self._forget, records, request)

    def _demand_ended(self, request: EraseRequest) -> None:
        self._context.index.sync()
        if request.consent not in self._context.index.dead(request.offer):
            raise PeerError(
                "the chain does not say that the consent has ended",
                expected="withdrawn or revoked",
                found=to_hex(request.consent),
                remedy="ask again when it does",
                code="erasure.living",
            )

    def _forget(self, records: list[JobRecord], request: EraseRequest) -> EraseResponse:
        jobs = [record.job for record in records]
        what: tuple[Erased, ...] = ("payloads",)
        if self._context.payloads is not None:
            self._context.payloads.forget(jobs)
        for job in jobs:
            closed = self._store.job(job).result  # as others who were forgotten since have left it
            if closed is not None:
                self._forget_row(job, closed, request)
                what = ("payloads", "result")
        overwrite_deleted(self._context.engine)
        receipt = ErasureReceipt(
            chain_id=self._context.deployment.chain_id,
            registry=self._context.deployment.consent_registry.address,
            holder=self._context.address,
            consent=request.consent,
            erased=what,
            jobs=tuple(sorted(jobs)),
            at=int(time.time()),
        )
        signed = SignedErasure.of(receipt, self._context.deployment.receipts, self._context.signer.sign)
        return EraseResponse(erasure=signed)

    def _forget_row(self, job: JobId, closed: bytes, request: EraseRequest) -> None:
        result = self._at_rest.open(closed, b"result")
        left = without_person(result, lambda name: hmac.compare_digest(person_mark(request.salt, name), request.mark))
        if left is not None:  # where its data life has ended meanwhile, all of it is gone, and stays so
            self._store.replace_result(job, closed, self._at_rest.seal(left, b"result"))


def _demand_theirs(record: JobRecord, asker: bytes, request: EraseRequest) -> None:
    theirs = {
        one.offer for party in record.plan.parties if party.signer == asker for one in party.inputs if not one.named
    }
    if request.offer not in theirs:
        raise PeerError(
            "the asker brought no persons' rows of this offer into the job",
            found=to_hex(record.job),
            code="erasure.job",
        )
    if record.ended is None:
        raise PeerError("the job goes on", found=to_hex(record.job), remedy="ask again", code="erasure.going")
