"""What a report says of a model: how good it is with all parties' columns and with the consumer's alone, by numbers and
bands of the score; what it reads; what each party contributed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from placet.models import quality
from placet.models.bands import BandTable
from placet.models.quality import GainsRow


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
class Curves:
    """How a score divides rows that it was not trained on: its band table, of which higher bands speak for label 1, and
    where the lowest band begins and the highest one ends. `expected`: by band the probability that its scores stand
    for. `turned`: numbers are those of scores of which high ones speak for label 0, with the other sign."""

    table: BandTable
    lowest: float
    highest: float
    expected: tuple[float, ...] = ()
    turned: bool = False

    @cached_property
    def _gains(self) -> list[GainsRow]:
        return quality.gains(self.table)

    def roc(self) -> tuple[tuple[float, float], ...]:
        """(share of negatives, share of positives) reached from the highest band down."""
        negatives = self.table.all_negatives
        return ((0.0, 0.0), *((one.reached_negatives / negatives, float(one.positives_share)) for one in self._gains))

    def gains(self) -> tuple[tuple[float, float], ...]:
        """(share of people, share of positives) reached from the highest band down."""
        return ((0.0, 0.0), *((float(one.people_share), float(one.positives_share)) for one in self._gains))

    def reached(self, share: float) -> float:
        """Which share of the positives is among so many of the people with the highest scores."""
        for (x0, y0), (x1, y1) in pairwise(self.gains()):
            if x1 >= share:
                return y0 + (y1 - y0) * ((share - x0) / (x1 - x0) if x1 > x0 else 1.0)
        return 1.0

    def calibration(self, groups: int = 10) -> tuple[tuple[float, float], ...]:
        """(expected, observed) share of positives, by about so many groups of bands with equally many people."""
        points, people, positives, mass = [], 0, 0, 0.0
        for expected, more, others in zip(self.expected, self.table.positives, self.table.negatives, strict=False):
            people, positives, mass = people + more + others, positives + more, mass + expected * (more + others)
            if people * groups >= self.table.people:
                points.append((mass / people, positives / people))
                people, positives, mass = 0, 0, 0.0
        return (*points, *(((mass / people, positives / people),) if people else ()))

    def spread(self, label: int, bins: int) -> tuple[float, ...]:
        """The share of a label's people in each of so many equally wide bins, as if a band's lay evenly in it."""
        numbers = self.table.positives if label else self.table.negatives
        total, width = sum(numbers) or 1, (self.highest - self.lowest) / bins
        shares = [0.0] * bins
        for number, (low, high) in zip(numbers, pairwise((self.lowest, *self.table.edges, self.highest)), strict=True):
            for place in range(bins):
                start = self.lowest + place * width
                overlap = min(high, start + width) - max(low, start)
                shares[place] += number / total * max(0.0, overlap) / max(high - low, 1e-9)
        return tuple(shares)


@dataclass(frozen=True)
class Quality:
    """Of one model on the test rows. `curves`: None where bands were not told."""

    auc: Figure
    ks: float
    curves: Curves | None = None


@dataclass(frozen=True)
class ModelColumn:
    """A column that the model reads: its information value and the points between its best and its worst bin, of a
    scorecard; its cuts' share of all that cuts gained, of trees. `fall`: by how much the AUC falls when its values
    stand in other rows, where the plan had permutations."""

    party: str
    name: str
    information: float | None = None
    spread: int | None = None
    gain: float | None = None
    fall: float | None = None


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
