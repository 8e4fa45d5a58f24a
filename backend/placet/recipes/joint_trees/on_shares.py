"""`joint-trees` on the engine spu: trees that grow wholly on shares, by ABY3, and stay shares until the release.

Consumer and the first two providers compute, further providers share their columns out to the first two. Cells enter
the program `tree-grow` once; it then runs as often as there are trees, over one link. After each tree every party that
computes seals its shares of it and of the margins, so that a killed party costs one tree. At the end `trees-finish`
counts the rows that validate and test by bands of their margins. Nobody learns which rows are in a node.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import Field, JsonValue

from placet.catalogue import joint_trees
from placet.catalogue.declared import DeclaredTerms
from placet.catalogue.joint_trees import JointTreesParameters
from placet.catalogue.modelling import MAX_ROWS, computing
from placet.catalogue.spec import CONSUMER
from placet.core import model_part
from placet.core.errors import PlanError
from placet.core.hashing import canonical, document_bytes
from placet.core.trail import Artefact
from placet.core.values import Octets, Value, parse, to_hex
from placet.jobs import model_parts
from placet.jobs.party_run import PartyRun
from placet.models import boosting_twin
from placet.models.boosting import Own, base_of
from placet.models.choices import MAX_COLUMNS
from placet.models.trees import TreeColumn, TreePart, Whole
from placet.protocols import spu
from placet.protocols.mpc.cells import CardColumn
from placet.protocols.mpc.finishing import BASE, CUTS, LABELS, NUMBERS, TreesFinish
from placet.protocols.mpc.growing import STATE, TreeGrow, trees_of
from placet.protocols.mpc.numbers import Integers
from placet.protocols.mpc.program import Size
from placet.protocols.spu import Engine, KeptShare, Network, Repeated, Secret, evaluate
from placet.recipes.blocks import distributed, psi_join, sharing_out, split
from placet.recipes.blocks.features import features_of, labelled
from placet.recipes.blocks.judged import gain_of, judged_of
from placet.recipes.blocks.kept_cells import TREES, KeptCells, KeptColumn
from placet.recipes.blocks.placed import placed_rows
from placet.recipes.blocks.split import RowParts
from placet.recipes.joint_trees.binned import BinnedColumns, binned, demand_both, judged, opened_model, worth
from placet.recipes.joint_trees.standing import Grown, Standing, agreed

PROTOCOL = "boost.shares-aby3/1"
SECONDS = 600
"""For putting the shares together."""
MAX_PART = 64 << 20
MAX_KEPT = (model_part.MAX_PART - (1 << 20)) // 32
"""Numbers of trees that stay shared: of each a party has 16 bytes, in hex; beside them is room for how its columns are
cut."""
PARTS = ("validation", "test")


class SharedPart(Value):
    """What a provider releases: its columns, unless the model stays shared, and its share, which is empty where it does
    not compute."""

    columns: Annotated[tuple[TreeColumn, ...], Field(max_length=MAX_COLUMNS)]
    share: Octets


def program_of(parameters: JointTreesParameters, roles: Sequence[str], parts: RowParts) -> TreeGrow:
    """The program that the plan declares, for so many rows of each part."""
    columns = [
        CardColumn(owner=owner, kind=feature.kind, bins=feature.bins, monotone=feature.monotone)
        for owner, role in enumerate(roles)
        for feature in features_of(parameters, role)
    ]
    return TreeGrow(
        providers=len(roles) - 1,
        columns=tuple(columns),
        train=parts.train,
        validation=parts.validation,
        join=parameters.join,
        smallest=parameters.smallest_group,
        depth=parameters.depth,
        rate=parameters.rate,
        keeps=parameters.model != CONSUMER,
    )


def engine_of(program: TreeGrow, rows: int) -> Engine:
    """ABY3 in the smaller ring; PlanError where that is not safe."""
    return evaluate.engine_of(program, 3, 3, Size(rows))


def demand(job: DeclaredTerms) -> None:
    """PlanError for what the engine does not hold; `model.large` for trees that no vault keeps."""
    parameters = joint_trees.SPEC.parse(job.terms.parameters)
    program = program_of(parameters, job.terms.roles, split.LARGEST)
    engine_of(program, split.LARGEST.total)
    numbers = TreesFinish(grow=program, trees=parameters.trees).kept[0]
    if program.keeps and numbers > MAX_KEPT:
        raise PlanError(
            "the trees that stay shared are more than a vault keeps",
            expected=f"at most {MAX_KEPT} numbers, of nodes by all columns' cells",
            found=numbers,
            remedy="fewer trees, columns or bins, or less depth",
            code="model.large",
        )


async def run(job: PartyRun) -> None:
    """The same function at every party."""
    if job.role == CONSUMER:
        await _consume(job)
    else:
        await _provide(job)


async def _provide(job: PartyRun) -> None:
    parameters = job.parameters(JointTreesParameters)
    rows, opened = await job.open("features")
    table = await binned(job, rows, opened)
    own = await placed_rows(job, parameters, rows, table.made)
    parts, artefact = own.parts, own.artefact
    part = SharedPart(columns=(), share=b"")
    if worth(parameters, parts):
        share, artefact = await _trained(job, table, own.order, None, parts, artefact)
        part = SharedPart(columns=() if parameters.model != CONSUMER else table.columns, share=share)
    await job.release(document_bytes(part), artefact)


async def _consume(job: PartyRun) -> None:
    parameters = job.parameters(JointTreesParameters)
    rows, opened = await job.open("labels")
    people, labels, values = labelled(rows, parameters)
    table = await binned(job, rows, opened)
    order, parts, artefact = await split.consumer(job, parameters.split, people, values, table.made)
    placed, trains = labels[order], worth(parameters, parts)
    demand_both(placed[: parts.train], parameters.smallest_group if trains else 0)
    providers = job.peers
    _, brought, artefact = await psi_join.consumer(job, providers, people, artefact, most=MAX_ROWS, order=order)
    state: dict[str, Any] = {
        "parameters": job.terms.parameters,
        "roles": list(job.terms.roles),
        "rows": parts.to_json(),
        "provider_rows": brought,
        "smallest_group": parameters.smallest_group,
        "trained": trains,
    }
    if trains:
        share, artefact = await _trained(job, table, order, placed, parts, artefact)
        own = Own(table.placed(order))
        alone: dict[str, Any] = dict.fromkeys(PARTS)
        if own.columns:
            boosted = program_of(parameters, job.terms.roles, parts).boosting(parameters.trees)
            _, margins = await asyncio.to_thread(
                boosting_twin.train, own, (), placed[: parts.train], parts.total, boosted
            )
            alone = judged(placed, margins, parts)
        state |= {
            "share": share.hex(),
            "base": base_of(placed[: parts.train]),
            "columns": [column.to_json() for column in table.columns],
            "alone": alone if own.columns else None,
        }
        if parameters.model != CONSUMER:
            state["commitment"] = to_hex(artefact.commitment)
    await job.collect(canonical(state), artefact)


async def _trained(
    job: PartyRun,
    table: BinnedColumns,
    order: Sequence[int | None],
    labels: Whole | None,
    parts: RowParts,
    artefact: Artefact,
) -> tuple[bytes, Artefact]:
    """This party's share of what is opened, and the model's commitment where it stays shared; empty where the party
    does not compute. `labels` are the consumer's."""
    parameters, members = job.parameters(JointTreesParameters), computing(job.terms.roles)
    program = program_of(parameters, job.terms.roles, parts)
    await sharing_out.demand_room(job, program, joint_trees.shares_cost(parameters, parts.total), parts.total)
    placed = [column.codes for column in table.placed(order)]
    codes = np.stack(placed, axis=1) if placed else np.zeros((parts.total, 0), np.int64)
    own = program.bring(job.party, codes, np.array([row is not None for row in order]))
    if labels is not None:
        own = np.concatenate([own, labels[:, None]], axis=1)
    own, artefact = await sharing_out.joined(job, own, program, artefact)
    stays: KeptShare | None = None
    share = b""
    if job.party in members:
        run = _Run(job, members, program, parts.total, engine_of(program, parts.total))
        share, stays, artefact = await run.train(own, labels, artefact)
    if program.keeps:
        decimals = (await job.scope(job.declared.seats[job.party].alias or "")).decimals
        columns = tuple(KeptColumn.of(one.column, one.bins, decimals) for one in table.columns)
        part = KeptCells(columns=columns, numbers=stays)
        artefact = await model_parts.keep(job, TREES, part.to_json(), artefact)
    return share, artefact


