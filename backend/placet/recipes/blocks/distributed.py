"""Brings the distributed engine to a recipe: who listens where, under the plan's certificates, in a private folder.

The engine has a link of its own. What the trail holds of it is how it began (protocol, addresses, inputs) and what came
out; its messages are not signed one by one.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit

import numpy as np
from pydantic import JsonValue

from placet.catalogue.spec import Cost
from placet.core.errors import InputError, LimitError, PeerError, ProtocolError
from placet.core.hashing import canonical
from placet.core.json_text import read_json
from placet.core.trail import Artefact
from placet.jobs.certificates import tls_key
from placet.jobs.party_run import PartyRun
from placet.jobs.step_recorder import StepRecorder, name_of
from placet.protocols import spu
from placet.protocols.mpc.numbers import Integers
from placet.protocols.mpc.program import Declared, Size
from placet.protocols.spu import Member, Network, evaluate
from placet.protocols.spu.psi import Rows
from placet.protocols.spu.task import PsiProtocol

ADDRESS, ROWS = "spu.address", "spu.rows"
MAX_ROWS = 1_000_000


def engine_of(engine: str) -> str:
    """A plan's engine as the trail names it: with its version where it is a package of its own."""
    return f"spu {version('spu')}" if engine == "spu" else engine


async def meet(job: PartyRun, step: StepRecorder, parties: Sequence[int], label: bytes, port: int) -> Network:
    """Tell our port to the other parties over the signed link, and take theirs; `parties` in the plan's order.

    Each is known by the certificate whose key the plan names. `label` tells this run from others of the attempt.
    """
    told = {job.party: port}
    others = [party for party in parties if party != job.party]
    for party in others:
        await step.send(name_of(party), ADDRESS, canonical({"port": port}))
    for party in others:
        told[party] = _number(await step.receive(name_of(party), ADDRESS, limit=64), "port", party, 1, 65_535)
    return Network(
        members=tuple(_member(job, party, told[party]) for party in parties),
        me=parties.index(job.party),
        context=job.record.job + job.attempt.to_bytes(4, "big") + label,
        key=job.context.engine_ports.key,
    )


async def numbers_of_rows(step: StepRecorder, peer: int, ours: int, tag: str = ROWS) -> int:
    """Tell a peer how many rows we have, and take its number, at most `MAX_ROWS`. ProtocolError for anything else."""
    await step.send(name_of(peer), tag, canonical({"count": ours}))
    return _number(await step.receive(name_of(peer), tag, limit=64), "count", peer, 0, MAX_ROWS)


async def evaluated(
    job: PartyRun,
    name: str,
    parties: Sequence[int],
    program: Declared,
    brought: Integers,
    *,
    size: Size,
    made: Artefact,
) -> tuple[bytes, Artefact]:
    """`evaluated_all` of a program that gives one array: this party's share of it, and its artefact."""
    (share,), artefact = await evaluated_all(job, name, parties, program, brought, size=size, made=made)
    return share, artefact


