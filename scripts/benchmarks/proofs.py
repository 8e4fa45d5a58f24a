"""Proof in place of trust: sums held against commitments; statements of totals and of consents. Takes --n places."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from _anonymous import consent_statement
from _band import band_statement
from _verified_sums import verified_sum

DEFAULT = 10_000


def main(*, json: bool, n: int = DEFAULT) -> dict[str, object]:
    """Measure and print; see `scripts/bench`."""
    out = sys.stderr if json else sys.stdout

    def say(text: str) -> None:
        print(text, file=out)

    return {"verified_sum": verified_sum(n, say), **band_statement(say), **consent_statement(say)}
