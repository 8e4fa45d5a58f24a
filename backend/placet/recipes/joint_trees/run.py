"""`joint-trees`: the consumer, who has the labels, grows boosted trees over its own columns and those of providers.

Each party cuts its own columns into bins, by all of its own consented rows. Every provider finds its rows in the
consumer's list by PSI, as in `asset-view`; what it lacks is missing. Then trees grow by `protocols.boost`, on Paillier
or on Okamoto and Uchiyama's scheme as the engine says: one step a tree. The consumer's part of the model is its
structure, each provider's its own cuts, which it releases at the end.
"""

from __future__ import annotations

import asyncio
import importlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import JsonValue

from placet.catalogue import joint_trees
from placet.catalogue.declared import DeclaredTerms
from placet.catalogue.joint_trees import OKAMOTO_UCHIYAMA, SHARES, JointTreesParameters
from placet.catalogue.modelling import MAX_ROWS
from placet.catalogue.spec import CONSUMER
from placet.core.errors import ConfigError, DataError, PlanError
from placet.core.hashing import canonical, document_bytes
from placet.core.trail import Artefact
from placet.core.values import parse
from placet.jobs import model_parts
from placet.jobs.party_run import PartyRun
from placet.jobs.recipe import RecipeRun
from placet.jobs.step_recorder import name_of
from placet.models import boosting_twin
from placet.models.boosting import Own
from placet.models.permuting import judged_rows
from placet.models.trees import TreeCut, TreeModel, TreePart, Whole
from placet.recipes.blocks import psi_join, split
from placet.recipes.blocks.features import labelled
from placet.recipes.blocks.placed import placed_rows
from placet.recipes.blocks.split import RowParts
from placet.recipes.joint_trees import on_shares
from placet.recipes.joint_trees.binned import (
    MAX_PART,
    BinnedColumns,
    binned,
    boosting_of,
    demand_both,
    judged,
    opened_model,
    worth,
)
from placet.recipes.joint_trees.judging import gain
from placet.recipes.joint_trees.permuted import JudgedSides

if TYPE_CHECKING:
    from placet.protocols.boost import Host, LabelHolder
    from placet.protocols.boost.ciphers import Cipher

OWN = "boost.own-columns/1"
_FINAL = model_parts.FINAL | {
    DataError.code,
    "boost.sums",
    "joint.list",
    "joint.label",
    "warrant.change",
    "warrant.changes",
}


def demand(job: DeclaredTerms) -> None:
    """PlanError where Paillier's packages are not installed here, or for what the engine spu does not hold."""
    if job.terms.engine == SHARES:
        on_shares.demand(job)
        return
    try:
        importlib.import_module("placet.protocols.mpc.extra")
    except ConfigError as error:
        raise PlanError(
            error.message, expected=error.expected, found=error.found, remedy=error.remedy, code="plan.engine"
        ) from None


async def run(job: PartyRun) -> None:
    """The same function at every party."""
    if job.terms.engine == SHARES:
        await on_shares.run(job)
    elif job.role == CONSUMER:
        await _consume(job)
    else:
        await _provide(job)


def cipher_of(job: PartyRun) -> Cipher:
    """By what the plan's engine encrypts sums."""
    from placet.protocols.boost import ciphers

    return ciphers.OKAMOTO_UCHIYAMA if job.terms.engine == OKAMOTO_UCHIYAMA else ciphers.PAILLIER


def secureboost(job: PartyRun) -> str:
    """How trees grow, as the trail names it."""
    way = "blind" if job.parameters(JointTreesParameters).blind else "secureboost"
    return f"boost.{way}-{cipher_of(job).name}/1"


