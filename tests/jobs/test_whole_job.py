"""Whole jobs on real processes."""

from __future__ import annotations

from live import Town


def test_the_result_is_exactly_the_plaintext(town: Town) -> None:
    expected = town.expected()
    done = town.job()
    assert (done.ended, done.totals) == ("completed", expected)
    assert sum(1 for total in expected.values() if total) > 10
