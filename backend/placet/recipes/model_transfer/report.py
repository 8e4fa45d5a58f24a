"""What the consumer is told of a transfer: how good each model is, what was accepted, and in words who won."""

from __future__ import annotations

from typing import Any

from placet.models.transfer import (
    ALONE,
    MAP,
    RECALIBRATED,
    SOURCE,
    Judged,
    Recalibration,
    WithError,
    accepted,
    beside_alone,
)

_ADAPTED = {
    SOURCE: "Adapting the source's model was not accepted: on the rows that validate neither recalibration nor new "
    "weights beat it by more than the error. If it is used, then as it is.",
    RECALIBRATED: "Recalibration was accepted: it beats the source's log odds by more than the error. It changes no "
    "order, so the AUC stays.",
    MAP: "New weights near the source's were accepted: they beat what they replace in log loss and AUC by more than "
    "the error.",
}
_BESIDE = {
    SOURCE: "The source's model ranks better than one of the own rows alone, by more than the error.",
    ALONE: "A model of the own rows alone ranks better than the source's, by more than the error: use that.",
    "undecided": "Whether the source's model ranks better than one of the own rows alone is within the error: more "
    "labels would tell.",
}
USUAL = (
    "On public data the source's model did the work: new weights changed its AUC by -0.005 to +0.006 (means of ten "
    "trials), and were accepted in none of 120."
)


def report_of(recalibration: Recalibration, judged: Judged) -> dict[str, Any]:
    """{models: [{model, log_loss, auc}], gains: [{of, over, log_loss, auc}], recalibration: {intercept, slope},
    accepted, beside_alone, words}. Each figure is {value, error, low, high}: its standard error and 95 percent; a gain
    is how much lower the log loss is, or how much higher the AUC (None where it can't differ)."""
    best, beside = accepted(judged, recalibration.slope), beside_alone(judged)
    return {
        "models": [
            {"model": name, "log_loss": _figure(judged.loss[name]), "auc": _figure(judged.area[name], whole=True)}
            for name in (ALONE, SOURCE, RECALIBRATED, MAP)
        ],
        "gains": [
            {
                "of": own,
                "over": other,
                "log_loss": _figure(gain),
                "auc": _figure(judged.area_gains[own, other]) if (own, other) in judged.area_gains else None,
            }
            for (own, other), gain in judged.gains.items()
        ],
        "recalibration": {"intercept": f"{recalibration.intercept:.3f}", "slope": f"{recalibration.slope:.3f}"},
        "accepted": best,
        "beside_alone": beside,
        "words": [_ADAPTED[best], _BESIDE[beside], USUAL],
    }


def _figure(measured: WithError, *, whole: bool = False) -> dict[str, str]:
    """`whole`: within 0 and 1."""
    low, high = measured.interval
    if whole:
        low, high = max(low, 0.0), min(high, 1.0)
    names = ("value", "error", "low", "high")
    return {name: f"{one:.4f}" for name, one in zip(names, (measured.value, measured.error, low, high), strict=True)}