@dataclass(frozen=True)
class _Run:
    """A party that computes, and what all of them agree on."""

    job: PartyRun
    members: Sequence[int]
    program: TreeGrow
    rows: int
    engine: Engine

    @property
    def rank(self) -> int:
        return self.members.index(self.job.party)

    @property
    def state_shape(self) -> tuple[int, ...]:
        return self.program.output_shape(Size(self.rows))

    @property
    def trees(self) -> int:
        return self.job.parameters(JointTreesParameters).trees

    async def train(
        self, own: Integers, labels: Whole | None, artefact: Artefact
    ) -> tuple[bytes, KeptShare | None, Artefact]:
        """Our share of what is opened, and of what is kept."""
        standing, artefact = await self._grow(own, labels, artefact)
        return await self._finish(standing, labels, artefact)

    async def _grow(self, own: Integers, labels: Whole | None, artefact: Artefact) -> tuple[Standing, Artefact]:
        job, public = self.job, dict[str, JsonValue]()
        state = await job.last_checkpoint()
        standing = Standing() if state is None else Standing.model_validate_json(state)
        async with job.engine_port() as port:
            async with job.step("trees-start", PROTOCOL, artefact, parameters=public) as step:
                public |= self._told() | {"program": self.program.to_json()}
                standing = await agreed(step, [one for one in self.members if one != job.party], standing)
                public["standing"] = len(standing.trees)
                network = await distributed.meet(job, step, self.members, b"trees", port)
                artefact = step.output("standing", document_bytes(standing))
            if len(standing.trees) == self.trees:
                return standing, artefact
            with job.working(f"trees on shares, {self.trees - len(standing.trees)} to grow"):
                return await self._rounds(network, standing, own, labels, artefact)

    async def _rounds(
        self, network: Network, standing: Standing, own: Integers, labels: Whole | None, artefact: Artefact
    ) -> tuple[Standing, Artefact]:
        """Runs the program for the trees that lack; each is recorded and sealed as soon as it is there."""
        job, first = self.job, standing.last
        shapes = self.program.shapes(3, Size(self.rows))
        secrets = [Secret(f"cells-{rank}", rank, "int64", shape) for rank, shape in enumerate(shapes)]
        secrets.append(Secret(STATE, None if first else 2, "float32", self.state_shape))
        arrays: dict[str, Any] = {f"cells-{self.rank}": own.astype(np.int64)}
        if first is None and labels is not None:
            arrays[STATE] = self.program.first_state(labels)
        artefacts, at = [artefact], [standing]

        async def each(shares: tuple[bytes, ...]) -> None:
            state, cuts, numbers = shares
            number = len(at[-1].trees)
            async with job.step(f"tree-{number}", PROTOCOL, artefacts[-1], parameters=self._told()) as step:
                tree = Grown(cuts=cuts, numbers=numbers)
                artefacts.append(step.output("tree", document_bytes(tree)))
            at.append(at[-1].after(tree, job.attempt, self._kept(state, "float32", self.state_shape)))
            await job.checkpoint(await asyncio.to_thread(document_bytes, at[-1]))
            await job.say(job.record, "tree", attempt=job.attempt, tree=number + 1, trees=self.trees)

        await spu.compute(
            network,
            self.engine,
            self.program.program,
            self.program,
            secrets,
            arrays,
            {STATE: first} if first else {},
            scratch=job.context.engine_ports.scratch,
            seconds=job.seconds_left,
            repeated=Repeated(self.trees - len(standing.trees), STATE, 3, each),
        )
        return at[-1], artefacts[-1]

    async def _finish(
        self, standing: Standing, labels: Whole | None, artefact: Artefact
    ) -> tuple[bytes, KeptShare | None, Artefact]:
        job, finish = self.job, TreesFinish(grow=self.program, trees=self.trees)
        given = {STATE: standing.last} if standing.last else {}
        shapes = self.program.tree_shapes()
        for number, tree in enumerate(standing.trees):
            given[f"{CUTS}-{number}"] = self._kept(tree.cuts, "int64", shapes[0])
            given[f"{NUMBERS}-{number}"] = self._kept(tree.numbers, "int64", shapes[1])
        secrets = [Secret(LABELS, 2, "int64", (self.rows,))]
        secrets += [Secret(name, None, one.dtype, one.shape) for name, one in given.items()]
        own = {} if labels is None else {LABELS: labels.astype(np.int64)}
        if self.program.keeps:
            secrets.append(Secret(BASE, 2, "int64", (1,)))
            if labels is not None:
                own[BASE] = np.array([base_of(labels[: self.program.train])], dtype=np.int64)
        async with job.engine_port() as port:
            async with job.step("finish-start", PROTOCOL, artefact, parameters=self._told()) as step:
                network = await distributed.meet(job, step, self.members, b"finish", port)
            async with job.step("finish", PROTOCOL, artefact, parameters=self._told()) as step:
                with job.working("how good the trees are"):
                    shares = await spu.compute(
                        network,
                        self.engine,
                        finish.program,
                        finish,
                        secrets,
                        own,
                        given,
                        scratch=job.context.engine_ports.scratch,
                        seconds=job.seconds_left,
                    )
                artefact = step.output("share", shares[0])
        stays = self._kept(shares[1], "int64", finish.kept) if self.program.keeps else None
        return shares[0], stays, artefact

    def _kept(self, share: bytes, dtype: Any, shape: tuple[int, ...]) -> KeptShare:
        return KeptShare(engine=self.engine, rank=self.rank, dtype=dtype, shape=shape, share=share)

    def _told(self) -> dict[str, JsonValue]:
        engine = self.engine
        named = distributed.engine_of(self.job.terms.engine)
        return {"engine": named, "protocol": engine.protocol, "field": engine.field}


