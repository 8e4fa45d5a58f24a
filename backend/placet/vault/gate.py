"""The gate: may rows be handed out for this job? Pure checks over what the vault's own endpoint shows.

In order: the plan is the job; this institution is the party that owns the input; the job is opened, at confirmation
depth, and still open; the attempt is the current one, at confirmation depth; the deadline has not passed; the terms are
the plan's, and both are what the recipe declares; offer, scope and dataset allow what it does (`core.lawful`).
Then, by `demand_leaves`, every single leaf, by the block and the time of the opening, as the audit judges it.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from placet.catalogue.declared import declared
from placet.core.eip712 import Domain
from placet.core.errors import PlanError, StateError, WarrantError
from placet.core.ids import BatchRoot, ConsentId, JobId
from placet.core.lawful import ModelRef, Use, breaches
from placet.core.lineage import Lineage, model_breaches
from placet.core.model_card import held_as
from placet.core.plan import Input, Plan, Terms
from placet.core.values import ZERO32, to_hex
from placet.vault.candidates import Candidates
from placet.vault.chain_view import ChainSnapshot, JobFacts, OfferFacts
from placet.vault.columns import column, find, value
from placet.vault.lawful import opens_before
from placet.vault.leaves import StoredSet
from placet.vault.models import KeptModel
from placet.vault.records import OfferBinding

_DAY = 86_400


@dataclass(frozen=True)
class RowRequest:
    """What the node asks for. `input` counts over all inputs of the plan."""

    job: JobId
    plan: Plan
    terms: Terms
    attempt: int
    input: int


@dataclass(frozen=True)
class Warrant:
    """What may be handed out: of a `model` this institution's part, else the rows under the last of `roots`, which has
    one for each attempt so far (of a named consent: zero), for this opening, which was at `opened_at` (Unix seconds).
    The plan says that all leaves cover the openings before `opens_before`. `shown`: this institution sees its matches
    before the consumer learns any."""

    named: ConsentId
    roots: tuple[bytes, ...]
    opening: int
    opened_at: int
    opens_before: int
    columns: tuple[str, ...]
    shown: bool
    model: ModelRef | None = None


def own_input(request: RowRequest, institution: bytes, domain: Domain) -> Input:
    """The plan's input; WarrantError unless the plan is the job's and the input is this institution's."""
    job = request.plan.job(domain)
    if job != request.job:
        raise WarrantError(
            "the plan is not this job's", expected=to_hex(request.job), found=to_hex(job), code="warrant.plan"
        )
    try:
        party = request.plan.party_of(institution)
    except PlanError as error:
        raise WarrantError(error.message, expected=error.expected, found=error.found, code="warrant.plan") from None
    first = request.plan.input_offset(party)
    last = first + len(request.plan.parties[party].inputs)
    if not first <= request.input < last:
        raise WarrantError(
            "the input is another party's",
            expected=f"an input from {first} to {last - 1}" if last > first else "no input: this party brings none",
            found=request.input,
            code="warrant.input",
        )
    return request.plan.inputs[request.input]


def demand_warrant(
    request: RowRequest,
    plan_input: Input,
    bound: OfferBinding,
    facts: JobFacts,
    offer: OfferFacts,
) -> Warrant:
    """WarrantError unless the offer allows what the job wants. `facts`: by `demand_open` or `demand_sealed`."""
    use = demand_allowed(request, bound, offer)
    for roots in facts.amendments:
        if len(roots) != len(request.plan.inputs) or (roots[request.input] == ZERO32) != plan_input.named:
            raise WarrantError("the amendment does not fit the plan", code="warrant.root")
    return Warrant(
        named=plan_input.consent,
        roots=(plan_input.lawful_root, *(roots[request.input] for roots in facts.amendments)),
        opening=facts.openings[request.input],
        opened_at=facts.opened_at,
        opens_before=plan_input.opens_before,
        columns=use.columns,
        shown=use.shown,
        model=use.model,
    )


def demand_open(request: RowRequest, facts: JobFacts | None, now: ChainSnapshot) -> JobFacts:
    """WarrantError unless the chain holds the opened job, in this attempt, before its deadline."""
    facts = _demand_opened(request, facts, now)
    if not facts.open:
        raise WarrantError("the job is no longer open", code="warrant.closed")
    if facts.attempt != request.attempt:
        raise WarrantError(
            "not the current attempt", expected=facts.attempt, found=request.attempt, code="warrant.attempt"
        )
    if facts.attempt_block > now.confirmed:
        raise WarrantError(
            "the attempt is not at confirmation depth yet",
            expected=f"amended at or before block {now.confirmed}",
            found=f"block {facts.attempt_block}",
            remedy="wait for more blocks",
            code="warrant.unconfirmed",
        )
    if now.time > request.plan.deadline:
        raise WarrantError(
            "the job's deadline has passed",
            expected=f"at most {request.plan.deadline}",
            found=now.time,
            code="warrant.deadline",
        )
    return facts