async def _provide(job: PartyRun) -> None:
    from placet.protocols.boost import Host

    (consumer,) = job.others(CONSUMER)
    parameters = job.parameters(JointTreesParameters)
    rows, opened = await job.open("features")
    table = await binned(job, rows, opened)
    own = await placed_rows(job, parameters, rows, table.made)
    parts, made = own.parts, own.artefact
    cuts = tuple[TreeCut, ...]()
    if worth(parameters, parts):
        await job.started_with(consumer)
        host = Host(
            name_of(consumer),
            table.placed(own.order),
            parts.train,
            boosting_of(parameters),
            cipher=cipher_of(job),
            blind=parameters.blind,
            entropy=job.entropy(b"boost"),
            order=job.entropy(b"order"),
        )
        if (state := await job.last_checkpoint()) is not None:
            host.cuts, host.counts = _host_state(state, parameters)
        made = await _grow_host(job, host, parameters.trees, made)
        if parameters.permutations is not None:
            async with job.step("judge-sides", secureboost(job), made) as step:
                await host.judge(step, judged_rows(parts.train, parts.validation))
                made = step.output("cuts", canonical([cut.to_json() for cut in host.cuts]))
        cuts = tuple(host.cuts)
    await job.release(document_bytes(TreePart(columns=table.columns, cuts=cuts)), made)


async def _grow_host(job: PartyRun, host: Host, trees: int, made: Artefact) -> Artefact:
    """Each tree but the first, which is the consumer's alone."""
    if trees > 1:
        public: dict[str, JsonValue] = {}
        async with job.step("trees-start", secureboost(job), made, parameters=public) as step:
            await host.start(step)
            public["standing"] = len(host.counts)
            made = step.output("cuts", canonical([cut.to_json() for cut in host.cuts]))
    for number in range(host.trees, trees):
        async with job.step(f"tree-{number}", secureboost(job), made) as step:
            with job.working(f"encrypted sums for tree {number + 1} of {trees}") as work:
                await host.grow(step, work.count)
            made = step.output("cuts", canonical([cut.to_json() for cut in host.cuts]))
        await job.checkpoint(canonical({"cuts": [cut.to_json() for cut in host.cuts], "counts": host.counts}))
    return made


def _host_state(state: bytes, parameters: JointTreesParameters) -> tuple[list[TreeCut], list[int]]:
    """Cuts, and how many there were after each tree, of a checkpoint that this party sealed itself."""
    kept = json.loads(state)
    return [TreeCut.model_validate(cut) for cut in kept["cuts"]], kept["counts"][: parameters.trees]


async def _consume(job: PartyRun) -> None:
    parameters = job.parameters(JointTreesParameters)
    rows, opened = await job.open("labels")
    people, labels, values = labelled(rows, parameters)
    table = await binned(job, rows, opened)
    order, parts, made = await split.consumer(job, parameters.split, people, values, table.made)
    placed = labels[order]
    demand_both(placed[: parts.train], parameters.smallest_group if worth(parameters, parts) else 0)
    providers = job.peers
    _, brought, made = await psi_join.consumer(job, providers, people, made, most=MAX_ROWS, order=order)
    kept: dict[str, Any] = {
        "parameters": job.terms.parameters,
        "parties": [CONSUMER, *(job.terms.roles[party] for party in providers)],
        "providers": providers,
        "rows": parts.to_json(),
        "provider_rows": brought,
        "smallest_group": parameters.smallest_group,
        "model": None,
    }
    if worth(parameters, parts):
        await job.started_with(*providers)
        kept |= await _trained(job, providers, table, order, placed, parts, made)
    await job.collect(canonical(kept), made)


async def _trained(
    job: PartyRun,
    providers: Sequence[int],
    table: BinnedColumns,
    order: Sequence[int],
    labels: Whole,
    parts: RowParts,
    made: Artefact,
) -> dict[str, Any]:
    """What the consumer keeps of the trees: the structure, its own part, and how good they are, alone and together."""
    from placet.protocols.boost import HolderState, LabelHolder

    parameters = job.parameters(JointTreesParameters)
    wanted, learned = boosting_of(parameters), labels[: parts.train]
    key = await asyncio.to_thread(cipher_of(job).generate, job.entropy(b"key"))
    own = Own(table.placed(order))
    names = tuple(map(name_of, providers))
    holder = LabelHolder(names, key, own, learned, parts.total, wanted, job.entropy(b"boost"), parameters.blind)
    if (state := await job.last_checkpoint()) is not None:
        holder.resume(HolderState.model_validate_json(state))
    artefact = await _grow_holder(job, holder, parameters.trees, made)
    sides = None
    if parameters.permutations is not None:
        async with job.step("judge-sides", secureboost(job), artefact) as step:
            others = await holder.judge(step, judged_rows(parts.train, parts.validation))
            sides = JudgedSides.of(labels, own, others, parts).to_json()
            await step.output_of("model", holder.model.to_json)
    _, alone = await asyncio.to_thread(boosting_twin.train, Own(own.columns), (), learned, parts.total, wanted)
    tested = slice(parts.total - parts.test, None)
    return {
        "model": holder.model.to_json(),
        "part": TreePart(columns=table.columns, cuts=tuple(own.cuts)).to_json(),
        "metrics": judged(labels, holder.margins, parts),
        "alone": judged(labels, alone, parts),
        "gain": gain(labels[tested], holder.margins[tested], alone[tested]),
        "sides": sides,
    }


