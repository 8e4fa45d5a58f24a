"""`model-score`: a consumer's applicants scored by a scorecard that its makers keep as shares.

Each party takes its part of the model out of its vault, and all see that the parts are the plan's model. Providers
bring their rows to places in the consumer's secret order, as in training, and cut them by the bins that they kept; what
a provider lacks of an applicant is missing. Cells and points meet on shares, and what comes out stays shares until the
release: scores, or what the cut-offs leave of them, which are compared inside.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import JsonValue

from placet.catalogue import model_score
from placet.catalogue.declared import DeclaredTerms
from placet.catalogue.model_score import MODEL, ModelScoreParameters
from placet.catalogue.modelling import MAX_ROWS
from placet.catalogue.spec import CONSUMER
from placet.core.errors import DataError, InputError, LimitError
from placet.core.hashing import canonical
from placet.core.trail import Artefact
from placet.core.values import parse
from placet.jobs import model_parts
from placet.jobs.party_run import PartyRun
from placet.jobs.recipe import RecipeRun
from placet.protocols import spu
from placet.protocols.mpc.scoring import ScorecardScore
from placet.protocols.spu import Engine, Secret
from placet.protocols.spu.scoring import POINTS
from placet.recipes.blocks import distributed, psi_join
from placet.recipes.blocks.columns import subjects
from placet.recipes.blocks.kept_scorecard import KIND, KeptScorecard

MAX_CELLS = 2**25
"""Of all applicants together: 8 bytes each, and as many in each share."""
SECONDS = 600
"""For putting the shares together."""
_FINAL = frozenset({DataError.code, "score.list", "model.parts", "model.columns", "spu.kept"})


def program_of(job: DeclaredTerms, parameters: ModelScoreParameters) -> ScorecardScore:
    """The program that the plan's parameters declare: providers' columns in their order, then the consumer's."""
    columns = [one for role in job.terms.roles for one in parameters.of(role)]
    bins = tuple(one.bins for one in columns)
    return ScorecardScore(bins=bins, output=parameters.output, edges=parameters.edges or ())


def engine_of(job: DeclaredTerms) -> Engine:
    """Cheetah for two parties, ABY3 for three; PlanError for others."""
    return spu.choose(len(job.terms.roles))


def demand(job: DeclaredTerms) -> None:
    """PlanError for a number of parties that have no engine together."""
    engine_of(job)


async def run(job: PartyRun) -> None:
    """The same function at every party."""
    parameters = job.parameters(ModelScoreParameters)
    alias = job.declared.seats[job.party].alias or ""
    rows, opened = await job.open(alias)
    part, model = await model_parts.bring(job, MODEL, KIND)
    kept = parse(KeptScorecard, part.content, what="the part of the model")
    if job.role == CONSUMER:
        applicants = [str(value) for value in rows.columns[parameters.identifier]]
        if len(applicants) > MAX_ROWS:
            raise LimitError(
                "the list is too long", expected=f"at most {MAX_ROWS}", found=len(applicants), code="score.list"
            )
        providers = range(len(job.plan.parties) - 1)
        places, _, made = await psi_join.consumer(job, providers, applicants, opened, most=distributed.MAX_ROWS)
        share, scored = await _score(job, parameters, kept, rows.columns, places, made, model)
        who = [applicants[row] for row in places]
        private = {"share": share.hex(), "applicants": who, "parameters": job.terms.parameters}
        return await job.collect(canonical(private), scored)
    people = subjects(rows, parameters.identifier)
    placement, made = await psi_join.provider(job, len(job.plan.parties) - 1, people, opened, most=MAX_ROWS)
    matched = [row for row, position in enumerate(placement.positions) if position is not None]
    await job.matched(alias, rows, matched)
    at: list[int | None] = [None] * placement.total
    for row, position in enumerate(placement.positions):
        if position is not None:
            at[position] = row
    share, scored = await _score(job, parameters, kept, rows.columns, at, made, model)
    await job.release(share, scored)


