"""`match`: a consumer learns which of its customers a provider has among its lawful rows, and the provider may too.

Both write their identifiers by the same rules (`protocols.alignment`: the parameter `alignment`, or `identifier` for
one column as it stands), in rounds: what one key has matched is left out of the next. Each round's lists are
intersected by the parameter `psi`. Who learns the matches inside that protocol, before the release, is the parameter
`receiver`: the provider alone (it masks them for the consumer, who learns them by the release), the consumer alone, or
both. So each side signs to the other what it starts from before it runs, and the result is marked
`disclosed-in-protocol` (`core.lawful`).

Salted hashes let a receiver guess at the other side's whole list. They are a recipe of their own,
`match-salted-hash`, so that they run only where every offer's scope names it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import JsonValue, TypeAdapter

from placet import alignment
from placet.alignment.keys import NO_ROWS, Round, keys, report
from placet.catalogue import match, match_salted_hash
from placet.catalogue.declared import DeclaredTerms
from placet.catalogue.match import MatchingParameters, MatchParameters
from placet.core.errors import ConfigError, PlanError, ProtocolError
from placet.core.hashing import canonical
from placet.core.text_columns import Places, TextColumn, among, listed, written, written_places
from placet.core.trail import Artefact
from placet.jobs.party_run import PartyRun
from placet.jobs.recipe import RecipeRun
from placet.jobs.results import PERSON, PersonRows
from placet.jobs.step_recorder import StepRecorder, name_of
from placet.protocols import fhe, psi
from placet.protocols.psi import salted_hash
from placet.recipes.blocks import distributed
from placet.recipes.blocks.distributed import engine_of
from placet.recipes.match.state import MatchState

MAX_ROWS = 1_000_000


async def run(job: PartyRun) -> None:
    """The same function at both parties."""
    rows, opened = await job.open("customers" if job.role == "consumer" else "accounts")
    parameters = job.parameters(MatchingParameters)
    rules = parameters.rules
    async with job.step("align", "alignment/1", opened, parameters=alignment.record(rules)) as step:
        rounds = await asyncio.to_thread(keys, rows.by_column, rules)
        aligned = await step.output_written("identifiers", lambda: _lists([one.identifiers for one in rounds]))
    matched, artefact = await _match(job, rounds, aligned)
    if job.role == "consumer":
        customers = rows.texts(parameters.identifier)
        await job.collect(await asyncio.to_thread(MatchState(customers, rounds, matched, rules).encode), artefact)
    else:
        places = matched or [NO_ROWS for _ in rounds]
        if matched is not None:
            await job.matched("accounts", rows, np.concatenate(places))
        part = [one.identifiers.take(hits) for one, hits in zip(rounds, places, strict=True)]
        await job.release(await asyncio.to_thread(_lists, part), artefact)


def _lists(columns: Sequence[TextColumn]) -> bytes:
    """Canonical JSON of a list of lists of texts and nulls."""
    return b"[" + b",".join(map(written, columns)) + b"]"


async def _match(job: PartyRun, rounds: Sequence[Round], aligned: Artefact) -> tuple[list[Places] | None, Artefact]:
    """The places of this party's matched rows by round, None if it does not learn them; and what the last step made."""
    (peer,) = job.peers
    receivers = job.parameters(MatchingParameters).receivers
    parameters: dict[str, JsonValue] = {"engine": engine_of(job.terms.engine), "receivers": list(receivers)}
    protocol = f"psi.{job.terms.parameters['psi']}/1"
    async with job.step("psi-start", protocol, aligned, parameters=parameters) as step:
        step.output("rounds", canonical(len(rounds)))
    await job.started_with(peer)
    matched: list[Places] = []
    before, artefact = NO_ROWS, aligned
    for number, one in enumerate(rounds):
        offered = one.left(before)
        identifiers = await asyncio.to_thread(_offered, one, offered)
        async with job.step(f"psi-{number}", protocol, aligned, parameters=parameters) as step:
            places = await _intersect(job, step, peer, identifiers, receivers, number.to_bytes(4, "big"))
            matched.append(offered[places])
            artefact = await step.output_written("matched", partial(written_places, matched[-1]))
        before = np.concatenate((before, matched[-1]))
    if job.role not in receivers:
        return None, artefact
    await job.say_matched(peer, rows=len(rounds[0].identifiers), matched=len(before))
    return matched, artefact


