"""`model-transfer`: a source's model judged and adapted on a target's rows, neither of which leaves its holder.

The source takes its model out of its vault, sees that it is the plan's, and tells the target how columns are prepared.
The target splits its rows by a key that nobody chose, prepares them, and tells the source how many there are. Weights
meet rows on shares alone (`transfer-judge`), and what comes out stays shares until the release.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import JsonValue, TypeAdapter, ValidationError

from placet.catalogue import model_transfer
from placet.catalogue.model_transfer import MAX_LABELS, MODEL, SOURCE, ModelTransferParameters
from placet.catalogue.spec import CONSUMER
from placet.core.errors import InputError, ProtocolError
from placet.core.hashing import canonical
from placet.core.lineage import COMMITMENT
from placet.core.model_table import DOCUMENT, PIECE, document_of
from placet.core.trail import Artefact
from placet.core.values import Bytes32, Value, parse, to_hex
from placet.jobs import model_parts
from placet.jobs.party_run import PartyRun
from placet.jobs.recipe import UNFIT, RecipeRun
from placet.jobs.step_recorder import name_of
from placet.models.linear import LinearModel
from placet.models.released import ReleasedTrees, released_in, released_of
from placet.models.scorecard import Scorecard
from placet.models.source import ModelShape, SourceModel, halves_of
from placet.protocols import spu
from placet.protocols.mpc.numbers import Integers
from placet.protocols.mpc.transfer import TransferJudge
from placet.protocols.spu import Secret
from placet.protocols.spu.transferring import BASIS, DESIGN, LABELS, OWN, PULL, WEIGHTS, WINS
from placet.recipes.blocks import distributed, split, warm
from placet.recipes.blocks.columns import demand_at_most
from placet.recipes.blocks.warm import SessionProgram
from placet.recipes.model_transfer.report import report_of
from placet.recipes.model_transfer.target import LabelledRows, Sizes, brought_of, program_of
from placet.vault.rows import Rows

SHAPE, SIZES = "transfer.shape", "transfer.sizes"
PROTOCOL = "model-transfer/1"
MAX_SHAPE = 2 << 20
SECONDS = 600
"""For putting the shares together."""
_MODEL = "transfer.model"
_FINAL = UNFIT | {"joint.label", "transfer.list", _MODEL, "model.parts"}
_DOCUMENT: TypeAdapter[dict[str, JsonValue]] = TypeAdapter(dict[str, JsonValue])


class ToldModel(Value):
    """What the source tells of its model."""

    commitment: Bytes32
    shape: ModelShape


async def run(job: PartyRun) -> None:
    """The same function at both parties."""
    await (_consume(job) if job.role == CONSUMER else _provide(job))


# The source.


async def _provide(job: PartyRun) -> None:
    parameters = job.parameters(ModelTransferParameters)
    (target,) = job.others(CONSUMER)
    model, commitment, opened = await _model(job, parameters)
    shape, weights = halves_of(model)
    _demand_columns(parameters, shape)
    async with job.step("shape", PROTOCOL, opened) as step:
        shown = ToldModel(commitment=commitment, shape=shape)
        await step.send(name_of(target), SHAPE, canonical(shown.to_json()))
        artefact = step.public(COMMITMENT, shown.commitment)
    async with job.step("sizes", PROTOCOL, artefact) as step:
        sizes = parse(Sizes, await step.receive(name_of(target), SIZES, limit=256), what="the target's sizes")
        artefact = step.output("sizes", canonical(sizes.to_json()))
    if not sizes.enough:
        return await job.release(b"", artefact)
    if not sizes.large(parameters.smallest_group):
        raise ProtocolError(
            "the target's rows are too few, or too many to compare",
            expected=f"groups of {parameters.smallest_group} at the least",
            found=f"{sizes.train}, {sizes.positives} and {sizes.negatives}",
            code="peer.sizes",
        )
    program = program_of(shape, sizes)
    share, artefact = await _computed(job, program, {WEIGHTS: weights.numbers}, artefact)
    await job.release(share, artefact)


async def _model(job: PartyRun, parameters: ModelTransferParameters) -> tuple[SourceModel, bytes, Artefact]:
    """The source's model, which is the plan's, and its commitment. ProtocolError `model.parts` where it is another."""
    if parameters.model.job is None:
        rows, opened = await job.open(MODEL)
        document = document_of(rows.columns[PIECE], rows.columns[DOCUMENT])
        try:
            model: object = released_of(_DOCUMENT.validate_json(document))
        except ValidationError:
            raise InputError("the table is no model", expected="a model's JSON document", code=_MODEL) from None
    else:
        report, opened = await model_parts.bring_clear(job, MODEL)
        model = released_in(report)
    if not isinstance(model, LinearModel | Scorecard | ReleasedTrees):
        raise InputError("no model is there", expected="a linear model, a scorecard or trees", code=_MODEL)
    by_a_job = isinstance(model, ReleasedTrees) and parameters.model.job is not None
    commitment = model.model.commitment if by_a_job else model.commitment  # type: ignore[union-attr]
    _demand_planned(parameters, commitment)
    return model, commitment, opened


# The target.


async def _consume(job: PartyRun) -> None:
    parameters = job.parameters(ModelTransferParameters)
    (source,) = job.others(SOURCE)
    rows, labelled, opened = await _labelled(job, parameters)
    async with job.step("shape", PROTOCOL, opened) as step:
        shown = parse(ToldModel, await step.receive(name_of(source), SHAPE, limit=MAX_SHAPE), what="the model's shape")
        _demand_planned(parameters, shown.commitment)
        _demand_columns(parameters, shown.shape)
        artefact = step.public(COMMITMENT, shown.commitment)
    sizes = labelled.sizes(parameters.smallest_group)
    state: dict[str, Any] = {"parameters": job.terms.parameters, "sizes": sizes.to_json()}
    async with job.step("sizes", PROTOCOL, opened, artefact) as step:
        await step.send(name_of(source), SIZES, canonical(sizes.to_json()))
        artefact = step.output("sizes", canonical(sizes.to_json()))
    if sizes.enough:
        program = program_of(shown.shape, sizes)
        async with job.step("prepare", PROTOCOL, opened, artefact) as step:
            own = await asyncio.to_thread(brought_of, rows, shown.shape, labelled, program, parameters.strength)
            artefact = step.output("prepared", b"".join(own[name].tobytes() for name in sorted(own)))
        share, artefact = await _computed(job, program, own, artefact)
        state |= {"share": share.hex(), "program": program.to_json()}
    await job.collect(canonical(state), artefact)


async def _labelled(job: PartyRun, parameters: ModelTransferParameters) -> tuple[Rows, LabelledRows, Artefact]:
    """The own rows, of which some train: by a keyed hash of their consents, under a key that nobody chose."""
    rows, opened = await job.open("rows")
    demand_at_most(rows, MAX_LABELS, "transfer.list")
    async with split.own_rows(job, rows, opened, parameters.train) as (step, order, train):
        labelled = LabelledRows.of(rows, parameters, order, train)
        return rows, labelled, step.output("order", canonical(order))


# Both.


def _demand_planned(parameters: ModelTransferParameters, commitment: bytes) -> None:
    """ProtocolError `model.parts` where the source's model is another than the plan's."""
    if commitment != parameters.model.commitment:
        raise ProtocolError(
            "the source's model is not the plan's",
            expected=to_hex(parameters.model.commitment),
            found=to_hex(commitment),
            remedy="the source tells its model's commitment anew: placet model table shows it",
            code="model.parts",
        )


def _demand_columns(parameters: ModelTransferParameters, shape: ModelShape) -> None:
    """InputError `transfer.model` where the model reads other columns than planned."""
    if sorted(shape.names) != sorted(parameters.columns):
        raise InputError(
            "the model reads other columns than planned",
            expected=", ".join(sorted(parameters.columns))[:400],
            found=", ".join(sorted(shape.names))[:400],
            code=_MODEL,
        )


async def _computed(
    job: PartyRun, program: TransferJudge, own: Mapping[str, Integers], *inputs: Artefact
) -> tuple[bytes, Artefact]:
    """The engine's part: this party's share of the figures."""
    needs = model_transfer.cost(job.parameters(ModelTransferParameters), program.rows)
    if (shape := program.trees) is not None:
        needs = model_transfer.cost_of_trees(needs, program.rows, program.width, shape.trees * shape.nodes)
    await distributed.demand_cost(job, needs)
    work = SessionProgram(
        name="transfer",
        parties=(0, 1),
        engine=spu.choose(2),
        program=program,
        secrets=secrets_of(program),
        own=own,
        kept={},
        scores=program.rows,
    )
    (share,), artefact = await warm.computed(job, work, None, b"", *inputs)
    return share, artefact


def secrets_of(program: TransferJudge) -> list[Secret]:
    """What the program takes: weights of the first party, all else of the second."""
    shapes = {
        DESIGN: (program.rows, program.width),
        BASIS: (program.rows, program.rank),
        PULL: (program.rank,),
        LABELS: (program.train,),
        OWN: (program.validation,),
        WINS: (program.validation,),
    }
    return [
        Secret(WEIGHTS, 0, "int64", (program.weights,)),
        *(Secret(name, 1, "int64", shape) for name, shape in shapes.items()),
    ]


def combine(parts: Mapping[int, bytes], private: bytes, scratch: Path) -> dict[str, Any]:
    """No rows; `report`: {too_few, smallest_group} and, unless too few rows have either label, {rows: {train,
    validation, positives}} and what `report.report_of` says. InputError for shares of what no honest parties reach."""
    state = json.loads(private)
    parameters, sizes = model_transfer.SPEC.parse(state["parameters"]), parse(Sizes, canonical(state["sizes"]))
    report: dict[str, Any] = {"too_few": not sizes.enough, "smallest_group": parameters.smallest_group}
    if not sizes.enough:
        return {"rows": [], "report": report | {"words": [too_few(parameters)]}}
    program = parse(TransferJudge, canonical(state["program"]), what="the program")
    (provided,) = parts.values()
    shares = [provided, bytes.fromhex(state["share"])]
    result = asyncio.run(spu.reconstruct(shares, spu.choose(2), scratch=scratch, seconds=SECONDS))
    counted = {"train": sizes.train, "validation": program.validation, "positives": sizes.positives}
    return {"rows": [], "report": report | {"rows": counted} | report_of(*program.opened(result))}


def too_few(parameters: ModelTransferParameters) -> str:
    """In words."""
    return (
        f"Too few labels: of the rows that train and of those that validate, {parameters.smallest_group} have to have "
        "either label, and two at the least. Nothing was computed, and the source does not know how many there are."
    )


MODEL_TRANSFER = RecipeRun(spec=model_transfer.SPEC, run=run, combine=combine, final=_FINAL.__contains__)