async def _grow_holder(job: PartyRun, holder: LabelHolder, trees: int, artefact: Artefact) -> Artefact:
    if trees > 1:
        public: dict[str, JsonValue] = {}
        async with job.step("trees-start", secureboost(job), artefact, parameters=public) as step:
            public["standing"] = await holder.start(step)
            artefact = await step.output_of("model", holder.model.to_json)
    for number in range(len(holder.trees), trees):
        async with job.step(f"tree-{number}", secureboost(job) if number else OWN, artefact) as step:
            with job.working(f"growing tree {number + 1} of {trees}") as work:
                await holder.grow(step, work.count)
            artefact = await step.output_of("model", holder.model.to_json)
        await job.checkpoint(await asyncio.to_thread(document_bytes, holder.state()))
        await job.say(job.record, "tree", attempt=job.attempt, tree=number + 1, trees=trees)
    return artefact


def combine(parts: Mapping[int, bytes], private: bytes, scratch: Path) -> dict[str, Any]:
    """No rows; `report`: {too_few, smallest_group, rows: {train, validation, test}, provider_rows} and, unless they are
    too few, {metrics, alone, gain, importance, parties, model, parts, commitment}.

    `metrics` and `alone` are {validation, test}, None where a part has too few of either label: {people, positives,
    auc, gini, ks, log_loss, brier, auc_error, auc_interval}; `alone` is of as many trees of the consumer's own columns,
    `gain` {auc, low, high} of test, joint less alone. `importance`: {party, column, gain}, the largest first, with
    permutations {permutation} too: by how much the AUC falls, None of too few rows. `model` is
    `models.trees.TreeModel`, `commitment` its hash in hex, and `parts` one `TreePart` a party, in the order of
    `parties`, which are roles. InputError for parts of another model, or columns that are not planned.

    On the engine spu `metrics` are by up to 64 bands of the margin in thousandths ({people, positives, auc, gini, ks,
    auc_error, auc_interval, auc_by}) and there are `bands` and `gains` as of `joint-scorecard`; of a model that stays
    shared no `importance`, `parties`, `model` and `parts`, and `commitment` is the one to all of its parts.
    """
    kept = json.loads(private)
    if "trained" in kept:
        return on_shares.combine(parts, kept, scratch)
    report = {name: kept[name] for name in ("smallest_group", "rows", "provider_rows")}
    if kept["model"] is None:
        return {"rows": [], "report": report | {"too_few": True}}
    model = parse(TreeModel, kept["model"])
    others = [parse(TreePart, parts[party], limit=MAX_PART) for party in kept["providers"]]
    together = (parse(TreePart, kept["part"]), *others)
    parameters = joint_trees.SPEC.parse(kept["parameters"])
    report |= {name: kept[name] for name in ("metrics", "alone", "gain")} | {"too_few": False}
    opened = opened_model(parameters, kept["parties"], model, together)
    if parameters.permutations is not None:
        worth = JudgedSides.from_json(kept["sides"]).falls(model, together, parameters.permutations)
        by_name = {
            (kept["parties"][party], together[party].columns[column].column): fall
            for (party, column), fall in worth.items()
        }
        for row in opened["importance"]:
            row["permutation"] = by_name.get((row["party"], row["column"]))
    return {"rows": [], "report": report | opened}


JOINT_TREES = RecipeRun(spec=joint_trees.SPEC, run=run, combine=combine, final=_FINAL.__contains__, demand=demand)
