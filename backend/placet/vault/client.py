"""The node's side of the vault's socket."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from placet.core.consent import Consent
from placet.core.enrolment import Enrolment, EnrolmentOpening
from placet.core.errors import InputError, PlacetError, StateError
from placet.core.evidence import NamedConsent
from placet.core.ids import BatchRoot, ConsentId, EnrolmentRoot, JobId, OfferId
from placet.core.offers import Offer, Scope
from placet.core.plan import Plan, Terms
from placet.core.values import Value, parse
from placet.vault import frames
from placet.vault.admission import Submission
from placet.vault.models import KeptModel
from placet.vault.responses import (
    BatchLeaves,
    DeadLeaves,
    EndpointFindings,
    EnrolledLeaves,
    KeptConsent,
    KeptConsents,
    LawfulSet,
    LeavesPart,
    OpenedRows,
    SetToSign,
)
from placet.vault.schema import DatasetInfo

if TYPE_CHECKING:
    from placet.vault.rows import Rows

TIMEOUT = 120.0
AT_ONCE = 16
"""Connections of one client: an eighth of what the vault takes, so that several processes of a node, and commands, get
through beside each other."""

R = TypeVar("R", bound=Value)


class VaultClient:
    """Each call is one connection. Raises the vault's own PlacetError, or StateError `vault.unreachable`."""

    def __init__(self, socket: Path, timeout: float = TIMEOUT, at_once: int = AT_ONCE) -> None:
        self._socket = socket
        self._timeout = timeout
        self._room = asyncio.Semaphore(at_once)

    async def datasets(self) -> list[DatasetInfo]:
        """All tables, by name."""
        return list((await self._call("datasets", frames.Nothing(), frames.DatasetInfos)).datasets)

    async def endpoint(self) -> EndpointFindings:
        """What the vault finds at its own chain endpoint."""
        return await self._call("endpoint", frames.Nothing(), EndpointFindings)

    async def admit(
        self,
        consent: Consent,
        scope: Scope,
        signature: bytes,
        enrolment: Enrolment | None = None,
        opening: EnrolmentOpening | None = None,
    ) -> ConsentId:
        """Check and store a consent; its id. Again is nothing new. ConsentError or SignatureError if it says no."""
        arguments = frames.AdmitArguments(
            consent=consent, scope=scope, signature=signature, enrolment=enrolment, opening=opening
        )
        return (await self._call("admit", arguments, frames.Identity)).consent

    async def admit_many(
        self, offer: Offer, scope: Scope, submissions: Sequence[Submission]
    ) -> list[ConsentId | PlacetError]:
        """As `accept`, for many consents to one offer: for each, in order, its id or why it is refused."""
        outcomes: list[ConsentId | PlacetError] = []
        for start in range(0, len(submissions), frames.MAX_SUBMISSIONS):
            part = tuple(submissions[start : start + frames.MAX_SUBMISSIONS])
            arguments = frames.AdmitManyArguments(offer=offer, scope=scope, submissions=part)
            for outcome in (await self._call("admit_many", arguments, frames.Outcomes)).outcomes:
                if outcome.consent is not None:
                    outcomes.append(outcome.consent)
                elif outcome.failure is not None:
                    outcomes.append(outcome.failure.error())
        if len(outcomes) != len(submissions):
            raise StateError("the vault left consents unanswered", expected=len(submissions), found=len(outcomes))
        return outcomes

    async def note_batch(self, offer: OfferId, root: BatchRoot, leaves: Sequence[ConsentId]) -> None:
        """Tell the leaves (ascending consent ids) of a batch that is, or will be, anchored."""
        await self._call(
            "note_batch", frames.BatchArguments(offer=offer, root=root, leaves=tuple(leaves)), frames.Nothing
        )

    async def lawful(self, offer: OfferId, block: int, deadline: int, sign: SetToSign | None = None) -> LawfulSet:
        """The rows whose owner's consent is batched as of `block` (confirmed), alive now, and lasts to `deadline`. The
        vault keeps the set only if it is the one that the node is about to `sign`."""
        arguments = frames.LawfulArguments(offer=offer, block=block, deadline=deadline, sign=sign)
        return await self._call("lawful", arguments, LawfulSet)

    async def without(self, offer: OfferId, root: bytes, sign: SetToSign | None = None) -> LawfulSet:
        """A kept lawful set less what is withdrawn, revoked or erased by now: for an amendment. Kept as by `lawful`."""
        return await self._call("without", frames.WithoutArguments(offer=offer, root=root, sign=sign), LawfulSet)

    async def dead(self, offer: OfferId, root: bytes) -> DeadLeaves:
        """The consents of a lawful set that are withdrawn or revoked by now, and the epoch that says so."""
        return await self._call("dead", frames.SetArguments(offer=offer, root=root), DeadLeaves)

    async def leaves(self, offer: OfferId, root: bytes, start: int) -> LeavesPart:
        """What shows an auditor that a lawful set is lawful, from leaf number `start` on, some thousands at a time; of
        leaves whose records were erased, what is left of them."""
        return await self._call("leaves", frames.PartArguments(offer=offer, root=root, start=start), LeavesPart)

    async def batch(self, offer: OfferId, root: BatchRoot) -> BatchLeaves:
        """The leaves of a batch that was noted or admitted. NotFoundError."""
        return await self._call("batch", frames.AnchoredArguments(offer=offer, root=root), BatchLeaves)

    async def enrolments(self, enroller: bytes, root: EnrolmentRoot) -> EnrolledLeaves:
        """A batch of enrolments that came in with consents. NotFoundError."""
        arguments = frames.EnrolmentsArguments(enroller=enroller, root=root)
        return await self._call("enrolments", arguments, EnrolledLeaves)

    async def consent(self, consent: ConsentId, owner: bytes | None) -> KeptConsent:
        """A consent for its owner, or for the institution (None). NotFoundError `consent.unknown`."""
        arguments = frames.OneConsentArguments(consent=consent, owner=owner)
        return await self._call("consent", arguments, KeptConsent)

    async def consents_of(self, owner: bytes, after: ConsentId) -> Sequence[KeptConsent]:
        """Of an owner's consents the first thousand above `after`, ascending by id."""
        arguments = frames.OwnersArguments(owner=owner, after=after)
        return (await self._call("consents_of", arguments, KeptConsents)).consents

    async def named_evidence(self, consent: ConsentId) -> NamedConsent:
        """The institution's own consent for its own data."""
        return await self._call("named_evidence", frames.ConsentArguments(consent=consent), NamedConsent)

    async def rows(self, job: JobId, plan: Plan, terms: Terms, attempt: int, input: int) -> Rows:
        """The rows of one input (counted over all inputs of the plan), in the columns that the recipe reads and no
        others; WarrantError if the chain does not allow it."""
        return await self._rows("rows", job, plan, terms, attempt, input)

    async def rows_again(self, job: JobId, plan: Plan, terms: Terms, attempt: int, input: int) -> Rows:
        """The same rows of a sealed attempt, for a replay, whose consents all hold to this day. WarrantError;
        StateError `vault.stale` where a row has changed or gone."""
        return await self._rows("rows_again", job, plan, terms, attempt, input)

    async def _rows(self, call: str, job: JobId, plan: Plan, terms: Terms, attempt: int, input: int) -> Rows:
        arguments = frames.RowsArguments(job=job, plan=plan, terms=terms, attempt=attempt, input=input)
        _, stream = await self._exchange(call, arguments, frames.Nothing, more=True)
        return await asyncio.to_thread(_rows_of, stream)

    async def open_rows(
        self, job: JobId, plan: Plan, terms: Terms, attempt: int, input: int, consents: Sequence[ConsentId]
    ) -> OpenedRows:
        """Whole rows of a sealed job's input, by their consents, with salts and leaves: for the auditor of its plan.
        WarrantError; StateError `vault.stale` where a row has changed or gone."""
        arguments = frames.OpenRowsArguments(
            job=job, plan=plan, terms=terms, attempt=attempt, input=input, consents=tuple(consents)
        )
        return await self._call("open_rows", arguments, OpenedRows)

    async def matched(self, job: JobId, plan: Plan, terms: Terms, attempt: int, input: int, marks: bytes) -> None:
        """Which of the rows of one input match: a bit a row, in their order, the first the highest. WarrantError
        `warrant.change` where they differ from those of an earlier job of this consumer in too few people."""
        arguments = frames.MatchedArguments(
            job=job, plan=plan, terms=terms, attempt=attempt, input=input, matched=marks
        )
        await self._call("matched", arguments, frames.Nothing)

    async def keep_model(self, job: JobId, plan: Plan, terms: Terms, model: KeptModel) -> None:
        """Keep this institution's part of a model that a job is making. WarrantError where the chain does not hold the
        open job in that attempt, or the part is not this party's."""
        await self._call(
            "keep_model", frames.KeepArguments(job=job, plan=plan, terms=terms, model=model), frames.Nothing
        )

    async def settle_model(self, job: JobId) -> None:
        """The job has ended: what is kept of it may be used if the chain says that it is completed, and goes if not.
        StateError `vault.unsettled` where the end is not at confirmation depth there."""
        await self._call("settle_model", frames.JobArguments(job=job), frames.Nothing)

    async def model(self, job: JobId, plan: Plan, terms: Terms, attempt: int, input: int) -> KeptModel:
        """The part of a model that is an input; WarrantError if the chain does not allow it."""
        arguments = frames.RowsArguments(job=job, plan=plan, terms=terms, attempt=attempt, input=input)
        return await self._call("model", arguments, KeptModel)

    async def mark(self, consent: ConsentId, salt: bytes) -> bytes | None:
        """By what others find the person of a consent (`core.erasure.person_mark`); None where nothing is known."""
        return (
            await self._call("mark", frames.PersonMarkArguments(consent=consent, salt=salt), frames.PersonMark)
        ).mark

    async def erase(self, consent: ConsentId) -> bool:
        """Delete a consent's record, signature, enrolment and opening for good; False if there was none."""
        return (await self._call("erase", frames.ConsentArguments(consent=consent), frames.Erased)).erased

    async def _call(self, call: str, arguments: Value, model: type[R]) -> R:
        return (await self._exchange(call, arguments, model))[0]

    async def _exchange(self, call: str, arguments: Value, model: type[R], *, more: bool = False) -> tuple[R, bytes]:
        """The result, and the frame after it where there is one `more`."""
        request = frames.Request(call=call, arguments=arguments.model_dump(mode="json"))
        content = request.model_dump_json().encode()
        if len(content) > frames.MAX_REQUEST:
            raise InputError("too much for one request", expected=frames.MAX_REQUEST, found=len(content))
        try:
            async with self._room, asyncio.timeout(self._timeout):
                reader, writer = await asyncio.open_unix_connection(self._socket, limit=1 << 20)
                try:
                    await frames.write_frame(writer, content)
                    result = _result(model, await frames.read_frame(reader, frames.MAX_ANSWER))
                    return result, await frames.read_frame(reader, frames.MAX_ANSWER) if more else b""
                finally:
                    writer.close()
        except (OSError, asyncio.IncompleteReadError, TimeoutError) as error:
            raise StateError(
                "the vault does not answer",
                found=type(error).__name__,
                remedy="start it: python -m placet.vault",
                code="vault.unreachable",
            ) from None


def _rows_of(stream: bytes) -> Rows:
    from placet.vault.rows import Rows  # numpy with it, for a node that computes

    return Rows.decode(stream)


def _result(model: type[R], raw: bytes) -> R:
    kind: type[frames.Answer[R]] = frames.Answer[model]  # type: ignore[valid-type]
    answer = parse(kind, raw, limit=frames.MAX_ANSWER, what="answer")
    if answer.failure is not None:
        raise answer.failure.error()
    if answer.result is None:
        raise StateError("the vault gave no answer", code="vault.unreachable")
    return answer.result
