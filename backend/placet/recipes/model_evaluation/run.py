"""`model-evaluation`: a consumer learns how good a score is that a provider has of its customers, and no single score.

The provider brings its rows to places in the consumer's secret order, as in `asset-view`; the consumer brings a label
at each place. Both compute `bands` by Cheetah: what comes out is a table whose bands are merged inside until each has
enough of either label. Two providers that have a part of the score each compute with the consumer by ABY3, over rows
that both have. What comes out stays shares until the release; then all figures follow from the table (`report`).
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from placet.catalogue import model_evaluation
from placet.catalogue.declared import DeclaredTerms
from placet.catalogue.model_evaluation import MAX_ROWS, PROVIDER, ModelEvaluationParameters
from placet.core.errors import InputError, LimitError
from placet.core.hashing import canonical
from placet.jobs.party_run import PartyRun
from placet.jobs.recipe import UNFIT, RecipeRun
from placet.protocols.mpc.numbers import Integers, Numbers
from placet.protocols.mpc.programs import Bands, Size
from placet.protocols.spu import evaluate
from placet.recipes.blocks import distributed, psi_join
from placet.recipes.blocks.columns import subjects, whole
from placet.recipes.model_evaluation.report import report_of
from placet.vault.rows import Rows

MAX_SCORE = 2**40
"""The largest absolute value of a score, or of a part of one: sums of `MAX_ROWS` of them have less than 63 bits."""
SECONDS = 600
"""For putting the shares together."""
_FINAL = UNFIT | {"evaluation.list"}


def program_of(parameters: ModelEvaluationParameters) -> Bands:
    """The program that the plan's parameters declare."""
    return Bands(
        values=Numbers(bound=MAX_SCORE),
        edges=parameters.all_edges,
        thresholds=parameters.thresholds or (),
        groups=len(parameters.groups or ("all",)),
        smallest=parameters.smallest_group,
        sums=parameters.scale is not None,
        exact=parameters.auc is not None,
    )


def demand(job: DeclaredTerms) -> None:
    """PlanError where results might not fit the engine's ring."""
    program = program_of(model_evaluation.SPEC.parse(job.terms.parameters))
    parties = len(job.seats)
    evaluate.engine_of(program, parties, parties, Size(MAX_ROWS))


async def run(job: PartyRun) -> None:
    """The same function at every party."""
    parameters = job.parameters(ModelEvaluationParameters)
    await (_provide if job.role == PROVIDER else _consume)(job, parameters, program_of(parameters))


async def _provide(job: PartyRun, parameters: ModelEvaluationParameters, program: Bands) -> None:
    consumer = job.others("consumer")[0]
    rows, opened = await job.open("accounts")
    people = subjects(rows, parameters.identifier)
    scores = whole(rows, parameters.score)
    program.values.take(scores)  # in any row: that must not depend on the consumer's list
    placement, artefact = await psi_join.provider(job, consumer, people, opened, most=MAX_ROWS)
    await job.matched("accounts", rows, [row for row, place in enumerate(placement.positions) if place is not None])
    at_places: list[int | None] = [None] * placement.total
    for position, score in zip(placement.positions, scores, strict=True):
        if position is not None:
            at_places[position] = score
    share = b""
    if enough(program, placement.total):
        bring = program.bring_scores if consumer == 1 else program.bring_part
        share, artefact = await distributed.evaluated(
            job, "evaluate", _parties(job), program, bring(at_places), size=Size(placement.total), made=artefact
        )
    await job.release(share, artefact)


async def _consume(job: PartyRun, parameters: ModelEvaluationParameters, program: Bands) -> None:
    rows, opened = await job.open("customers")
    customers = [str(value) for value in rows.columns[parameters.identifier]]
    if len(customers) > MAX_ROWS:
        raise LimitError(
            "the list is too long", expected=f"at most {MAX_ROWS}", found=len(customers), code="evaluation.list"
        )
    lines = labels_of(program, parameters, rows)
    order, numbers, artefact = await psi_join.consumer(
        job, job.others(PROVIDER), customers, opened, most=distributed.MAX_ROWS
    )
    share = b""
    if enough(program, len(customers)):
        share, artefact = await distributed.evaluated(
            job, "evaluate", _parties(job), program, lines[:, order], size=Size(len(customers)), made=artefact
        )
    state = {
        "rows": len(customers),
        "provider_rows": numbers,
        "share": share.hex(),
        "parameters": job.terms.parameters,
    }
    await job.collect(canonical(state), artefact)


def _parties(job: PartyRun) -> range:
    """All compute, in the plan's order, which is the program's: scores, then labels."""
    return range(len(job.terms.roles))


def enough(program: Bands, rows: int) -> bool:
    """Can a list of so many have enough of either label? Where it can't, as all know, nothing runs."""
    return rows >= 2 * program.smallest


def labels_of(program: Bands, parameters: ModelEvaluationParameters, rows: Rows) -> Integers:
    """What the consumer brings, in its list's order. DataError for a label that is neither 0 nor 1."""
    groups: Sequence[int | None] | None = None
    if parameters.group is not None:
        numbers = {name: number for number, name in enumerate(parameters.groups or ())}
        groups = [numbers.get(str(value)) for value in rows.columns[parameters.group]]
    return program.bring_labels(whole(rows, parameters.label), groups)


def combine(parts: Mapping[int, bytes], private: bytes, scratch: Path) -> dict[str, Any]:
    """No rows; `report`: {too_few, smallest_group, provider_rows}, and unless they are too few what `report_of` says.
    InputError for shares of what no honest parties reach."""
    state = json.loads(private)
    parameters, rows = model_evaluation.SPEC.parse(state["parameters"]), state["rows"]
    program = program_of(parameters)
    report: dict[str, Any] = {
        "too_few": True,
        "smallest_group": program.smallest,
        "provider_rows": state["provider_rows"],
    }
    if enough(program, rows):
        size, shares = Size(rows), [*(parts[party] for party in sorted(parts)), bytes.fromhex(state["share"])]
        engine = evaluate.engine_of(program, len(shares), len(shares), size)
        opening = evaluate.combine(program, size, engine, shares, scratch=scratch, seconds=SECONDS)
        report |= figures(program, parameters, asyncio.run(opening), min(rows, *state["provider_rows"]))
    return {"rows": [], "report": report}


def figures(program: Bands, parameters: ModelEvaluationParameters, result: Integers, most: int) -> dict[str, Any]:
    """What a result says to the report; nothing where too few are in it. `most`: how many can be in it."""
    table = program.table(result) if program.reached(result) else None
    if not program.reached(result) or (table is not None and table.people > most):
        raise InputError("the shares are of no band table", expected=f"at most {most} people, none in too small bands")
    if table is None:
        return {}
    return {"too_few": False, **report_of(program, parameters, table, result)}


MODEL_EVALUATION = RecipeRun(
    spec=model_evaluation.SPEC, run=run, combine=combine, final=_FINAL.__contains__, demand=demand
)
