"""`joint-linear`: a linear model of the consumer's label and several providers' columns, fitted wholly on shares.

Rows come to places in the consumer's secret order (`blocks.split`, `blocks.psi_join`). Each party prepares its own
columns by all of its own consented rows, so that the consumer's list can't choose whose values an end or a mean is of.
Prepared numbers enter the program `linear-train` as shares; what comes out stays shares until the release.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import Field, TypeAdapter

from placet.catalogue import joint_linear
from placet.catalogue.declared import DeclaredTerms
from placet.catalogue.joint_linear import JointLinearParameters, linear_features
from placet.catalogue.modelling import MAX_FEATURES, LinearFeature, computing
from placet.catalogue.spec import CONSUMER
from placet.core.errors import DataError, InputError
from placet.core.hashing import canonical
from placet.core.trail import Artefact
from placet.core.values import Octets, Value, parse, to_hex
from placet.jobs import model_parts
from placet.jobs.party_run import PartyRun
from placet.jobs.recipe import RecipeRun
from placet.models.preparing import Prepared, PreparedCategory
from placet.protocols.mpc.design import DesignColumn
from placet.protocols.mpc.numbers import Integers
from placet.protocols.mpc.program import Size
from placet.protocols.mpc.regression import LinearTrain
from placet.protocols.mpc.scoring import kept_numbers
from placet.protocols.spu import KeptShare, evaluate
from placet.recipes.blocks import distributed, psi_join, sharing_out, split
from placet.recipes.blocks.kept_line import LINEAR, KeptLabel, KeptLine, KeptPrepared
from placet.recipes.blocks.placed import placed_rows
from placet.recipes.blocks.prepared import ToldColumn, listed, prepare
from placet.recipes.blocks.split import RowParts
from placet.recipes.joint_linear.alone import alone
from placet.recipes.joint_linear.report import opened_report
from placet.vault.rows import Rows

PREPARING = "models.preparing/1"
SECONDS = 600
"""For putting the shares together."""
MAX_PART = 64 << 20
"""Bytes of what a provider releases."""
_FINAL = model_parts.FINAL | {DataError.code, "joint.list", "joint.label", "warrant.change", "warrant.changes"}
_COLUMNS: TypeAdapter[tuple[ToldColumn, ...]] = TypeAdapter(tuple[ToldColumn, ...])


class PreparedPart(Value):
    """What a provider releases: how its columns are prepared, and its share, which is empty where it does not
    compute."""

    columns: Annotated[tuple[ToldColumn, ...], Field(max_length=MAX_FEATURES)]
    share: Octets


def program_of(parameters: JointLinearParameters, roles: Sequence[str], parts: RowParts) -> LinearTrain:
    """The program that the plan declares, for so many rows of each part."""
    columns = [
        DesignColumn(owner=owner, kind=feature.kind, levels=feature.levels, missing=feature.missing)
        for owner, role in enumerate(roles)
        for feature in linear_features(parameters, role)
    ]
    return LinearTrain(
        family=parameters.family,
        providers=len(roles) - 1,
        columns=tuple(columns),
        train=parts.train,
        validation=parts.validation,
        join=parameters.join,
        smallest=parameters.smallest_group,
        steps=parameters.steps,
        l2=parameters.l2,
        statistics=parameters.statistics,
        keeps=parameters.model != CONSUMER,
    )


def worth(program: LinearTrain, parts: RowParts) -> bool:
    """Are there enough rows that anything could come out?"""
    tested = parts.test >= 1 or program.statistics == "only"
    return parts.train >= max(2 * program.smallest, program.wide + 1) and tested


def demand(job: DeclaredTerms) -> None:
    """PlanError for what no engine holds."""
    parameters = joint_linear.SPEC.parse(job.terms.parameters)
    program, count = program_of(parameters, job.terms.roles, split.LARGEST), len(computing(job.terms.roles))
    evaluate.engine_of(program, count, count, Size(split.LARGEST.total))


async def run(job: PartyRun) -> None:
    """The same function at every party."""
    if job.role == CONSUMER:
        await _consume(job)
    else:
        await _provide(job)


async def _provide(job: PartyRun) -> None:
    parameters = job.parameters(JointLinearParameters)
    rows, opened = await job.open("features")
    columns, numbers, artefact = await _prepared(job, rows, opened)
    own = await placed_rows(job, parameters, rows, artefact)
    parts, artefact = own.parts, own.artefact
    program = program_of(parameters, job.terms.roles, parts)
    part = PreparedPart(columns=(), share=b"")
    if worth(program, parts):
        await sharing_out.demand_room(job, program, joint_linear.cost(parameters, parts.total), parts.total)
        placed, present = own.laid_out(numbers)
        shares, artefact = await _computed(job, program, program.whole(job.party, placed, present), parts, artefact)
        part = PreparedPart(columns=() if program.keeps else tuple(columns), share=shares[0])
        if program.keeps:
            artefact = await _keep(job, program, columns, None, shares, parts, artefact)
    await job.release(canonical(part.to_json()), artefact)


async def _consume(job: PartyRun) -> None:
    parameters = job.parameters(JointLinearParameters)
    rows, opened = await job.open("labels")
    people, labels, values = listed(rows, parameters)
    columns, numbers, artefact = await _prepared(job, rows, opened)
    order, parts, artefact = await split.consumer(job, parameters.split, people, values, artefact)
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
        "columns": [column.to_json() for column in columns],
        "label": [labels.centre, labels.spread],
        "alone": None,
        "share": "",
    }
    if worth(program, parts):
        await sharing_out.demand_room(job, program, joint_linear.cost(parameters, parts.total), parts.total)
        placed, label = numbers[order], labels.values[order]
        own = program.whole(job.party, placed, np.ones(len(order), np.bool_), label)
        shares, artefact = await _computed(job, program, own, parts, artefact)
        state["share"] = shares[0].hex()
        if program.keeps:
            scale = KeptLabel(family=program.family, centre=labels.centre, spread=labels.spread)
            artefact = await _keep(job, program, columns, scale, shares, parts, artefact)
            state["model"] = to_hex(artefact.commitment)
        state["alone"] = await asyncio.to_thread(alone, program, placed, label)
    await job.collect(canonical(state), artefact)


async def _prepared(job: PartyRun, rows: Rows, opened: Artefact) -> tuple[list[ToldColumn], Prepared, Artefact]:
    """This party's columns as they are prepared, and what its rows become."""
    parameters = job.parameters(JointLinearParameters)
    features = linear_features(parameters, job.role)
    async with job.step("prepare", PREPARING, opened) as step:
        columns, numbers = await asyncio.to_thread(prepare, rows, features, parameters.smallest_group)
        artefact = step.output("preparation", canonical([column.to_json() for column in columns]))
    return columns, numbers, artefact