def demand_sealed(request: RowRequest, facts: JobFacts | None, now: ChainSnapshot) -> JobFacts:
    """WarrantError unless the chain holds the seal of this attempt, at confirmation depth: for this institution's own
    second look at what it did, of which nothing leaves it."""
    facts = _demand_opened(request, facts, now)
    if facts.sealed_block is None or facts.sealed_block > now.confirmed or facts.attempt != request.attempt:
        raise WarrantError(
            "the chain does not hold the seal of this attempt at confirmation depth",
            expected=f"attempt {request.attempt} sealed at or before block {now.confirmed}",
            found="not sealed" if facts.sealed_block is None else f"attempt {facts.attempt}, {facts.sealed_block}",
            code="warrant.unsealed",
        )
    return facts


def demand_replayable(plan: Plan, now: ChainSnapshot, days: int) -> None:
    """WarrantError once no replay is due any more: who breaks into a node later gets no rows of jobs that are over."""
    until = plan.settle_by + days * _DAY
    if not days or now.time > until:
        raise WarrantError(
            "rows of this job are not handed out again any more (the vault's replay_days)",
            expected=f"at most {until}" if days else "never",
            found=now.time,
            code="warrant.replay",
        )


def _demand_opened(request: RowRequest, facts: JobFacts | None, now: ChainSnapshot) -> JobFacts:
    """WarrantError unless this plan was opened, at confirmation depth, after the block that its terms name."""
    if facts is None or facts.opened_block > now.confirmed:
        raise WarrantError(
            "the chain does not hold the opened job at confirmation depth",
            expected=f"opened at or before block {now.confirmed}",
            found="not opened" if facts is None else f"opened at block {facts.opened_block}",
            remedy="wait for more blocks",
            code="warrant.unopened" if facts is None else "warrant.unconfirmed",
        )
    if facts.terms != request.plan.terms or len(facts.openings) != len(request.plan.inputs):
        raise WarrantError("the opened job is not this plan", code="warrant.plan")
    if request.terms.block >= facts.opened_block:
        raise WarrantError(
            "the lawful sets are not of a block before the opening",
            expected=f"before block {facts.opened_block}",
            found=request.terms.block,
            code="warrant.block",
        )
    return facts


def demand_running(request: RowRequest, facts: JobFacts | None, now: ChainSnapshot, domain: Domain) -> None:
    """WarrantError unless the plan is the job's, which the chain holds open in this attempt."""
    demand_planned(request, domain)
    demand_open(request, facts, now)


def demand_planned(request: RowRequest, domain: Domain) -> None:
    """WarrantError unless the plan is the job's."""
    job = request.plan.job(domain)
    if job != request.job:
        raise WarrantError(
            "the plan is not this job's", expected=to_hex(request.job), found=to_hex(job), code="warrant.plan"
        )


def demand_own_part(model: KeptModel, job: JobId, plan: Plan, institution: bytes) -> None:
    """WarrantError unless a part is of this job and party, and one of those that the whole is committed to, if it
    is not the whole."""
    party, part = plan.party_of(institution), model.part
    if (part.job, part.party) != (job, party):
        raise WarrantError("the part is another party's", expected=party, found=part.party, code="warrant.model")
    if model.clear is not None:
        return
    if len(model.commitments) != len(plan.parties) or model.commitments[party] != part.commitment:
        raise WarrantError(
            "the part is not what the parties were told of",
            expected="a commitment a party, the own one this part's",
            code="warrant.model",
        )


def demand_clear(request: RowRequest, facts: JobFacts | None, now: ChainSnapshot, institution: bytes) -> None:
    """WarrantError unless a model in clear is this institution's to keep: it was the consumer of a job whose recipe
    gives the consumer one. StateError `vault.unsettled` before that job's completion is at confirmation depth."""
    try:
        job = declared(request.plan, request.terms)
    except PlanError as error:
        raise WarrantError(error.message, found=error.found, code="warrant.model") from None
    output = job.spec.tells(job.parameters).output
    if request.plan.consumer != institution or held_as(output) != "clear":
        raise WarrantError(
            "no model of this job comes to this institution in clear",
            expected="its consumer, and a model in clear as its output",
            found=output,
            code="warrant.model",
        )
    if ended(facts, now) != "completed":
        raise StateError("the job's end is not at confirmation depth", code="vault.unsettled")


