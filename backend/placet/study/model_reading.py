"""A report's words of a model, out of what a job of joint modelling told its consumer (the recipe's `combine`)."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

from placet.catalogue.modelling import TrainingParameters
from placet.catalogue.spec import CONSUMER
from placet.models.bands import BandTable
from placet.models.contribution import RULES, Contribution
from placet.models.scorecard import Scorecard
from placet.study.model_facts import Curves, Figure, ModelColumn, ModelFacts, Quality, Share
from placet.study.outcome import StudyOutcome
from placet.study.tables import StudyData

REACH = 0.25
"""How far a band without an end is drawn, in parts of all bands with ends."""


def model_facts(data: StudyData, outcome: StudyOutcome) -> ModelFacts | None:
    """None where the study trains no model."""
    parameters = data.terms.parameters
    if not isinstance(parameters, TrainingParameters):
        return None
    report = outcome.report
    card = scorecard_of(outcome)
    joint = _quality(_test(report, "metrics"), _curves(report, card))
    return ModelFacts(
        kind=_kind(report, data),
        holder=_holder(data, parameters),
        rows=tuple(_rows(report)),
        joint=joint,
        alone=_quality(_test(report, "alone"), None),
        gain=_gain(report.get("gain")),
        columns=tuple(_columns(data, report, card)),
        shares=tuple(_shares(outcome)),
        card=tuple(_card(data, report, card)),
        commitment=report.get("commitment"),
    )


def scorecard_of(outcome: StudyOutcome) -> Scorecard | None:
    """The model, where the consumer got one that is a scorecard. InputError for what is none."""
    document = outcome.report.get("scorecard")
    return None if document is None else Scorecard.model_validate(document)


def _test(report: Mapping[str, Any], name: str) -> Mapping[str, Any] | None:
    part: Mapping[str, Any] | None = (report.get(name) or {}).get("test")
    return part


def _quality(metrics: Mapping[str, Any] | None, curves: Curves | None) -> Quality | None:
    if metrics is None or "auc" not in metrics:
        return None
    ends = [float(end) for end in metrics.get("auc_interval") or ()]
    return Quality(Figure(float(metrics["auc"]), *ends), float(metrics["ks"]), curves)


def _gain(gain: Mapping[str, Any] | None) -> Figure | None:
    return (
        None
        if gain is None or "auc" not in gain
        else Figure(float(gain["auc"]), float(gain["low"]), float(gain["high"]))
    )


def _curves(report: Mapping[str, Any], card: Scorecard | None) -> Curves | None:
    """The told bands by ascending score, turned round where high scores speak for label 0."""
    bands: list[Mapping[str, Any]] = (report.get("bands") or {}).get("test") or []
    if len(bands) < 2:
        return None
    edges = [int(band["to"]) for band in bands[:-1]]
    reach = max(1, round((edges[-1] - edges[0]) * REACH))
    ends = [edges[0] - reach, *edges, edges[-1] + reach]
    positives = [int(band["positives"]) for band in bands]
    negatives = [int(band["people"]) - int(band["positives"]) for band in bands]
    middles = [(a + b) / 2 for a, b in pairwise(ends)]
    expected = [] if card is None else [card.scale.probability(round(middle)) for middle in middles]
    if report.get("linear") is not None:
        expected = [1 / (1 + math.exp(-max(-50.0, min(50.0, middle / 10_000)))) for middle in middles]
    turned = card is not None and not card.scale.higher
    if turned:
        edges, ends = [1 - edge for edge in reversed(edges)], [-end for end in reversed(ends)]
        positives, negatives, expected = positives[::-1], negatives[::-1], expected[::-1]
    return Curves(
        BandTable(tuple(edges), tuple(positives), tuple(negatives)), ends[0], ends[-1], tuple(expected), turned
    )


def _kind(report: Mapping[str, Any], data: StudyData) -> str:
    name = data.terms.spec.name.removeprefix("joint-")
    return f"{name}, trained by {data.terms.spec.name} {data.terms.spec.version} on label {data.terms.study.label}"


def _holder(data: StudyData, parameters: TrainingParameters) -> str:
    if parameters.model == CONSUMER:
        return f"{data.terms.study.consumer.name}, in clear"
    holders = [part.institution.name for part in data.terms.parts.values() if part.role.output]
    return f"{', '.join((*holders, data.terms.study.consumer.name))}, as shares: none can use it alone"


def _rows(report: Mapping[str, Any]) -> Iterator[tuple[str, int, int | None]]:
    fitted = report.get("fitted") or {}
    for part in ("train", "validation", "test"):
        if not (number := (report.get("rows") or {}).get(part)):
            continue
        counts = fitted if part == "train" else ((report.get("metrics") or {}).get(part) or {})
        yield part, int(counts.get("people", number)), counts.get("positives")


def _columns(data: StudyData, report: Mapping[str, Any], card: Scorecard | None) -> Iterator[ModelColumn]:
    names = {part.role.name: part.institution.name for part in data.terms.parts.values()}
    rows = report.get("importance") or []
    falls = {
        (str(row["party"]), str(row["column"])): float(row["permutation"])
        for row in rows
        if row.get("permutation") is not None
    }
    if card is not None:
        for one in card.columns:
            spread = max(one.points) - min(one.points)
            iv = None if one.iv is None else float(one.iv)
            fall = falls.get((one.party, one.column))
            yield ModelColumn(names.get(one.party, one.party), one.column, iv, spread, fall=fall)
        return
    whole = sum(float(row.get("gain") or 0) for row in rows) or 1.0
    for row in rows:
        party, column = str(row["party"]), str(row["column"])
        gain = float(row["gain"]) / whole if row.get("gain") else None
        yield ModelColumn(names.get(party, party), column, gain=gain, fall=falls.get((party, column)))


def _shares(outcome: StudyOutcome) -> Iterator[Share]:
    """By the table that the job recorded, in AUC."""
    contribution = outcome.contribution
    if contribution is None:
        return
    names = [party["name"] for party in outcome.audit["parties"]]
    values, left_out = _values(contribution, "shapley"), _values(contribution, "leave-one-out")
    for party in sorted(values or left_out):
        yield Share(names[party], (values or left_out)[party], left_out.get(party) if values else None)


def _values(contribution: Contribution, rule: Any) -> dict[int, float]:
    from placet.core.errors import ProtocolError
    from placet.models.contribution import METRIC_UNIT

    try:
        return {party: float(value) / METRIC_UNIT for party, value in RULES[rule](contribution.table).items()}
    except ProtocolError:
        return {}


def _card(data: StudyData, report: Mapping[str, Any], card: Scorecard | None) -> Iterator[tuple[str, str]]:
    """What a reader of the model has to know, name and words."""
    terms = data.terms
    if card is not None:
        scale, speaks = card.scale, "1" if card.scale.higher else "0"
        yield (
            "How a score is read",
            f"{scale.base_score} at odds of {scale.base_odds} to 1, {scale.pdo} points double them; the higher, the "
            f"likelier label {speaks}",
        )
    yield "Whose data", ", ".join(part.institution.name for part in terms.parts.values())
    consents = sum(len(table.willing) for table in data.tables.values())
    days, purpose = terms.study.consents.days, terms.study.purpose.rpartition("#")[2]
    yield (
        "Whose consents",
        f"{consents:,}, for {purpose}, for {days} days; a withdrawal binds the next training, and counts",
    )
    yield "Smallest group", f"{terms.tells.group}: no number in the model is of fewer people"
    missing = sum(table.missing(column) for table in data.tables.values() for column in table.cells)
    how = "counted as usual, or by an indicator" if report.get("linear") else "each in a bin of its own"
    yield "Missing values", f"{missing:,}, {how}" if missing else "none"
    for part, metrics in ((report.get("metrics") or {}) if report.get("linear") else {}).items():
        if metrics and (explained := metrics.get("r2") or metrics.get("d2")):
            yield f"Explained of {part}", f"{explained} of the label's variance, or of its deviance"
    yield "Not for", "other purposes, other consumers, people of another kind than those whose rows trained it"
