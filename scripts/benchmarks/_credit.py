"""Public data as joint models see them: a label, and columns by institution; one split, the same for everything that is
compared. Data are not in the project: `shared/data` beside it has them (its README names the sources)."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from _clear import ClearColumn

from placet.catalogue.modelling import Feature

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
TEST, SEED = 0.3, 0


@dataclass(frozen=True)
class Case:
    """`parties`: by name their columns, the label holder's first. Rows to train on and to test on, by number."""

    name: str
    label: np.ndarray[Any, np.dtype[np.int64]]
    parties: dict[str, list[ClearColumn]]
    train: np.ndarray[Any, np.dtype[np.int64]]
    test: np.ndarray[Any, np.dtype[np.int64]]

    @property
    def columns(self) -> list[ClearColumn]:
        """Of all parties."""
        return [column for columns in self.parties.values() for column in columns]

    @property
    def alone(self) -> list[ClearColumn]:
        """Of the label holder."""
        return next(iter(self.parties.values()))

    def matrix(self, columns: Sequence[ClearColumn]) -> np.ndarray[Any, np.dtype[np.float64]]:
        """Numbers as they are, NaN where missing; each category as a column of its own."""
        parts = []
        for column in columns:
            if column.feature.kind == "number":
                parts.append([np.nan if value is None else float(value) for value in column.values])
            else:
                parts += [[float(value == one) for value in column.values] for one in sorted(set(column.values))]
        return np.array(parts, dtype=np.float64).T


def uci(bins: int = 10, *, ordered: bool = False) -> Case | None:
    """30,000 persons: a bank has limit, persons and payments, a bureau repayment status, a processor bills. `ordered`:
    default is the likelier the later payments were, and the less the higher limit and payments are."""
    rows = _rows("credit/uci_credit_card.csv")
    if rows is None:
        return None
    names = [name for name in rows[0] if name not in ("ID", "default.payment.next.month")]
    status = [name for name in names if name.startswith("PAY_") and "AMT" not in name]
    bills = [name for name in names if name.startswith("BILL")]
    bank = [name for name in names if name not in (*status, *bills)]
    label = [int(row["default.payment.next.month"]) for row in rows]
    falling = ["LIMIT_BAL", *(name for name in names if name.startswith("PAY_AMT"))]
    ways = {**dict.fromkeys(status, "rising"), **dict.fromkeys(falling, "falling")} if ordered else {}
    return _case("uci", rows, label, {"bank": bank, "bureau": status, "processor": bills}, (), bins, ways)


def marketing(bins: int = 10) -> Case | None:
    """45,211 persons over bank, telecom and retailer; `duration` is left out."""
    rows = _rows("marketing/bank-full.csv")
    if rows is None:
        return None
    parties = {
        "bank": ["balance", "default", "housing", "loan"],
        "telecom": ["contact", "month", "day", "campaign", "pdays", "previous", "poutcome"],
        "retailer": ["age", "job", "marital", "education"],
    }
    texts = {"default", "housing", "loan", "contact", "month", "poutcome", "job", "marital", "education"}
    return _case("bank", rows, [int(row["y"] == "yes") for row in rows], parties, texts, bins)


def companies(bins: int = 10) -> Case | None:
    """5,910 companies, 16 ratios with missing values at each of four institutions."""
    rows = _rows("corporate/polish_companies_5year.csv")
    if rows is None:
        return None
    names = ("bank", "tax office", "social security", "utility")
    parties = {name: [f"attr{n}" for n in range(16 * i + 1, 16 * i + 17)] for i, name in enumerate(names)}
    return _case("companies", rows, [int(row["bankrupt"]) for row in rows], parties, (), bins)


def tumours() -> list[tuple[list[str], np.ndarray[Any, np.dtype[np.float64]]]] | None:
    """FATE's breast data as it divides them over institutions: of each file the columns' names, and rows of the label
    and these columns."""
    files = [_rows(f"fate/breast_homo_{part}.csv") for part in ("guest", "host", "test")]
    names = [f"x{number}" for number in range(30)]
    tables = [np.array([[float(row[name]) for name in ("y", *names)] for row in rows]) for rows in files if rows]
    return [(names, table) for table in tables] or None


def _rows(file: str) -> list[dict[str, str]] | None:
    if not (DATA / file).is_file():
        return None
    with (DATA / file).open(newline="", encoding="utf-8") as source:
        return list(csv.DictReader(source))


def _case(
    name: str,
    rows: list[dict[str, str]],
    label: list[int],
    parties: dict[str, list[str]],
    texts: Sequence[str] | set[str],
    bins: int,
    ways: Mapping[str, Any] = MappingProxyType({}),
) -> Case:
    def column(source: str) -> ClearColumn:
        kind: Any = "category" if source in texts else "number"
        read: Callable[[str], Any] = str if kind == "category" else _number
        feature = Feature(column=source.lower()[:64], kind=kind, bins=bins, monotone=ways.get(source))
        return ClearColumn([read(row[source]) for row in rows], feature)

    labels = np.array(label, dtype=np.int64)
    columns = {party: [column(source) for source in sources] for party, sources in parties.items()}
    return Case(name, labels, columns, *_split(labels))


def _split(labels: np.ndarray[Any, np.dtype[np.int64]]) -> list[np.ndarray[Any, np.dtype[np.int64]]]:
    """Rows to train on and to test on, with the same share of positives: the same with any libraries."""
    random = np.random.default_rng(SEED)
    groups = [random.permutation(np.flatnonzero(labels == label)) for label in (0, 1)]
    cuts = [round(len(group) * (1 - TEST)) for group in groups]
    return [
        np.concatenate([group[:cut] for group, cut in zip(groups, cuts, strict=True)]),
        np.concatenate([group[cut:] for group, cut in zip(groups, cuts, strict=True)]),
    ]


def _number(text: str) -> float | None:
    return float(text) if text else None
