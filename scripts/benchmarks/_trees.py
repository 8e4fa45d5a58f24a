"""Boosted trees over two institutions' columns: how well the same trees judge with columns side by side, and what one
tree by encrypted sums costs, both parties and all they send each other in one process."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from _credit import Case

from placet.models import binning, quality
from placet.models.bands import by_score
from placet.models.boosting import Boosting, Own
from placet.models.boosting_twin import PlainHost, train
from placet.models.cuts import CodedColumn
from placet.models.trees import Whole
from placet.protocols.local import LocalNetwork


@dataclass(frozen=True)
class Rows:
    """The label holder's columns and the others', coded, rows of training first; labels of all rows."""

    own: tuple[CodedColumn, ...]
    others: tuple[CodedColumn, ...]
    labels: Whole
    count: int
    """Of training."""


def rows_of(case: Case, smallest: int) -> Rows:
    """The first party's columns are the label holder's, the others' one host's."""
    order = np.concatenate([case.train, case.test])
    coded = []
    for columns in case.parties.values():
        for column in columns:
            bins = binning.fit(column.values, column.feature.kind, column.feature.bins, least=smallest)
            codes = bins.codes(column.values)[order]
            coded.append(CodedColumn(codes, bins.cells, column.feature.kind == "number", column.feature.monotone))
    own = len(case.alone)
    return Rows(tuple(coded[:own]), tuple(coded[own:]), case.label[order], len(case.train))


def judged(rows: Rows, margins: Whole) -> float:
    """AUC of the rows of test."""
    table = by_score(margins[rows.count :].tolist(), rows.labels[rows.count :].tolist())
    return round(float(quality.auc(table)), 4)


def side_by_side(rows: Rows, boosting: Boosting, *, blind: bool = False, hides: bool = True) -> float:
    """The AUC of trees with a host that tells what it may."""
    host = PlainHost(rows.others, np.random.default_rng(0).permutation)
    train_labels = rows.labels[: rows.count]
    _, margins = train(Own(rows.own), [host], train_labels, len(rows.labels), boosting, blind=blind, hides=hides)
    return judged(rows, margins)


@dataclass(frozen=True)
class Cost:
    """Processor seconds and megabytes a tree."""

    processor: float
    to_host: float
    to_holder: float


def encrypted(rows: Rows, boosting: Boosting, engine: str, *, blind: bool = False) -> Cost:
    """Of the trees but the first, which is the label holder's own. ConfigError without `placet[paillier]`."""
    from placet.protocols.boost import Host, LabelHolder, ciphers

    cipher = {"embedded": ciphers.PAILLIER, "okamoto-uchiyama": ciphers.OKAMOTO_UCHIYAMA}[engine]
    network, key = LocalNetwork(("holder", "host")), cipher.generate(secrets.token_bytes)
    holder = LabelHolder(
        ("host",), key, Own(rows.own), rows.labels[: rows.count], len(rows.labels), boosting, blind=blind
    )
    host = Host("holder", rows.others, rows.count, boosting, cipher=cipher, blind=blind)
    began: list[float] = []

    async def run() -> None:
        at, there = network.channel("holder"), network.channel("host")
        await asyncio.gather(holder.start(at), host.start(there))
        await holder.grow(at)
        began.append(time.process_time())
        for _ in range(boosting.trees - 1):
            await asyncio.gather(holder.grow(at), host.grow(there))

    asyncio.run(run())
    grown = boosting.trees - 1
    return Cost(
        (time.process_time() - began[0]) / grown,
        _megabytes(network.sent, "host") / grown,
        _megabytes(network.sent, "holder") / grown,
    )


def _megabytes(sent: Sequence[tuple[str, str, str, bytes]], to: str) -> float:
    return sum(len(payload) for _, receiver, _, payload in sent if receiver == to) / 1e6