def _offered(one: Round, rows: Places) -> list[bytes]:
    return listed(one.identifiers.take(rows))


async def _intersect(
    job: PartyRun, step: StepRecorder, peer: int, identifiers: Sequence[bytes], receivers: Sequence[str], label: bytes
) -> Places:
    """The places of the matches among `identifiers`; none for who does not receive them."""
    protocol = str(job.terms.parameters["psi"])
    receiver = job.terms.roles.index(receivers[0]) if len(receivers) == 1 else None
    if job.terms.engine == "spu":
        return await distributed.intersect(job, step, peer, identifiers, protocol, receiver, label)
    intersect = _embedded(job.parameters(MatchingParameters))
    with job.working(f"intersecting {len(identifiers)} rows with those of {job.name(peer)}") as work:
        matches = await intersect(
            step,
            name_of(peer),
            identifiers,
            receiver=None if receiver is None else name_of(receiver),
            context=job.record.job + job.attempt.to_bytes(4, "big") + label,
            max_rows=MAX_ROWS,
            entropy=job.entropy(b"psi", label),
            progress=work.count,
        )
    return np.array(matches or (), np.int64)


def _embedded(parameters: MatchingParameters) -> Callable[..., Awaitable[Sequence[int] | None]]:
    """The embedded engine's side of the parameters' protocol."""
    if not isinstance(parameters, MatchParameters):
        return salted_hash.intersect
    if parameters.list_length is None:
        return psi.intersect
    return partial(fhe.intersect, list_length=parameters.list_length)


def demand(job: DeclaredTerms) -> None:
    """PlanError where SEAL is needed and not installed here."""
    if job.terms.parameters.get("psi") != "fhe":
        return
    try:
        fhe.require()
    except ConfigError as error:
        raise PlanError(
            error.message, expected=error.expected, found=error.found, remedy=error.remedy, code="plan.engine"
        ) from None


def combine(parts: Mapping[int, bytes], private: bytes, _: Path) -> dict[str, Any]:
    """`rows`: one a matched customer, in the list's own order: {customer}. `report`: the counts of `alignment.report`.
    ProtocolError if the provider's part is none."""
    state = MatchState.decode(private)
    matched = state.matched
    if matched is None:
        matched = _places(state.rounds, _read(parts[0], len(state.rounds)))
    hits = np.sort(np.concatenate(matched))
    return {
        "rows": PersonRows(PERSON, state.customers.take(hits)),
        "report": report(state.rounds, matched, state.rules),
    }


def _places(rounds: Sequence[Round], lists: Sequence[TextColumn]) -> list[Places]:
    matched: list[Places] = []
    before = NO_ROWS
    for one, identifiers in zip(rounds, lists, strict=True):
        offered = one.left(before)
        matched.append(offered[among(listed(one.identifiers.take(offered)), set(listed(identifiers)))])
        before = np.concatenate((before, matched[-1]))
    return matched


_LISTS = TypeAdapter(list[list[str]])


def _read(part: bytes, rounds: int) -> list[TextColumn]:
    """Bounded in depth and in type: these are another party's bytes, seen by nobody before the release."""
    try:
        lists = [TextColumn.of(one) for one in _LISTS.validate_json(part, strict=True)]
    except ValueError:
        lists = []
    if len(lists) != rounds:
        raise ProtocolError("the provider's part holds no lists of identifiers", expected=f"{rounds} lists of text")
    return lists


MATCH = RecipeRun(spec=match.SPEC, run=run, combine=combine, demand=demand, intersects=True)
MATCH_SALTED_HASH = RecipeRun(spec=match_salted_hash.SPEC, run=run, combine=combine)
