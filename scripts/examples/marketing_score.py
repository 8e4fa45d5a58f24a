"""Whom to call about a term deposit: a bank's scorecard over its own, a telecom's and a retailer's columns.

`--data` names a folder with `bank-full.csv` (UCI 222, bank marketing; 45,211 rows), whose columns are divided among
three institutions; customers are numbered, since the file has no identifier. `duration` is left out: how long the call
was is known only after it.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import use_case
from use_case import Table, UseCase, as_is

HERE = Path(__file__).resolve().parent / "marketing"
MARKETING = UseCase(
    name="marketing",
    study=HERE / "study.toml",
    folder="marketing",
    source="bank-full.csv",
    customer=lambda number, row: f"C{number:06}",
    tables=(
        Table(
            "bank.csv",
            "customer",
            {"subscribed": lambda row: str(int(row["y"] == "yes")), **as_is("balance", "default", "housing", "loan")},
        ),
        Table(
            "telecom.csv",
            "subscriber",
            as_is("contact", "month", "day", "campaign", "pdays", "previous", "poutcome"),
        ),
        Table("retailer.csv", "member", as_is("age", "job", "marital", "education")),
    ),
)


def main(words: Sequence[str] | None = None) -> int:
    """As `use_case.main`."""
    return use_case.main(words, __doc__ or "", [MARKETING])


if __name__ == "__main__":
    sys.exit(main())
