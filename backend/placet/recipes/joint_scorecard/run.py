"""`joint-scorecard`: a scorecard from the consumer's labels and several providers' columns, fitted wholly on shares.

Rows come to places in the consumer's secret order (`blocks.split`, `blocks.psi_join`). Each party cuts its own columns
into bins, at quantiles of all of its own consented rows, so that the consumer's list can't choose whose values an edge
lies between. Cells enter the program `scorecard-train` as shares; what comes out stays shares until the release.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from placet.catalogue import joint_scorecard
from placet.catalogue.declared import DeclaredTerms
from placet.catalogue.joint_scorecard import JointScorecardParameters
from placet.catalogue.modelling import MAX_FEATURES, Feature, computing
from placet.catalogue.spec import CONSUMER
from placet.core.errors import DataError, InputError
from placet.core.hashing import canonical
from placet.core.trail import Artefact
from placet.core.values import Octets, Value, parse, to_hex
from placet.jobs import model_parts
from placet.jobs.party_run import PartyRun
from placet.jobs.recipe import RecipeRun
from placet.models.binning import BINS, ColumnBins
from placet.models.contribution import Table
from placet.protocols.mpc.card_coalitions import contributions
from placet.protocols.mpc.cells import CardColumn
from placet.protocols.mpc.numbers import Integers
from placet.protocols.mpc.program import Size
from placet.protocols.mpc.scorecard import ScorecardTrain
from placet.protocols.mpc.scoring import kept_numbers
from placet.protocols.spu import KeptShare, evaluate
from placet.recipes.blocks import contribution, distributed, psi_join, sharing_out, split
from placet.recipes.blocks.features import ColumnCells, cells_of, features_of, labelled
from placet.recipes.blocks.kept_cells import SCORECARD, KeptCells, KeptColumn
from placet.recipes.blocks.placed import placed_rows
from placet.recipes.blocks.split import RowParts
from placet.recipes.joint_scorecard.alone import alone
from placet.recipes.joint_scorecard.report import contribution_of, opened_report
from placet.vault.rows import Rows

BINNING = "models.binning/1"
SECONDS = 600
"""For putting the shares together."""
MAX_PART = 64 << 20
"""Bytes of what a provider releases."""
_FINAL = (
    contribution.FINAL
    | model_parts.FINAL
    | {DataError.code, "joint.list", "joint.label", "warrant.change", "warrant.changes"}
)


class ProviderPart(Value):
    """What a provider releases: how its columns are cut, and its share, which is empty where it does not compute."""

    bins: Annotated[tuple[ColumnBins, ...], Field(max_length=MAX_FEATURES)]
    share: Octets


def program_of(parameters: JointScorecardParameters, roles: Sequence[str], parts: RowParts) -> ScorecardTrain:
    """The program that the plan declares, for so many rows of each part."""
    columns = [
        CardColumn(owner=owner, kind=feature.kind, bins=feature.bins, monotone=feature.monotone)
        for owner, role in enumerate(roles)
        for feature in features_of(parameters, role)
    ]
    return ScorecardTrain(
        keeps=parameters.model != CONSUMER,
        providers=len(roles) - 1,
        columns=tuple(columns),
        train=parts.train,
        validation=parts.validation,
        join=parameters.join,
        smallest=parameters.smallest_group,
        scale=parameters.scale,
        steps=parameters.steps,
        l2=parameters.l2,
        payout_rule=parameters.payout_rule,
        permutations=parameters.permutations,
    )


def worth(program: ScorecardTrain, parts: RowParts) -> bool:
    """Are there enough rows that anything could come out?"""
    return parts.train >= 2 * program.smallest and parts.test >= 1


def demand(job: DeclaredTerms) -> None:
    """PlanError for what no engine holds."""
    parameters = joint_scorecard.SPEC.parse(job.terms.parameters)
    program, count = program_of(parameters, job.terms.roles, split.LARGEST), len(computing(job.terms.roles))
    evaluate.engine_of(program, count, count, Size(split.LARGEST.total))


async def run(job: PartyRun) -> None:
    """The same function at every party."""
    if job.role == CONSUMER:
        await _consume(job)
    else:
        await _provide(job)


async def _provide(job: PartyRun) -> None:
    parameters = job.parameters(JointScorecardParameters)
    rows, opened = await job.open("features")
    bins, codes, binned = await _binned(job, rows, opened)
    own = await placed_rows(job, parameters, rows, binned)
    parts, artefact = own.parts, own.artefact
    program = program_of(parameters, job.terms.roles, parts)
    part = ProviderPart(bins=(), share=b"")
    shares: tuple[bytes, ...] = ()
    if worth(program, parts):
        await sharing_out.demand_room(job, program, joint_scorecard.cost(parameters, parts.total), parts.total)
        placed, present = own.laid_out(codes)
        shares, artefact = await _computed(job, program, program.bring(job.party, placed, present), parts, artefact)
        part = ProviderPart(bins=() if program.keeps else tuple(bins), share=shares[0])
        if program.keeps:
            artefact = await _keep(job, program, bins, shares, parts, artefact)
    if program.payout_rule is not None:
        await _contributed(job, program, parts, shares, artefact)
    await job.release(canonical(part.to_json()), artefact)


async def _consume(job: PartyRun) -> None:
    parameters = job.parameters(JointScorecardParameters)
    rows, opened = await job.open("labels")
    people, labels, values = labelled(rows, parameters)
    bins, codes, binned = await _binned(job, rows, opened)
    order, parts, artefact = await split.consumer(job, parameters.split, people, values, binned)
    providers = job.peers
    _, brought, artefact = await psi_join.consumer(
        job, providers, people, artefact, most=distributed.MAX_ROWS, order=order
    )
    program = program_of(parameters, job.terms.roles, parts)
    state: dict[str, Any] = {
        "parameters": job.terms.parameters,
        "roles": list(job.terms.roles),
        "parts": parts.to_json(),
        "provider_rows": brought,
        "bins": [column.to_json() for column in bins],
        "share": "",
    }
    shares: tuple[bytes, ...] = ()
    if worth(program, parts):
        await sharing_out.demand_room(job, program, joint_scorecard.cost(parameters, parts.total), parts.total)
        placed, label = codes[order], labels[order]
        cells = program.bring(job.party, placed, np.ones(len(order), np.bool_))
        own = np.concatenate([cells, label[:, None]], axis=1)
        shares, artefact = await _computed(job, program, own, parts, artefact)
        state["share"] = shares[0].hex()
        if program.keeps:
            artefact = await _keep(job, program, bins, shares, parts, artefact)
            state["model"] = to_hex(artefact.commitment)
        state["alone"] = await asyncio.to_thread(alone, program, placed, label)
    if program.payout_rule is not None:
        table = await _contributed(job, program, parts, shares, artefact)
        state["contribution"] = contribution_of(table, job.declared.division, job.plan.pot, job.terms.roles)
    await job.collect(canonical(state), artefact)


async def _binned(job: PartyRun, rows: Rows, opened: Artefact) -> tuple[list[ColumnCells], Integers, Artefact]:
    """This party's columns as bins, and the cell of each of its rows in each (rows, columns)."""
    parameters = job.parameters(JointScorecardParameters)
    features = features_of(parameters, job.role)
    async with job.step("bin", BINNING, opened) as step:
        bins, codes = await asyncio.to_thread(cells_of, rows, features, parameters.smallest_group)
        artefact = step.output("bins", canonical([column.to_json() for column in bins]))
    return bins, codes, artefact