async def evaluated_all(
    job: PartyRun,
    name: str,
    parties: Sequence[int],
    program: Declared,
    brought: Integers,
    *,
    size: Size,
    made: Artefact,
) -> tuple[tuple[bytes, ...], Artefact]:
    """One party's part in evaluating a program under MPC on the distributed engine.

    `parties` are the plan's numbers of those that compute, in the program's order of roles. Each
    calls this with the same `name`, `program` and `size`. `brought` is this party's array, of the
    shape that the program declares for its role; `made` is the artefact of the step that it came
    from. Two steps are recorded: `<name>-start` (addresses, numbers of rows, program) and `<name>`.

    Returns this party's share of each array that the program gives (serialised, useless without the others'), the
    result first, and the result's artefact. ProtocolError
    `peer.rows` where another party has another number of rows, `job.deadline` where no time is left; LimitError
    `engine.busy` without a port; and the errors of `spu.evaluate.run`.
    """
    engine = evaluate.engine_of(program, len(parties), len(parties), size)
    told: dict[str, JsonValue] = {
        "engine": engine_of(job.terms.engine),
        "protocol": engine.protocol,
        "field": engine.field,
    }
    protocol = f"mpc.{name}.{engine.protocol}/1"
    began: dict[str, JsonValue] = {**told, "program": program.to_json()}
    async with job.engine_port() as port:
        async with job.step(f"{name}-start", protocol, made, parameters=began) as step:
            for party in parties:
                if party != job.party and (theirs := await numbers_of_rows(step, party, size.rows)) != size.rows:
                    raise ProtocolError(
                        "the consumer told two parties of lists of different lengths",
                        expected=f"{size.rows} as here",
                        found=f"{theirs} at {name_of(party)}",
                        code="peer.rows",
                    )
            network = await meet(job, step, parties, name.encode(), port)
        async with job.step(name, protocol, made, parameters=told) as step:
            with job.working(f"the engine to compute {name} with the other parties"):
                shares = await evaluate.run(
                    network,
                    program,
                    range(len(parties)),
                    brought,
                    size=size,
                    scratch=job.context.engine_ports.scratch,
                    seconds=job.seconds_left,
                )
            artefact = step.output("share", shares[0])
            for place, share in enumerate(shares[1:], 1):
                step.output(f"share-{place}", share)
            return shares, artefact


async def demand_cost(job: PartyRun, needs: Cost) -> None:
    """As `demand_memory`; what it takes is told to who follows the job."""
    demand_memory(needs.memory)
    await job.say(job.record, "estimated", attempt=job.attempt, words=needs.words())


def demand_memory(needed: int) -> None:
    """LimitError `engine.memory` where this machine has less memory to give than a job takes; nothing where it does not
    say how much it has."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return
    free = next((int(line.split()[1]) << 10 for line in lines if line.startswith("MemAvailable:")), needed)
    if free < needed:
        raise LimitError(
            "the engine needs more memory than there is",
            expected=f"about {needed >> 20} MB",
            found=f"{free >> 20} MB",
            remedy="fewer rows, columns or bins, or fewer jobs at a time",
            code="engine.memory",
        )


async def intersect(
    job: PartyRun,
    step: StepRecorder,
    peer: int,
    identifiers: Sequence[bytes],
    protocol: str,
    receiver: int | None,
    label: bytes,
) -> Rows:
    """PSI with one peer: the places of the matches among `identifiers`; none for who does not receive (`receiver` is a
    party, None for both). Each side's number of rows is told first; where one has none, nothing runs."""
    theirs = await numbers_of_rows(step, peer, len(identifiers))
    nothing = np.empty(0, np.int64)
    if not identifiers or not theirs:
        return nothing
    parties = sorted((job.party, peer))
    async with job.engine_port() as port:
        network = await meet(job, step, parties, label, port)
        with job.working(f"the engine to intersect {len(identifiers)} rows with {theirs}"):
            found = await spu.intersect(
                network,
                identifiers,
                cast(PsiProtocol, protocol),
                receiver=None if receiver is None else parties.index(receiver),
                scratch=job.context.engine_ports.scratch,
                seconds=job.seconds_left,
                spare=job.context.engine_ports.spare,
            )
    return nothing if found.rows is None else found.rows


def _number(raw: bytes, name: str, party: int, least: int, most: int) -> int:
    try:
        answer = read_json(raw, name)
        number = answer[name] if isinstance(answer, dict) else None
    except (InputError, KeyError):
        number = None
    if type(number) is not int or not least <= number <= most:
        raise ProtocolError(f"{name_of(party)} told no {name}", expected=f"{least} to {most}")
    return number


def _member(job: PartyRun, party: int, port: int) -> Member:
    planned = job.plan.parties[party]
    peer = job.context.trust.institution(planned.signer)
    if tls_key(peer.certificate) != planned.tls_key:
        raise PeerError("the party's certificate is not the plan's", found=name_of(party), code="peer.wrong-party")
    host = job.context.engine_ports.host if party == job.party else urlsplit(peer.peer).hostname or ""
    return Member(name=name_of(party), host=host, port=port, certificate=peer.certificate)