async def _computed(
    job: PartyRun, program: LinearTrain, own: Integers, parts: RowParts, artefact: Artefact
) -> tuple[tuple[bytes, ...], Artefact]:
    """This party's share of each array that the program gives; empty of who does not compute."""
    members = computing(job.terms.roles)
    own, artefact = await sharing_out.joined(job, own, program, artefact)
    if job.party not in members:
        return (b"",), artefact
    size = Size(parts.total)
    return await distributed.evaluated_all(job, "linear", members, program, own, size=size, made=artefact)


async def _keep(
    job: PartyRun,
    program: LinearTrain,
    columns: Sequence[ToldColumn],
    label: KeptLabel | None,
    shares: Sequence[bytes],
    parts: RowParts,
    artefact: Artefact,
) -> Artefact:
    """This party's part of the model goes to its vault: how its own columns are prepared, the label's scale at the
    consumer, and, if it computes, its share of the model's numbers. Returns the model's commitment."""
    features = linear_features(job.parameters(JointLinearParameters), job.role)
    decimals = (await job.scope(job.declared.seats[job.party].alias or "")).decimals
    own = tuple(
        KeptPrepared.of(feature.column, one.prepared, decimals) for feature, one in zip(features, columns, strict=True)
    )
    part = KeptLine(columns=own, label=label, numbers=_numbers(job, program, shares, parts))
    return await model_parts.keep(job, LINEAR, part.to_json(), artefact)


