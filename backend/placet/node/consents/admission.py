"""Admission of a signed consent: checked, admitted by the vault, counted, put into the queue for the chain.

All but the owner's signature is done for a group of consents to one offer at a time (`AdmissionQueue`).
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

import sqlalchemy as sa

from placet.chain.threaded import ask_chain
from placet.core.consent import CompactConsent, Consent, demand_derived
from placet.core.enrolment import NO_ENROLMENT, accepted_enrollers, demand_enrolled, enrolment_hash
from placet.core.errors import ConsentError, PlacetError, StateError
from placet.core.ids import ConsentId
from placet.core.offers import Scope
from placet.core.signature_forms import Scheme, is_in_form, normal_form
from placet.core.values import to_hex
from placet.core.wording import Wording
from placet.node.consents import models
from placet.node.consents import queries as held
from placet.node.consents.models import ConsentStatus
from placet.node.consents.queue import Outcome, QueuedSubmission
from placet.node.http.limits import DAY, MINUTE, Budget, TooOften, count, used
from placet.node.service import Node
from placet.node.state import consents, insert, now, reading, withdrawals
from placet.vault.admission import Submission

_PENDING = "pending"
"""The budget of consents that wait for the chain: what is counted under it are the rows themselves."""


async def admit(node: Node, submission: models.ConsentSubmission, client: str) -> models.ConsentAccepted:
    """Admit a signed consent, sent from the network `client`: vault first, then this node's queue for the chain. The
    same id again changes nothing.

    Raises ConsentError, SignatureError, LimitError, and ChainError while the chain is lost.
    """
    consent = submission.consent
    digest = node.deployment.consents.digest(consent.id)
    form = node.signers.of_key(consent.owner, digest, submission.signature)
    key = form is not None
    if form is None:
        await asyncio.to_thread(_demand_own_words, node, consent)
        form = await node.signers.normal(client, "the consent", consent.owner, digest, submission.signature)
    taken = submission.model_copy(update={"signature": form, "enrolment": _enrolment(node, submission)})
    return await node.admissions.admit(QueuedSubmission(taken, key), functools.partial(admit_group, node))


def _demand_own_words(node: Node, consent: Consent) -> None:
    demand_derived(consent, node.own_offer(consent.offer), node.trust.name)


def _enrolment(node: Node, submission: models.ConsentSubmission) -> models.EnrolmentSubmission | None:
    """The enrolment with its signature in its one form; as it is if it is nobody's, which is found out later."""
    given = submission.enrolment
    if given is None or is_in_form(given.enroller, given.signature):
        return given
    consent = submission.consent
    namespace = node.scopes.of(consent.offer).namespace
    digest = node.deployment.consents.digest(enrolment_hash(consent.owner, namespace, given.subject))
    form = normal_form(Scheme.WALLET, given.enroller, digest, given.signature)
    return given if form is None else given.model_copy(update={"signature": form})


async def admit_group(node: Node, group: Sequence[QueuedSubmission]) -> list[Outcome]:
    """For each entry, in order, the answer or why it is refused. Who is refused uses up nothing of any limit."""
    outcomes = await ask_chain(_examine, node, group)
    passed = [entry for entry, outcome in zip(group, outcomes, strict=True) if outcome is None]
    rest = iter(await _admit_within_limits(node, passed) if passed else ())
    return [next(rest) if outcome is None else outcome for outcome in outcomes]


async def _admit_within_limits(node: Node, group: Sequence[QueuedSubmission]) -> list[Outcome]:
    budgets = {entry.submission.consent.id: _budgets(node, entry.submission) for entry in group}
    refusals = await asyncio.to_thread(_reserve, node, budgets)
    passed = [entry for entry in group if entry.submission.consent.id not in refusals]
    admitted: list[QueuedSubmission] = []
    outcomes: list[Outcome] = []
    try:
        outcomes = await _ask_vault(node, passed) if passed else []
        admitted = [e for e, o in zip(passed, outcomes, strict=True) if isinstance(o, models.ConsentAccepted)]
    finally:
        reserved = {identity: spent for identity, spent in budgets.items() if identity not in refusals}
        await asyncio.to_thread(_store, node, admitted, reserved)
    judged = iter(outcomes)
    return [refusals.get(entry.submission.consent.id) or next(judged) for entry in group]


