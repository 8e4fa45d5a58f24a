"""What every PSI asks of its caller."""

from __future__ import annotations

from collections.abc import Sequence

from placet.core.errors import DataError, InputError


def require_distinct_rows(identifiers: Sequence[bytes]) -> None:
    """DataError, naming the rows, if an identifier occurs twice."""
    first: dict[bytes, int] = {}
    for row, identifier in enumerate(identifiers):
        if first.setdefault(identifier, row) != row:
            raise DataError(
                "an identifier occurs twice",
                expected="each identifier once",
                found=f"rows {first[identifier]} and {row} have the same",
                remedy="merge or drop one of the two rows",
            )


def require_receiver(receiver: str | None, me: str, peer: str) -> None:
    """InputError unless the result is for one of the two parties, or for both (None)."""
    if me == peer or receiver not in (None, me, peer):
        raise InputError("no such receiver", expected=f"{me}, {peer}, or None for both", found=receiver)
