"""What the provider releases, read as strictly as another party's words are; and what the consumer is told."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import Field, ValidationError

from placet.catalogue.shared_representation import MAX_HEADS, PROVIDER, SharedRepresentationParameters
from placet.core.errors import InputError
from placet.core.hashing import canonical
from placet.core.json_text import read_json
from placet.core.privacy import DELTA, epsilon_hundredths
from placet.core.values import Value, to_hex
from placet.models import quality
from placet.models.linear import LinearModel
from placet.recipes.blocks.judged import importance_of, metrics_of
from placet.recipes.blocks.noise import padded
from placet.recipes.shared_representation.source import Representation
from placet.recipes.shared_representation.target import Compared, TargetTable, fits

MAX_PART = 1 << 23
_WORDS, _NUMBER = 512, 64
"""Bytes for the names of what is told, and for a number."""


class ReleasedHeads(Value):
    """`people`: about how many rows trained the scores, which are none where these look too few."""

    people: Annotated[int, Field(strict=True, gt=-(2**53), lt=2**53)]
    heads: Annotated[tuple[LinearModel, ...], Field(max_length=MAX_HEADS)]


def written(parameters: SharedRepresentationParameters, representation: Representation | None) -> bytes:
    """What leaves the provider, as `read` takes it, as long whatever came out."""
    people, heads = (0, ()) if representation is None else (representation.people, representation.heads)
    return padded(canonical({"people": people, "heads": [head.to_json() for head in heads]}), room_of(parameters))


def room_of(parameters: SharedRepresentationParameters) -> int:
    """Bytes for any representation."""
    columns = sum(_WORDS + len(canonical(one.to_json())) + _NUMBER * (one.width + 4) for one in parameters.shared)
    return _WORDS + len(parameters.source_labels) * (_WORDS + columns)


def read(part: bytes, parameters: SharedRepresentationParameters) -> ReleasedHeads:
    """A score for each of the labels, of the shared columns; or none at all. InputError for anything else."""
    refusal = InputError(
        "the provider's representation is none",
        expected=f"a logistic score of the shared columns for each of {', '.join(parameters.source_labels)}"[:400],
    )
    if len(part) > MAX_PART:
        raise refusal
    try:
        released = ReleasedHeads.model_validate(read_json(part, "heads"))
    except (InputError, ValidationError):
        raise refusal from None
    expected = [(PROVIDER, label, "logistic", "0", "1") for label in parameters.source_labels]
    heads = [(head.columns[0].party, head.label, head.family, head.centre, head.spread) for head in released.heads]
    parties = {column.party for head in released.heads for column in head.columns}
    preparations = {tuple(column.prepared for column in head.columns) for head in released.heads}
    if released.heads and (
        heads != expected
        or parties != {PROVIDER}
        or len(preparations) > 1
        or not all(fits(parameters.shared, head) for head in released.heads)
    ):
        raise refusal
    return released


def told_of(
    parameters: SharedRepresentationParameters,
    released: ReleasedHeads,
    table: TargetTable,
    rows: Sequence[Compared] | None,
) -> dict[str, Any]:
    """{too_few, smallest_group, epsilon, delta, source: {people}, representation} and, unless either side has too few,
    {fitted: {people, positives}, compared, accepted, linear, commitment, importance, metrics: {test}, alone: {test},
    gain}. `compared` has of each model {model, accepted, metrics} and, but for the first, `over` which one and the
    `gain` {auc, low, high}; intervals are by bootstrap."""
    hundredths = epsilon_hundredths(parameters.budget)
    report: dict[str, Any] = {
        "too_few": rows is None,
        "smallest_group": parameters.smallest_group,
        "epsilon": f"{hundredths // 100}.{hundredths % 100:02}",
        "delta": f"{DELTA:g}",
        "source": {"people": released.people} if released.heads else None,
        "representation": [head.to_json() for head in released.heads],
    }
    if rows is None:
        return report
    chosen = [row for row in rows if row.accepted][-1]
    return report | {
        "fitted": {"people": len(table.train), "positives": int(table.labels[table.train].sum())},
        "compared": [_row(row) for row in rows],
        "accepted": chosen.name,
        "linear": chosen.model.to_json(),
        "commitment": to_hex(chosen.model.commitment),
        "importance": importance_of(chosen.model),
        "metrics": {"test": _metrics(chosen)},
        "alone": {"test": _metrics(rows[0])},
        "gain": None if chosen is rows[0] else _row(chosen)["gain"],
    }


def _row(row: Compared) -> dict[str, Any]:
    entry: dict[str, Any] = {"model": row.name, "accepted": row.accepted, "metrics": _metrics(row)}
    if row.gain is None:
        return entry
    gain = {name: f"{value:.6f}" for name, value in zip(("auc", "low", "high"), row.gain, strict=True)}
    return entry | {"over": row.over, "gain": gain}


def _metrics(row: Compared) -> dict[str, Any]:
    """As of all models, the interval by bootstrap."""
    metrics = metrics_of(row.bands, quality.auc(row.bands), quality.ks(row.bands)[0])
    return metrics | {"auc_interval": [f"{end:.6f}" for end in row.interval]}