async def _ask_vault(node: Node, group: Sequence[QueuedSubmission]) -> list[Outcome]:
    offer = group[0].submission.consent.offer
    try:
        answers = await node.vault.admit_many(offer, node.scopes.of(offer), [_compact(e.submission) for e in group])
    except PlacetError as error:
        return [error] * len(group)
    return [_outcome(entry, answer) for entry, answer in zip(group, answers, strict=True)]


def _outcome(entry: QueuedSubmission, outcome: bytes | PlacetError) -> Outcome:
    expected = entry.submission.consent.id
    if isinstance(outcome, PlacetError):
        return outcome
    if outcome != expected:
        return StateError("the vault took another consent", expected=to_hex(expected), found=to_hex(outcome))
    return models.ConsentAccepted(id=expected, status=ConsentStatus.PENDING)


def _compact(submission: models.ConsentSubmission) -> Submission:
    given = submission.enrolment
    return Submission(
        consent=CompactConsent.of(submission.consent),
        signature=submission.signature,
        enrolment=None if given is None else given.enrolment(),
        opening=None if given is None else given.opening,
    )


# All checks that need no vault.


@dataclass(frozen=True)
class _GroupContext:
    """What a group's entries are held against. `known` and `withdrawing` are those of the group."""

    node: Node
    scope: Scope
    wording: Wording
    known: Mapping[ConsentId, sa.RowMapping]
    withdrawing: Collection[ConsentId]


def _examine(node: Node, group: Sequence[QueuedSubmission]) -> list[Outcome | None]:
    offer = group[0].submission.consent.offer
    ids = [entry.submission.consent.id for entry in group]
    try:
        scope = node.own_offer(offer)
        wording = Wording(offer, scope, node.trust.name)
    except PlacetError as error:
        return [error] * len(group)
    with reading(node.engine) as connection:
        rows = connection.execute(sa.select(consents).where(consents.c.id.in_(ids))).mappings().all()
        ended = sa.select(withdrawals.c.consent).where(withdrawals.c.consent.in_(ids), withdrawals.c.state != "refused")
        withdrawing = frozenset(ConsentId(one) for one in connection.execute(ended).scalars())
    context = _GroupContext(node, scope, wording, {ConsentId(row["id"]): row for row in rows}, withdrawing)
    outcomes: list[Outcome | None] = []
    for entry in group:
        try:
            outcomes.append(_looked_at(entry, context))
        except Exception as error:  # one that nobody foresaw is not the others' in the group
            outcomes.append(error)
    return outcomes


def _looked_at(entry: QueuedSubmission, context: _GroupContext) -> models.ConsentAccepted | None:
    node, scope, consent = context.node, context.scope, entry.submission.consent
    if context.wording.consent_id(consent.fields) != consent.id:
        demand_derived(consent, scope, node.trust.name)
    known = context.known.get(consent.id)
    if known is not None:
        return models.ConsentAccepted(id=consent.id, status=held.status_of(node, known))
    node.demand_chain()
    _demand_usable(consent, context)
    if scope.personal:
        if not entry.key:
            raise ConsentError(
                "a person's consent can't be a contract's yet",
                expected="an owner with an ECDSA or a P-256 key, whose signature stays what it is",
                found=to_hex(consent.owner),
                remedy="consent with a wallet that has a key of its own",
                code="consent.contract",
            )
        _demand_enrolled(node, entry.submission, scope)
    elif entry.submission.enrolment is not None or consent.details.enrolment != NO_ENROLMENT:
        raise held.no_enrolment()
    elif consent.owner != node.address:
        raise ConsentError(
            "only the institution itself consents for its own data",
            expected=to_hex(node.address),
            found=to_hex(consent.owner),
            code="consent.owner",
        )
    return None


def _demand_usable(consent: Consent, context: _GroupContext) -> None:
    at, node = now(), context.node
    if consent.not_after < at:
        raise ConsentError(
            "the consent has expired", expected=f"not_after ≥ {at}", found=consent.not_after, code="consent.expired"
        )
    if consent.id in node.ended(consent.offer.id):
        raise ConsentError(
            "the consent was withdrawn or revoked",
            remedy="ask for a fresh draft and sign that",
            code="consent.withdrawn",
        )
    if consent.id in context.withdrawing:
        raise ConsentError("the consent is being withdrawn", remedy="sign a fresh one", code="consent.withdrawn")
    openings = node.openings(consent.offer.id)
    if consent.opens_before <= openings:
        raise ConsentError(
            "the consent is exhausted before it is given",
            expected=f"an end above opening {openings}",
            found=consent.opens_before,
            remedy="ask for a fresh draft and sign that",
            code="consent.exhausted",
        )