async def _score(
    job: PartyRun,
    parameters: ModelScoreParameters,
    kept: KeptScorecard,
    columns: Mapping[str, Sequence[Any]],
    at: Sequence[int | None],
    made: Artefact,
    model: Artefact,
) -> tuple[bytes, Artefact]:
    """This party's share of what comes out, place by place; `at` has its row at each place, None where it has none."""
    if not at:
        return b"", made
    program, engine = program_of(job.declared, parameters), engine_of(job.declared)
    if len(at) * program.cells > MAX_CELLS:
        raise LimitError(
            "too many applicants for so many columns",
            expected=f"at most {MAX_CELLS // program.cells}",
            found=len(at),
            code="score.list",
        )
    own = parameters.of(job.role)
    values = {one.column: [None if row is None else columns[one.column][row] for row in at] for one in own}
    cells = kept.cells(own, values, len(at))
    if kept.points is None:
        raise InputError("this party keeps no share of the points", found=job.role, code="spu.kept")
    parties = range(len(job.plan.parties))
    secrets = [
        Secret(f"cells-{party}", party, "int64", (len(at), sum(one.bins + 2 for one in brought)))
        for party, brought in enumerate(parameters.of(role) for role in job.terms.roles)
        if brought
    ]
    points = Secret(POINTS, None, "int64", (1 + program.cells,))
    told: dict[str, JsonValue] = {
        "engine": distributed.engine_of(job.terms.engine),
        "protocol": engine.protocol,
        "field": engine.field,
    }
    protocol = f"mpc.score.{engine.protocol}/1"
    async with job.engine_port() as port:
        began = {**told, "program": program.to_json()}
        async with job.step("score-start", protocol, made, model, parameters=began) as step:
            network = await distributed.meet(job, step, parties, b"score", port)
        async with job.step("score", protocol, made, model, parameters=told) as step:
            with job.working(f"the engine to score {len(at)} applicants with the other parties"):
                (share,) = await spu.compute(
                    network,
                    engine,
                    program.program,
                    program,
                    [*secrets, points],
                    {f"cells-{job.party}": cells} if own else {},
                    {POINTS: kept.points},
                    scratch=job.context.engine_ports.scratch,
                    seconds=job.seconds_left,
                )
            return share, step.output("share", share)


def combine(parts: Mapping[int, bytes], private: bytes, scratch: Path) -> dict[str, Any]:
    """`rows`: one for each applicant, its identifier and `score`, `band` (how many of the edges it reaches), both
    decimal strings, or `decision` (yes or no); `report`: {output, edges}. InputError for shares of what no honest
    parties reach."""
    kept = json.loads(private)
    parameters, applicants = model_score.SPEC.parse(kept["parameters"]), kept["applicants"]
    report = {"output": parameters.output, "edges": list(parameters.edges or ())}
    if not applicants:
        return {"rows": [], "report": report}
    shares = [*(parts[party] for party in sorted(parts)), bytes.fromhex(kept["share"])]
    opening = spu.reconstruct(shares, spu.choose(len(shares)), scratch=scratch, seconds=SECONDS)
    result = asyncio.run(opening)
    if result.shape != (len(applicants),) or result.dtype != np.int64:
        raise InputError("the shares are of no scores", expected=f"{len(applicants)} integers", found=str(result.shape))
    values = [int(value) for value in result]
    if parameters.output != "score" and any(not 0 <= value <= len(report["edges"]) for value in values):
        raise InputError("the shares are of no bands", expected=f"0 to {len(report['edges'])}")
    words = [("no", "yes")[value] if parameters.output == "decision" else str(value) for value in values]
    named = zip(applicants, words, strict=True)
    rows = [{parameters.identifier: applicant, parameters.output: value} for applicant, value in named]
    return {"rows": sorted(rows, key=lambda row: str(row[parameters.identifier])), "report": report}


MODEL_SCORE = RecipeRun(spec=model_score.SPEC, run=run, combine=combine, final=_FINAL.__contains__, demand=demand)
