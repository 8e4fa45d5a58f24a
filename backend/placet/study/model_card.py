"""A model's card as JSON: what it is for, whose data and consents are in it, how good it is, what it is not."""

from __future__ import annotations

from typing import Any

from placet.study.limits import limits
from placet.study.model_facts import Figure, ModelFacts, Quality
from placet.study.outcome import StudyOutcome
from placet.study.tables import StudyData


def model_card(data: StudyData, outcome: StudyOutcome, model: ModelFacts) -> dict[str, Any]:
    """After Mitchell et al., "Model cards for model reporting", FAT* 2019, with the consents that it was made under.
    Metrics are of the test rows; `withdrawn_since` is as of the day of the job, and nodes count on from there.
    """
    terms = data.terms
    return {
        "type": "placet.study-model-card",
        "version": 1,
        "model": model.kind,
        "held_by": model.holder,
        "commitment": model.commitment,
        "job": outcome.job,
        "audit": outcome.verdict,
        "use": {
            "question": terms.study.question,
            "purpose": terms.study.purpose,
            "consumer": terms.study.consumer.name,
            "label": terms.study.label,
        },
        "data": [
            {
                "institution": table.part.institution.name,
                "address": outcome.addresses.get(key),
                "rows": len(table.identifiers),
                "consents": len(table.willing),
                "columns": list(table.part.columns),
            }
            for key, table in data.tables.items()
        ],
        "rows": [{"part": part, "rows": rows, "positives": positives} for part, rows, positives in model.rows],
        "withdrawn_since": 0,
        "metrics": {
            "joint": _quality(model.joint),
            "consumer_alone": _quality(model.alone),
            "gain_auc": _figure(model.gain),
            "worth": model.worth,
        },
        "columns": [
            {
                "institution": one.party,
                "column": one.name,
                "information_value": one.information,
                "points": one.spread,
                "gain": one.gain,
                "auc_fall": one.fall,
            }
            for one in model.columns
        ],
        "contribution": [
            {"institution": one.party, "shapley": one.value, "left_out": one.left_out} for one in model.shares
        ],
        "facts": dict(model.card),
        "limits": limits(data, outcome, model),
    }


def _quality(quality: Quality | None) -> dict[str, Any] | None:
    return None if quality is None else {"auc": _figure(quality.auc), "ks": quality.ks}


def _figure(figure: Figure | None) -> dict[str, Any] | None:
    return None if figure is None else {"value": figure.value, "low": figure.low, "high": figure.high}
