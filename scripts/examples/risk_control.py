"""Credit decisions with reasons: of companies over four institutions, of persons over three.

`--data` names a folder with `polish_companies_5year.csv` (UCI 365; 5,910 companies and 64 ratios with missing values,
of which bank, tax office, social security and utility have 16 each) and `uci_credit_card.csv` (UCI 350; 30,000 persons;
sex and marriage are left out, since no decision should stand on them), or with these in `corporate/` and `credit/`. A
study whose file is not there is left out.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import use_case
from use_case import Table, UseCase, as_is

HERE = Path(__file__).resolve().parent / "risk-control"


def _ratios(first: int) -> list[str]:
    return [f"attr{number}" for number in range(first, first + 16)]


COMPANIES = UseCase(
    name="companies",
    study=HERE / "companies.toml",
    folder="corporate",
    source="polish_companies_5year.csv",
    customer=lambda number, row: row["company"],
    tables=(
        Table("bank.csv", "company", as_is("bankrupt", *_ratios(1))),
        Table("tax.csv", "company", as_is(*_ratios(17))),
        Table("social.csv", "company", as_is(*_ratios(33))),
        Table("utility.csv", "company", as_is(*_ratios(49))),
    ),
)
PERSONS = UseCase(
    name="persons",
    study=HERE / "persons.toml",
    folder="credit",
    source="uci_credit_card.csv",
    customer=lambda number, row: f"P{int(row['ID']):06}",
    tables=(
        Table(
            "bank.csv",
            "customer",
            {"default_next": lambda row: row["default.payment.next.month"], **as_is("LIMIT_BAL", "AGE", "EDUCATION")},
        ),
        Table("bureau.csv", "person", as_is(*(f"PAY_{number}" for number in (0, 2, 3, 4, 5, 6)))),
        Table(
            "processor.csv",
            "person",
            as_is(*(f"{kind}_AMT{number}" for kind in ("BILL", "PAY") for number in range(1, 7))),
        ),
    ),
)


def main(words: Sequence[str] | None = None) -> int:
    """As `use_case.main`."""
    return use_case.main(words, __doc__ or "", [COMPANIES, PERSONS])


if __name__ == "__main__":
    sys.exit(main())
