"""Who used my data: which of this node's jobs used which consent, how many before, and how these jobs ended."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

import sqlalchemy as sa

from placet.chain import events
from placet.core.ids import ConsentId, JobId, OfferId
from placet.node.consents import models
from placet.node.service import Node
from placet.node.state import insert_new, now, reading, runs, uses

RUNNING, SEALED = "running", "sealed"
_WIDER = 16
"""How many times as many prefixes are looked at where one job more was not met."""
_OF_RUN = (uses.c.job == runs.c.job) & (uses.c.attempt == runs.c.attempt)
_ENDS: dict[type[events.Event], str] = {
    events.JobSealed: SEALED,
    events.JobCompleted: "completed",
    events.JobClosed: "closed",
    events.JobAborted: "aborted",
}


def note_uses(engine: sa.Engine, job: JobId, attempt: int, offer: OfferId, consents: bytes) -> None:
    """Remember, before the rows are used, that an attempt of a job uses these consents (their ids, 32 bytes each) to an
    offer, and how many jobs before it used any of them: all of one consumer, as the offer is. Again is nothing new."""
    fresh = _ascending(consents)
    run = {"job": job, "attempt": attempt}
    with engine.begin() as connection:
        row = run | {"at": now(), "block": None, "outcome": RUNNING, "offer": offer}
        if fresh and not insert_new(connection, runs, row):
            noted = sa.select(uses.c.consents).where(uses.c.job == job, uses.c.attempt == attempt)
            known = set(_split(b"".join(connection.execute(noted).scalars())))
            fresh = b"".join(consent for consent in _split(fresh) if consent not in known)
        entries = [run | {"prefix": prefix, "first": part[:32], "consents": part} for prefix, part in _by_prefix(fresh)]
        if entries:
            connection.execute(sa.insert(uses), entries)
            here = (runs.c.job == job) & (runs.c.attempt == attempt)
            number = _nth(connection, job) or 1 + _before(connection, job, offer, entries)
            connection.execute(sa.update(runs).where(here).values(nth=number))


def nth(engine: sa.Engine, job: JobId) -> int | None:
    """Which of its consumer's jobs over these consents a job is, by what was noted here: 1 for the first. None before
    its rows were used, and for who brings none."""
    with reading(engine) as connection:
        return _nth(connection, job)


def _nth(connection: sa.Connection, job: JobId) -> int | None:
    """As its first attempt found it: the later ones use a part of the same consents."""
    noted = sa.select(runs.c.nth).where(runs.c.job == job, runs.c.nth.is_not(None)).order_by(runs.c.attempt).limit(1)
    return connection.execute(noted).scalar()


def _before(connection: sa.Connection, job: JobId, offer: OfferId, entries: Sequence[dict[str, Any]]) -> int:
    """How many other jobs used any of the consents in these entries. One that shares some is found at the first of
    them: seldom is more than one prefix looked at, and those of one that shares none ever more at a time."""
    others = sa.select(runs.c.job).where(runs.c.offer == offer, runs.c.job != job).distinct()
    unmet = {bytes(other) for other in connection.execute(others).scalars()}
    count, start, size = 0, 0, 1
    while unmet and start < len(entries):
        part = entries[start : start + size]
        start, size = start + size, size * _WIDER
        mine = {entry["prefix"]: entry["consents"] for entry in part}
        here = uses.c.prefix.between(part[0]["prefix"], part[-1]["prefix"])
        same = sa.select(uses.c.job, uses.c.prefix, uses.c.consents).join(runs, _OF_RUN)
        for other, prefix, ids in connection.execute(same.where(here, runs.c.offer == offer, uses.c.job != job)):
            if bytes(other) in unmet and prefix in mine and not set(_split(mine[prefix])).isdisjoint(_split(ids)):
                unmet.discard(bytes(other))
                count += 1
    return count


def _ascending(ids: bytes) -> bytes:
    """The same ids in their order, each once."""
    import numpy as np  # for a node that computes

    column = np.frombuffer(ids, "S32")
    return ids if (column[1:] > column[:-1]).all() else np.unique(column).tobytes()


def _by_prefix(ascending: bytes) -> Iterator[tuple[int, bytes]]:
    """Ids in their order, those of one prefix together."""
    import numpy as np

    prefixes = np.frombuffer(ascending, ">u2")[::16] >> 4
    cuts = [0, *(np.flatnonzero(prefixes[1:] != prefixes[:-1]) + 1).tolist(), len(prefixes)]
    for start, end in itertools.pairwise(cuts):
        if start < end:
            yield int(prefixes[start]), ascending[32 * start : 32 * end]


def _prefix(consent: ConsentId) -> int:
    return int.from_bytes(consent[:2], "big") >> 4


def _split(ids: bytes) -> list[ConsentId]:
    return [ConsentId(ids[at : at + 32]) for at in range(0, len(ids), 32)]


def _holding(connection: sa.Connection, consent: ConsentId) -> list[sa.RowMapping]:
    """The parts of runs that have this consent, with their runs."""
    here = _OF_RUN & (uses.c.prefix == _prefix(consent))
    query = sa.select(runs, uses.c.first, uses.c.consents).join_from(runs, uses, here)
    parts = connection.execute(query.order_by(runs.c.at, runs.c.job, runs.c.attempt)).mappings()
    return [part for part in parts if consent in _split(part["consents"])]


def jobs_of(engine: sa.Engine, consent: ConsentId) -> set[JobId]:
    """The jobs that used a consent."""
    with reading(engine) as connection:
        return {JobId(bytes(part["job"])) for part in _holding(connection, consent)}


def forget(connection: sa.Connection, consent: ConsentId) -> None:
    """Take a consent out of all runs."""
    for part in _holding(connection, consent):
        here = (uses.c.job == part["job"]) & (uses.c.attempt == part["attempt"]) & (uses.c.first == part["first"])
        left = [one for one in _split(part["consents"]) if one != consent]
        connection.execute(sa.delete(uses).where(here, uses.c.prefix == _prefix(consent)))
        if left:
            key = {name: part[name] for name in ("job", "attempt")} | {"prefix": _prefix(consent), "first": left[0]}
            connection.execute(sa.insert(uses).values(**key, consents=b"".join(left)))


def follow(node: Node) -> None:
    """Write down how jobs that were still going have gone on."""
    going = sa.select(runs.c.job, runs.c.outcome).where(runs.c.outcome.in_((RUNNING, SEALED))).distinct()
    noted = defaultdict[JobId, set[str]](set)
    with reading(node.engine) as connection:
        for job, outcome in connection.execute(going):
            noted[JobId(job)].add(outcome)
    for job, before in noted.items():
        last = node.index.job_events(job, kinds=tuple(_ENDS))
        outcome = (_ENDS[type(last[-1])], last[-1].block) if last else (RUNNING, None)
        if before == {outcome[0]}:
            continue
        changed = (runs.c.job == job) & (runs.c.outcome != outcome[0])
        with node.engine.begin() as connection:
            connection.execute(sa.update(runs).where(changed).values(outcome=outcome[0], block=outcome[1]))


def of_consent(node: Node, consent: ConsentId) -> models.Uses:
    """The uses of a consent, for whoever may know of it."""
    with reading(node.engine) as connection:
        rows = _holding(connection, consent)
    order = {job: place for place, job in enumerate(dict.fromkeys(bytes(r["job"]) for r in rows), 1)}
    return models.Uses(
        uses=[
            models.UseResponse(
                job=JobId(r["job"]),
                nth=order[bytes(r["job"])],
                attempt=r["attempt"],
                at=r["at"],
                outcome=r["outcome"],
                block=r["block"],
            )
            for r in rows
        ]
    )