async def _computed(
    job: PartyRun, program: ScorecardTrain, own: Integers, parts: RowParts, artefact: Artefact
) -> tuple[tuple[bytes, ...], Artefact]:
    """This party's share of each array that the program gives; empty of who does not compute."""
    members = computing(job.terms.roles)
    own, artefact = await sharing_out.joined(job, own, program, artefact)
    if job.party not in members:
        return (b"",), artefact
    size = Size(parts.total)
    return await distributed.evaluated_all(job, "scorecard", members, program, own, size=size, made=artefact)


async def _keep(
    job: PartyRun,
    program: ScorecardTrain,
    bins: Sequence[ColumnCells],
    shares: Sequence[bytes],
    parts: RowParts,
    artefact: Artefact,
) -> Artefact:
    """This party's part of the model goes to its vault: how its own columns are cut, and, if it computes, its share of
    the points. Returns the model's commitment."""
    members, points = computing(job.terms.roles), None
    if job.party in members:
        engine = evaluate.engine_of(program, len(members), len(members), Size(parts.total))
        points = KeptShare(
            engine=engine,
            rank=members.index(job.party),
            dtype="int64",
            shape=(kept_numbers([column.cells for column in program.columns]),),
            share=shares[1],
        )
    features = features_of(job.parameters(JointScorecardParameters), job.role)
    decimals = (await job.scope(job.declared.seats[job.party].alias or "")).decimals
    columns = tuple(KeptColumn.of(one.column, own, decimals) for one, own in zip(features, bins, strict=True))
    part = KeptCells(columns=columns, numbers=points)
    return await model_parts.keep(job, SCORECARD, part.to_json(), artefact)


