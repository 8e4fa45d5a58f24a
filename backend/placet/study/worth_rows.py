"""What a study says of the columns whose worth it told (`value-of-data`): a line each, in words that claim no more."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

WORTH = "worth something"
NO_WORTH = "cannot be told from nothing"
TOO_FEW = "too few people to say"


@dataclass(frozen=True)
class WorthRow:
    """A column: its information value, AUC, KS and what it adds to the own score, as text with their intervals."""

    column: str
    words: str
    iv: str
    auc: str
    ks: str
    added: str


def worth_rows(report: Mapping[str, Any]) -> list[WorthRow]:
    """Of a job's report, the column that is worth most first."""
    judged = sorted(report["columns"], key=lambda one: -float(one["iv"]["value"]) if "iv" in one else 0.0)
    return [_row(one) for one in judged]


def _row(judged: Mapping[str, Any]) -> WorthRow:
    added = judged.get("added")
    gain = "–" if added is None else _figure(added["gain"], plus="+")
    if added is not None and not added["beyond_chance"]:
        gain += f" ({NO_WORTH})"
    if "iv" not in judged:
        return WorthRow(judged["column"], TOO_FEW, "–", "–", "–", gain)
    words = WORTH if judged["beyond_chance"] else NO_WORTH
    iv, auc, ks = (_figure(judged[name]) for name in ("iv", "auc", "ks"))
    return WorthRow(judged["column"], words, iv, auc, ks, gain)


def _figure(figure: Mapping[str, str], plus: str = "") -> str:
    value, low, high = (f"{float(figure[name]):.3f}" for name in ("value", "low", "high"))
    return f"{plus}{value} ({low} to {high})"