def _demand_enrolled(node: Node, submission: models.ConsentSubmission, scope: Scope) -> None:
    given, consent = submission.enrolment, submission.consent
    if given is None or consent.details.enrolment == NO_ENROLMENT:
        raise held.needs_enrolment()
    if given.subject != consent.details.enrolment:
        raise ConsentError(
            "the enrolment is not the one in the consent",
            expected=to_hex(consent.details.enrolment),
            found=to_hex(given.subject),
            code="consent.enrolment",
        )
    if given.enroller not in accepted_enrollers(scope, node.trust):
        raise ConsentError(
            "the offer does not accept this enroller",
            expected="an enroller that the offer's scope names, and the node's trust list for its kind of identifier",
            found=to_hex(given.enroller),
            code="consent.enroller",
        )
    demand_enrolled(
        consent.owner,
        given.enroller,
        given.subject,
        given.signature,
        namespace=scope.namespace,
        domain=node.deployment.consents,
    )
    if given.opening.commitment != given.subject:
        raise ConsentError("the opening does not open the enrolment", code="consent.opening")


# Limits, and what is written.


def _reserve(node: Node, budgets: Mapping[ConsentId, Sequence[Budget]]) -> dict[ConsentId, TooOften]:
    """Why consents are refused, by id. Keys are free, so what counts is the enrolled person, and the total."""
    at = now()

    def counted() -> dict[str, int]:
        pending = consents.c.status == ConsentStatus.PENDING.value
        with reading(node.engine) as connection:
            waiting = connection.execute(sa.select(sa.func.count()).select_from(consents).where(pending)).scalar_one()
            return {**used(connection, at, chain.from_iterable(budgets.values())), _PENDING: waiting}

    refusals = node.reservations.reserve(at, list(budgets.values()), counted)
    return {identity: error for identity, error in zip(budgets, refusals, strict=True) if error is not None}


def _budgets(node: Node, submission: models.ConsentSubmission) -> list[Budget]:
    limits, consent = node.settings.limits, submission.consent
    budgets = [
        Budget(_PENDING, "consents waiting for the chain", limits.consents_pending, MINUTE),
        Budget("consents", "consents in total", limits.consents_per_minute, MINUTE),
        Budget(owners_budget(consent.owner), "consents of one key", limits.consents_per_owner_day, DAY),
    ]
    if submission.enrolment is not None:
        name = node.subjects.name(consent.offer.id, submission.enrolment.opening.subject)
        budgets.append(Budget(f"subject:{name}", "consents of one person", limits.consents_per_subject_day, DAY))
    return budgets


def owners_budget(owner: bytes) -> str:
    """The counter under which a key's consents are limited."""
    return f"owner:{owner.hex()[:80]}"


def _store(node: Node, group: Sequence[QueuedSubmission], reserved: Mapping[ConsentId, Sequence[Budget]]) -> None:
    """Keep what the vault admitted and count it, in one transaction; the rest of what was reserved is free again."""
    rows = [_row(entry.submission) for entry in group]
    with node.reservations.settle(reserved.values()):
        if not rows:
            return
        with node.engine.begin() as connection:
            stored = insert(connection, consents).on_conflict_do_nothing().returning(consents.c.id)
            new = connection.execute(stored, rows).scalars().all()
            spent = chain.from_iterable(reserved[ConsentId(identity)] for identity in new)
            count(connection, now(), [budget for budget in spent if budget.key != _PENDING])
    node.relaying.send()


def _row(submission: models.ConsentSubmission) -> dict[str, object]:
    consent = submission.consent
    return {
        "id": consent.id,
        "offer": consent.offer.id,
        "owner": consent.owner,
        "not_before": consent.not_before,
        "not_after": consent.not_after,
        "first_opening": consent.first_opening,
        "uses": consent.uses,
        "enrolment": consent.details.enrolment,
        "salt": consent.details.salt,
        "language": consent.details.language,
        "signature": submission.signature,
        "route": "grant" if submission.enrolment is None else "batch",
        "status": ConsentStatus.PENDING.value,
        "attempts": 0,
        "retry_at": 0,
        "created": now(),
    }
