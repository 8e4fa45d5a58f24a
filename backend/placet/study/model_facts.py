"""What a report says of a model: how good it is with all parties' columns and with the consumer's alone, by numbers and
bands of the score; what it reads; what each party contributed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any


@dataclass(frozen=True)
class Figure:
    """A number with its 95 % interval, where there is one."""

    value: float
    low: float | None = None
    high: float | None = None

    @property
    def words(self) -> str:
        """For people, to four digits."""
        if self.low is None or self.high is None:
            return f"{self.value:.4f}"
        return f"{self.value:.4f} ({self.low:.4f} to {self.high:.4f})"


@dataclass(frozen=True)
class Quality:
    """Of one model on the test rows. `bands`: (lowest score, positives, negatives, predicted probability or None), from
    the lowest band on; the last one ends at `highest`."""

    auc: Figure
    ks: float
    bands: tuple[tuple[float, int, int, float | None], ...] = ()
    highest: float = 0.0

    @property
    def positives(self) -> int:
        return sum(band[1] for band in self.bands)

    @property
    def negatives(self) -> int:
        return sum(band[2] for band in self.bands)

    def roc(self) -> tuple[tuple[float, float], ...]:
        """(share of negatives, share of positives) reached from the highest band down."""
        points, positives, negatives = [(0.0, 0.0)], 0, 0
        for _, more, others, _ in reversed(self.bands):
            positives, negatives = positives + more, negatives + others
            points.append((negatives / max(self.negatives, 1), positives / max(self.positives, 1)))
        return tuple(points)

    def gains(self) -> tuple[tuple[float, float], ...]:
        """(share of people, share of positives) reached from the highest band down."""
        people, points, positives, reached = self.positives + self.negatives, [(0.0, 0.0)], 0, 0
        for _, more, others, _ in reversed(self.bands):
            positives, reached = positives + more, reached + more + others
            points.append((reached / max(people, 1), positives / max(self.positives, 1)))
        return tuple(points)

    def reached(self, share: float) -> float:
        """Which share of the positives is among so many of the people with the highest scores."""
        points = self.gains()
        for (x0, y0), (x1, y1) in pairwise(points):
            if x1 >= share:
                return y0 + (y1 - y0) * ((share - x0) / (x1 - x0) if x1 > x0 else 1.0)
        return 1.0

    def calibration(self) -> tuple[tuple[float, float], ...]:
        """(predicted, observed) share of positives, by band with people."""
        return tuple(
            (predicted, positives / (positives + negatives))
            for _, positives, negatives, predicted in self.bands
            if predicted is not None and positives + negatives
        )


@dataclass(frozen=True)
class ModelColumn:
    """A column that the model reads; `spread`: points between its best and its worst bin, where the model is open."""

    party: str
    name: str
    bins: int
    information: float | None = None
    spread: int | None = None


@dataclass(frozen=True)
class Share:
    """What one party's columns added to the metric, by Shapley value and left out alone."""

    party: str
    value: float
    left_out: float | None = None


@dataclass(frozen=True)
class ModelFacts:
    """`rows`: (part, rows, positives or None) of the split. `kind` names the model for people; `holder` who has it.
    `scale` says how a score is read. `card`: further lines for the model card, name and words."""

    kind: str
    holder: str
    rows: tuple[tuple[str, int, int | None], ...]
    joint: Quality | None
    alone: Quality | None
    gain: Figure | None
    columns: tuple[ModelColumn, ...]
    shares: tuple[Share, ...]
    card: Sequence[tuple[str, str]]
    commitment: str | None
    scored: int = 0

    @property
    def worth(self) -> str:
        """Whether the joint model is better than the consumer's own, in a sentence."""
        gain = self.gain
        if gain is None or gain.low is None or gain.high is None:
            return "No model of the consumer's own columns was there to compare with."
        if gain.low > 0:
            return (
                f"The joint model ranks better than the consumer's own columns alone: by {gain.value:.4f} AUC, and "
                f"with 95 % confidence by at least {gain.low:.4f}. The gain is more than noise."
            )
        if gain.high < 0:
            return (
                f"The joint model ranks worse than the consumer's own columns alone, by {-gain.value:.4f} AUC. The "
                "other parties' columns are not worth paying for on this question."
            )
        return (
            f"The joint model's gain of {gain.value:.4f} AUC can't be told from noise: the 95 % interval, "
            f"{gain.low:.4f} to {gain.high:.4f}, holds zero. More test rows would tell."
        )

    def to_json(self) -> dict[str, Any]:
        """Plain JSON, for programs."""
        from dataclasses import asdict

        return asdict(self)