def _numbers(job: PartyRun, program: LinearTrain, shares: Sequence[bytes], parts: RowParts) -> KeptShare | None:
    """None at who does not compute."""
    members = computing(job.terms.roles)
    if job.party not in members:
        return None
    engine = evaluate.engine_of(program, len(members), len(members), Size(parts.total))
    shape = (kept_numbers(program.widths),)
    return KeptShare(engine=engine, rank=members.index(job.party), dtype="int64", shape=shape, share=shares[1])


def part_of(raw: bytes) -> PreparedPart:
    """InputError for what no provider releases."""
    return parse(PreparedPart, raw, limit=MAX_PART, what="a provider's part of the model")


def demand_planned(role: str, features: Sequence[LinearFeature], columns: Sequence[ToldColumn]) -> None:
    """InputError where a party's columns are prepared otherwise than planned."""
    planned = [(feature.kind, feature.missing, feature.width) for feature in features]
    prepared = [(one.prepared.kind, one.prepared.missing, one.prepared.width) for one in columns]
    levels = [one.prepared.levels for one in columns if isinstance(one.prepared, PreparedCategory)]
    if planned != prepared or levels != [feature.levels for feature in features if feature.kind == "category"]:
        raise InputError(
            "columns are prepared otherwise than planned", expected=f"{len(planned)} of {role}", found=len(prepared)
        )


def combine(parts: Mapping[int, bytes], private: bytes, scratch: Path) -> dict[str, Any]:
    """No rows; `report`: {too_few, smallest_group, family, rows: {train, validation, test}, provider_rows} and, unless
    too few have either label, {columns, fitted, ...}: see `report.opened_report`. Of a model that stays shared nothing
    says what it is made of, and `commitment` is the one to all of its parts."""
    state = json.loads(private)
    parameters = joint_linear.SPEC.parse(state["parameters"])
    sizes = RowParts(**state["parts"])
    report: dict[str, Any] = {
        "too_few": True,
        "smallest_group": parameters.smallest_group,
        "family": parameters.family,
        "rows": sizes.to_json(),
        "provider_rows": state["provider_rows"],
    }
    program = program_of(parameters, state["roles"], sizes)
    if worth(program, sizes):
        providers = {party: part_of(raw) for party, raw in parts.items()}
        members = computing(state["roles"])
        own = bytes.fromhex(state["share"])
        shares = [providers[party].share if party in providers else own for party in members]
        engine = evaluate.engine_of(program, len(members), len(members), Size(sizes.total))
        opening = evaluate.combine(program, Size(sizes.total), engine, shares, scratch=scratch, seconds=SECONDS)
        by_party = {party: part.columns for party, part in providers.items()}
        by_party[len(providers)] = _COLUMNS.validate_python(state["columns"])
        columns = []
        for party, role in enumerate(() if program.keeps else state["roles"]):
            features = linear_features(parameters, role)
            demand_planned(role, features, by_party[party])
            columns += [(role, feature.column, one) for feature, one in zip(features, by_party[party], strict=True)]
        report |= opened_report(
            parameters, columns, program, asyncio.run(opening), sizes, state["alone"], tuple(state["label"])
        )
        if program.keeps and not report["too_few"]:
            report["commitment"] = state["model"]
    return {"rows": [], "report": report}


JOINT_LINEAR = RecipeRun(spec=joint_linear.SPEC, run=run, combine=combine, final=_FINAL.__contains__, demand=demand)
