"""Whom a sandbox has and what they hold: small generated tables, or a user's own files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from placet.core.errors import InputError
from placet.sandbox.consortium import PURPOSE
from placet.sandbox.founding import ASSET_VIEW, MATCH, Offering, Stock

CONSUMER = "bank"
NAMES = {
    "bank": "City Bank",
    "tax": "Tax Office",
    "utility": "Utility Works",
    "telecom": "Telecom",
    "insurer": "Mutual Insurance",
    "pension": "Pension Fund",
    "savings": "Savings Bank",
    "leasing": "Leasing House",
}
"""The consumer, then providers in the order in which they come in."""
DEFAULT = 4
PERSONS = 60
REGISTERED = 500
"""Persons who get an access code at the most, those without a consent first; making one takes a while."""


@dataclass(frozen=True)
class Setup:
    """`willing`: by provider, the persons who have consented once the sandbox is up."""

    names: Mapping[str, str]
    stock: Stock
    willing: Mapping[str, Sequence[str]]
    purpose: str = PURPOSE
    consumer: str = CONSUMER

    @property
    def offering(self) -> Offering:
        """`asset-view` needs two providers."""
        return replace(ASSET_VIEW if len(self.names) > 2 else MATCH, purpose=self.purpose)


def generated(institutions: int = DEFAULT) -> Setup:
    """A bank and its providers, some sixty persons of whom three of four consent; the same each time."""
    if not 2 <= institutions <= len(NAMES):
        raise InputError("so many institutions there can't be", expected=f"2 to {len(NAMES)}", found=institutions)
    names = dict(list(NAMES.items())[:institutions])
    persons = [f"P{number:04}" for number in range(1, PERSONS + 1)]
    balances = {
        key: {
            person: (number * 73_939 + place * 104_729) % 500_000 - 50_000
            for number, person in enumerate(persons)
            if (number * 7 + place * 3) % 5 < 3
        }
        for place, key in enumerate(names)
        if key != CONSUMER
    }
    silent = set(persons[::4])
    return Setup(
        names,
        Stock(balances, [person for number, person in enumerate(persons) if number % 3], persons),
        {key: [person for person in rows if person not in silent] for key, rows in balances.items()},
    )


def of_files(folder: Path) -> Setup:
    """As the folder's `mapping.toml` says; InputError, DataError or ConfigError as `files.read`."""
    from placet.sandbox.files import DPV, read  # a command without own files does without Arrow

    data = read(folder)
    persons = sorted({person for rows in data.balances.values() for person in rows})
    registered = sorted(persons, key=lambda person: (person in data.consenting, person))[:REGISTERED]
    return Setup(
        data.names,
        Stock(data.balances, data.customers, registered),
        data.consents(),
        DPV + data.purpose,
        consumer="consumer",
    )
