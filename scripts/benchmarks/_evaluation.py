"""A score judged on shares, 9,000 rows in 64 bands: seconds by protocol, and how far its AUC is off.

Scores lie like log-odds, a fifth of the people is positive, a band begins at each 64th of the scores of other people,
as of those to train on; the smallest group is 10. Cheetah: one party has the whole score, so it brings bands; ABY3: two
have a part of it each. Every party is a process of the
operating system on this machine. Seconds are of the program, from its start at the first party until it is done at the
last one, what it is compiled and its inputs are shared in included; starting the processes is told apart.
"""

from __future__ import annotations

import asyncio
import resource
import socket
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from placet.cli import certificates
from placet.models import quality
from placet.models.bands import BandTable, tally
from placet.protocols.mpc.numbers import Integers, Numbers
from placet.protocols.mpc.programs import Bands, Size
from placet.protocols.spu import Member, Network, evaluate

DEFAULT, BANDS, SMALLEST, SECONDS, SEED = 9_000, 64, 10, 900, 20_261_129
UNIT = 1_024
"""How many units of a score one of log-odds has: so scores of several people are equal."""
TARGETS = {"cheetah": 13.0, "aby3": 2.0}
"""Seconds, by protocol, on two idle cores."""
AUC_OFF = 5e-4
Figures = dict[str, object]


def measure(protocol: str, n: int = DEFAULT) -> Figures:
    """One run: {seconds, whole_seconds, cpu_seconds of all parties, bands_told, auc, exact_auc, auc_off, met: is the
    AUC near enough?}. The result is held against the reference before anything is told."""
    scores, labels = people(n)
    program = Bands(values=Numbers(bound=2**20), edges=edges(), smallest=SMALLEST)
    brought = brings(program, protocol, scores, labels)
    with tempfile.TemporaryDirectory(prefix="placet-evaluation-") as folder:
        began, before = time.perf_counter(), _cpu()
        result, seconds = asyncio.run(evaluated(program, brought, Size(n), Path(folder)))
        whole, cpu = time.perf_counter() - began, _cpu() - before
    if result.tolist() != program.reference(brought).tolist():
        raise SystemExit(f"{protocol}: another table than the reference's")
    told = program.table(result)
    if told is None:
        raise SystemExit("too few people")
    area, exact = float(quality.auc(told)), float(quality.auc(each_score(scores, labels)))
    return {
        "seconds": round(seconds, 2),
        "whole_seconds": round(whole, 2),
        "cpu_seconds": round(cpu, 1),
        "bands_told": len(told.counts),
        "auc": round(area, 6),
        "exact_auc": round(exact, 6),
        "auc_off": round(abs(area - exact), 6),
        "met": abs(area - exact) <= AUC_OFF,
    }


def edges() -> tuple[int, ...]:
    """At equal shares of 20,000 people's scores."""
    scores, _ = people(20_000, SEED - 1)
    return tuple(sorted({int(edge) for edge in np.quantile(scores, np.linspace(0, 1, BANDS + 1)[1:-1])}))


def people(n: int, seed: int = SEED) -> tuple[list[int], list[int]]:
    """Scores and labels."""
    chance = np.random.default_rng(seed)
    labels = (chance.random(n) < 0.22).astype(np.int64)
    scores = np.round((chance.normal(size=n) + 0.9 * labels) * UNIT).astype(np.int64)
    return scores.tolist(), labels.tolist()


def brings(program: Bands, protocol: str, scores: Sequence[int], labels: Sequence[int]) -> list[Integers]:
    """What each party brings, in the program's order."""
    known = program.bring_labels(labels)
    if protocol == "cheetah":
        return [program.bring_scores(scores), known]
    parts = np.random.default_rng(SEED + 1).integers(-(2**18), 2**18, len(scores))
    return [program.bring_part(parts.tolist()), program.bring_part((np.array(scores) - parts).tolist()), known]


def each_score(scores: Sequence[int], labels: Sequence[int]) -> BandTable:
    """With a band for each score, so that its AUC is exact."""
    places = {score: place for place, score in enumerate(sorted(set(scores)))}
    return tally(range(1, len(places)), [places[score] for score in scores], labels)


async def evaluated(program: Bands, brought: Sequence[Integers], size: Size, folder: Path) -> tuple[Integers, float]:
    """The result, put together, and how long the program took."""
    ranks = range(len(brought))
    keys = [_certificate(rank) for rank in ranks]
    ports = _free_ports(len(ranks))
    members = tuple(Member(f"bank-{rank}", "127.0.0.1", ports[rank], keys[rank][1]) for rank in ranks)
    moments: list[float] = []

    def progress(stage: str, done: int, total: int) -> None:
        if stage == "program":
            moments.append(time.perf_counter())

    shares = await asyncio.gather(
        *(
            evaluate.run(
                Network(members, rank, b"evaluation", keys[rank][0]),
                program,
                ranks,
                brought[rank],
                size=size,
                scratch=folder,
                seconds=SECONDS,
                progress=progress,
            )
            for rank in ranks
        )
    )
    engine = evaluate.engine_of(program, len(ranks), len(ranks), size)
    result = await evaluate.combine(program, size, engine, shares, scratch=folder, seconds=SECONDS)
    return result, max(moments) - min(moments)


def _certificate(rank: int) -> tuple[bytes, str]:
    sealed, certificate = certificates.make(f"bank-{rank}", ["127.0.0.1"], "only for this run")
    key = load_pem_private_key(sealed, b"only for this run")
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), certificate.decode()


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [int(one.getsockname()[1]) for one in sockets]
    for one in sockets:
        one.close()
    return ports


def _cpu() -> float:
    """Of children that have ended."""
    return sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2])
