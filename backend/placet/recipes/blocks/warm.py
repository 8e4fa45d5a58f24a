"""A program among all parties of a job, over a link that the parties keep for later jobs alike where the plan says so.

Each party tells its port, and which session it has at hand, at which turn. Only where all have the same one at the same
turn is it used; otherwise all begin another. So a party that lost its session, or serves another job over it now, costs
its peers nothing but the seconds of a fresh link. The trail says which session and turn it was.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field, JsonValue

from placet.catalogue.model_score import SessionBounds
from placet.core.hashing import canonical, sha256
from placet.core.trail import Artefact
from placet.core.values import Bytes32, Value, parse, to_hex
from placet.jobs.party_run import PartyRun
from placet.jobs.sessions import Warm
from placet.jobs.step_recorder import StepRecorder, name_of
from placet.protocols import spu
from placet.protocols.mpc.numbers import Integers
from placet.protocols.mpc.scoring import ScoreProgram
from placet.protocols.mpc.transfer import TransferJudge
from placet.protocols.spu import Engine, EngineSession, KeptShare, Network, Secret
from placet.protocols.spu.task import MAX_TURNS
from placet.recipes.blocks import distributed

SESSION = "spu.session"


@dataclass(frozen=True)
class SessionProgram:
    """What is computed: each party's own arrays, and its kept shares. `name` is the step's; `parties` are the
    plan's numbers of those that compute; `scores` how many rows."""

    name: str
    parties: Sequence[int]
    engine: Engine
    program: ScoreProgram | TransferJudge
    secrets: Sequence[Secret]
    own: Mapping[str, Integers]
    kept: Mapping[str, KeptShare]
    scores: int


class AtHand(Value):
    """What a party tells: the session that it could use, and its next turn there; None for none."""

    session: Bytes32 | None
    turn: Annotated[int, Field(strict=True, ge=0, le=MAX_TURNS)]


async def computed(
    job: PartyRun, work: SessionProgram, bounds: SessionBounds | None, model: bytes, *inputs: Artefact
) -> tuple[tuple[bytes, ...], Artefact]:
    """Two steps, `<name>-start` and `<name>`; this party's share of each output, and the first one's artefact.

    With `bounds` over a session of this `model` (its commitment), which stays for the next job. The errors of
    `mpc.compute` and `EngineSession.open`; a turn that fails ends its session.
    """
    labels: dict[str, JsonValue] = {
        "engine": distributed.engine_of(job.terms.engine),
        "protocol": work.engine.protocol,
        "field": work.engine.field,
    }
    protocol, parties = f"mpc.{work.name}.{work.engine.protocol}/1", work.parties
    key = b"" if bounds is None else _session_key(job, work.engine, bounds, model)
    async with contextlib.AsyncExitStack() as holds:
        warm, network = None, None
        at_start: dict[str, JsonValue] = {**labels, "program": work.program.to_json()}
        async with job.step(f"{work.name}-start", protocol, *inputs, parameters=at_start) as step:
            if bounds is not None:
                warm = await _at_hand(job, step, parties, key, work.scores)
            if warm is None:
                port = await holds.enter_async_context(job.engine_port())
                network = await distributed.meet(job, step, parties, work.name.encode(), port)
            else:
                holds.push_async_callback(warm.end)
        async with job.step(work.name, protocol, *inputs, parameters=labels) as step:
            with job.working(f"the engine to compute {work.name} with the other parties"):
                if network is not None and bounds is not None:
                    session = await _begun(job, work.engine, network, bounds)
                    warm = Warm(session, bounds.scores, holds.pop_all())
                    holds.push_async_callback(warm.end)
                if warm is not None:
                    labels["session"], labels["turn"] = to_hex(warm.session.id), warm.session.turn
                    shares = await _turn(job, work, warm)
                    holds.pop_all()  # it does not end: the next job may have it
                    job.context.engine_ports.sessions.bring(key, warm)
                elif network is not None:
                    shares = await _once(job, work, network)
            return shares, step.output("share", shares[0])


def _session_key(job: PartyRun, engine: Engine, bounds: SessionBounds, model: bytes) -> bytes:
    """What jobs have alike that share a session: parties, engine, model, bounds."""
    keys = [to_hex(party.tls_key) for party in job.plan.parties]
    alike = [engine.protocol, engine.field, engine.fraction_bits, bounds.seconds, bounds.scores, to_hex(model)]
    return sha256(canonical([keys, *alike]))


async def _at_hand(job: PartyRun, step: StepRecorder, parties: Sequence[int], key: bytes, scores: int) -> Warm | None:
    """The session that all parties have at hand, at the same turn. Where they do not, ours ends."""
    sessions = job.context.engine_ports.sessions
    warm = sessions.take(key, scores)
    mine = AtHand(session=None, turn=0) if warm is None else AtHand(session=warm.session.id, turn=warm.session.turn)
    try:
        others = [party for party in parties if party != job.party]
        for party in others:
            await step.send(name_of(party), SESSION, mine.model_dump_json().encode())
        answers = [parse(AtHand, await step.receive(name_of(party), SESSION, limit=256)) for party in others]
    except BaseException:
        if warm is not None:
            await warm.end()
        raise
    if warm is not None and any(answer != mine for answer in answers):
        await warm.end()
        return None
    return warm


async def _begun(job: PartyRun, engine: Engine, network: Network, bounds: SessionBounds) -> EngineSession:
    return await EngineSession.open(
        network,
        engine,
        turns=bounds.scores,
        seconds=bounds.seconds,
        within=job.seconds_left,
        scratch=job.context.engine_ports.scratch,
    )


async def _turn(job: PartyRun, work: SessionProgram, warm: Warm) -> tuple[bytes, ...]:
    context = job.record.job + job.attempt.to_bytes(4, "big") + work.name.encode()
    program = work.program
    shares = await warm.session.compute(
        context, program.program, program, work.secrets, work.own, work.kept, seconds=job.seconds_left
    )
    warm.scores -= work.scores
    return shares


async def _once(job: PartyRun, work: SessionProgram, network: Network) -> tuple[bytes, ...]:
    return await spu.compute(
        network,
        work.engine,
        work.program.program,
        work.program,
        work.secrets,
        work.own,
        work.kept,
        scratch=job.context.engine_ports.scratch,
        seconds=job.seconds_left,
    )