async def _contributed(
    job: PartyRun, program: ScorecardTrain, parts: RowParts, shares: Sequence[bytes], artefact: Artefact
) -> Table:
    """Opens the metrics of coalitions to all parties, checks them and records them; without `shares` nothing ran, and
    nothing is known of any coalition."""
    metrics = None
    if shares:
        members, count = computing(job.terms.roles), len(program.coalitions)
        engine = evaluate.engine_of(program, len(members), len(members), Size(parts.total))
        metrics, artefact = await contribution.opened(job, members, engine, shares[-1], count, artefact)
    table = contributions(program, metrics)
    await job.contributed("auc", table, artefact)
    return table


def part_of(raw: bytes) -> ProviderPart:
    """InputError for what no provider releases."""
    return parse(ProviderPart, raw, limit=MAX_PART, what="a provider's part of the scorecard")


def columns_of(
    role: str, features: Sequence[Feature], bins: Sequence[ColumnCells]
) -> list[tuple[str, str, ColumnCells]]:
    """A party's columns by name. InputError where they are cut otherwise than planned."""
    planned = [(feature.kind, feature.bins) for feature in features]
    found = [(column.kind, column.bins) for column in bins]
    if planned != found:
        raise InputError(
            "columns are cut otherwise than planned", expected=f"{len(planned)} of {role}", found=len(found)
        )
    return [(role, feature.column, column) for feature, column in zip(features, bins, strict=True)]


def combine(parts: Mapping[int, bytes], private: bytes, scratch: Path) -> dict[str, Any]:
    """No rows; `report`: {too_few, smallest_group, rows: {train, validation, test}, provider_rows} and, unless too few
    have either label, {fitted: {people, positives}, metrics, bands, gains, scorecard, importance, alone, gain,
    commitment}.

    `metrics`, `bands` and `gains` are {validation, test}, None where a part has too few of either label; positives have
    label 1. Metrics: {people, positives, auc, gini, ks, auc_error, auc_interval}; bands by ascending score {from, to,
    people, positives, rate}, none with fewer than the smallest group of either label; gains from those on whom label 1
    is likeliest {from or below, people, positives, people_share, positives_share, lift, rate}. `scorecard` is
    `models.scorecard.Scorecard`, `commitment` its hash in hex. `importance` by information value: {party, column, iv,
    points}, with permutations {permutation} too: by how much the AUC falls. Of a model that stays shared there is no
    `scorecard`, and `importance` by permutations alone, and `commitment` is the one to all of its parts. `alone`:
    metrics of a scorecard of the consumer's own columns, None where it has none; `gain`: {auc, low, high} of test,
    joint less alone. With a `payout_rule` there is `contribution` in any case: {metric, coalitions: [{parties,
    metric}], values: [{party, value}]} and, of a pot, `payouts`, by party. Numbers that are neither counts nor points
    are decimal strings.
    """
    state = json.loads(private)
    parameters = joint_scorecard.SPEC.parse(state["parameters"])
    sizes = RowParts(**state["parts"])
    report: dict[str, Any] = {
        "too_few": True,
        "smallest_group": parameters.smallest_group,
        "rows": sizes.to_json(),
        "provider_rows": state["provider_rows"],
    }
    if "contribution" in state:
        report["contribution"] = state["contribution"]
    program = program_of(parameters, state["roles"], sizes)
    if worth(program, sizes):
        providers = {party: part_of(raw) for party, raw in parts.items()}
        members = computing(state["roles"])
        own = bytes.fromhex(state["share"])
        shares = [providers[party].share if party in providers else own for party in members]
        engine = evaluate.engine_of(program, len(members), len(members), Size(sizes.total))
        opening = evaluate.combine(program, Size(sizes.total), engine, shares, scratch=scratch, seconds=SECONDS)
        bins = {party: part.bins for party, part in providers.items()}
        bins[len(providers)] = tuple(BINS.validate_python(column) for column in state["bins"])
        names = [(role, one.column) for role in state["roles"] for one in features_of(parameters, role)]
        columns = [
            column
            for party, role in enumerate(() if program.keeps else state["roles"])
            for column in columns_of(role, features_of(parameters, role), bins[party])
        ]
        report |= opened_report(parameters, columns, program, asyncio.run(opening), sizes, state.get("alone"), names)
        if program.keeps and not report["too_few"]:
            report["commitment"] = state["model"]
    return {"rows": [], "report": report}


JOINT_SCORECARD = RecipeRun(
    spec=joint_scorecard.SPEC, run=run, combine=combine, final=_FINAL.__contains__, demand=demand
)