def ended(facts: JobFacts | None, now: ChainSnapshot) -> Literal["completed", "otherwise"] | None:
    """How a job ended, at confirmation depth; None while it has not."""
    if facts is None:
        return None
    if facts.completed_block is not None and facts.completed_block <= now.confirmed:
        return "completed"
    others = (facts.aborted_block, facts.closed_block)
    return "otherwise" if any(block is not None and block <= now.confirmed for block in others) else None


def demand_allowed(request: RowRequest, bound: OfferBinding, offer: OfferFacts) -> Use:
    """WarrantError unless the job is what its recipe declares, and offer, scope and dataset allow what it does here."""
    try:
        use = declared(request.plan, request.terms).use(request.input)
    except PlanError as error:
        raise WarrantError(error.message, expected=error.expected, found=error.found, code=error.code) from None
    for breach in breaches(use, offer.provider, bound.offer, bound.scope, offer.subjects, offer.model):
        raise breach.error(WarrantError, "warrant")
    return use


def demand_unexpired(used: StoredSet, candidates: Candidates, now: ChainSnapshot) -> None:
    """WarrantError where a consent that was alive when the job opened has run out since."""
    places, _ = find(candidates.ids, used.consents)
    over = int((candidates.not_after[places] < now.time).sum())
    if over:
        raise WarrantError(
            "a leaf's consent has expired since",
            expected=f"valid at {now.time}",
            found=f"{over} of {len(used)} expired",
            code="warrant.window",
        )


def demand_lineage(bound: OfferBinding, offer: OfferFacts, lineage: Lineage | None) -> None:
    """WarrantError `model.*` unless the model behind an offer is of a job that this institution was a party of, and no
    more had withdrawn since, just before the job's opening, than the offer tolerates."""
    for breach in model_breaches(offer.provider, bound.scope, lineage):
        raise breach.error(WarrantError, "model")


def demand_leaves(
    request: RowRequest,
    warrant: Warrant,
    sets: Sequence[StoredSet],
    *,
    candidates: Candidates,
    anchored: Mapping[BatchRoot, int],
    dead: Collection[ConsentId],
) -> None:
    """WarrantError unless every single leaf of the last of `sets` is lawful: the current attempt's, after those of all
    attempts before it, each of which only drops rows. In columns, since there may be millions."""
    used = sets[-1]
    places, known = find(candidates.ids, used.consents)
    if not known.all():
        raise WarrantError(
            "a leaf of the lawful set was erased", remedy="amend the job without it", code="warrant.erased"
        )
    gone = int(candidates.among(dead)[places].sum())
    if gone:
        raise WarrantError(
            "a leaf's consent was withdrawn or revoked",
            expected="all alive",
            found=f"{gone} of {len(used)} dead",
            remedy="amend the job without it",
            code="warrant.withdrawn",
        )
    for old, new in itertools.pairwise(sets):
        before, there = find(old.consents, new.consents)
        if not there.all() or not (old.rows[before] == new.rows).all():
            raise WarrantError("an amended set has rows that the attempt before has not", code="warrant.root")
    timely = sorted(root for root, block in anchored.items() if block <= request.terms.block)
    _, in_time = find(column(b"".join(timely)), used.batches)
    if not in_time.all():
        late = BatchRoot(value(used.batches, int(in_time.argmin())))
        raise WarrantError(
            "a leaf's batch was not anchored in time",
            expected=f"at or before block {request.terms.block}",
            found=anchored.get(late, "not anchored"),
            code="warrant.batch",
        )
    covering = candidates.covering(now=warrant.opened_at, deadline=request.plan.deadline, opening=warrant.opening)
    if not covering[places].all():
        raise WarrantError(
            "a leaf's consent does not cover this job's time and opening",
            expected=f"valid from {warrant.opened_at} until {request.plan.deadline}, opening {warrant.opening}",
            code="warrant.window",
        )
    end = opens_before(candidates, places)
    if warrant.opens_before > end:
        raise WarrantError(
            "the plan says that its leaves cover more openings than they do",
            expected=f"before opening {end} at the most",
            found=warrant.opens_before,
            code="warrant.window",
        )