def combine(parts: Mapping[int, bytes], state: Mapping[str, Any], scratch: Path) -> dict[str, Any]:
    """The report that `run.combine` describes."""
    report = {name: state[name] for name in ("smallest_group", "rows", "provider_rows")}
    if not state["trained"]:
        return {"rows": [], "report": report | {"too_few": True}}
    parameters, sizes = joint_trees.SPEC.parse(state["parameters"]), RowParts(**state["rows"])
    program = program_of(parameters, state["roles"], sizes)
    finish = TreesFinish(grow=program, trees=parameters.trees)
    providers = {party: parse(SharedPart, raw, limit=MAX_PART, what="a part of trees") for party, raw in parts.items()}
    members, own = computing(state["roles"]), bytes.fromhex(state["share"])
    shares = [providers[party].share if party in providers else own for party in members]
    opening = evaluate.combine_array(
        (finish.size,), engine_of(program, sizes.total), shares, scratch=scratch, seconds=SECONDS
    )
    result = asyncio.run(opening)
    figures = finish.opened(result, sizes.total)
    joint = {name: judged_of(figures.tables[place], figures.edges, 1) for place, name in enumerate(PARTS)}
    if program.join == "all" and not figures.fitted[0]:
        return {"rows": [], "report": report | {"too_few": True}}
    alone = state["alone"]
    if program.join == "all":
        report["fitted"] = dict(zip(("people", "positives"), figures.fitted, strict=True))
    report |= {
        "too_few": False,
        "metrics": {name: one and one["metrics"] for name, one in joint.items()},
        "bands": {name: one and one["bands"] for name, one in joint.items()},
        "gains": {name: one and one["gains"] for name, one in joint.items()},
        "alone": alone,
        "gain": gain_of(joint["test"], alone and alone["test"]),
    }
    if program.keeps:
        return {"rows": [], "report": report | {"commitment": state["commitment"]}}
    model, cuts = trees_of(program, finish.opened_trees(result), state["base"])
    roles = [CONSUMER, *(role for role in state["roles"] if role != CONSUMER)]
    columns = [tuple(TreeColumn.model_validate(one) for one in state["columns"])]
    columns += [providers[party].columns for party in sorted(providers)]
    together = [TreePart(columns=own, cuts=artefact) for own, artefact in zip(columns, cuts, strict=True)]
    return {"rows": [], "report": report | opened_model(parameters, roles, model, together)}
