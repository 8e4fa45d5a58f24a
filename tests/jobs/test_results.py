"""A result as it is kept: read whole, or without its rows, and the same whichever way its rows were held."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from placet.core.errors import InputError, LimitError
from placet.core.text_columns import TextColumn
from placet.jobs.results import PersonRows, decoded, encoded, without_rows

TEXT = st.text(st.characters(codec="utf-8"), max_size=4)


@given(TEXT, st.lists(TEXT, max_size=4), st.dictionaries(TEXT, st.integers(), max_size=2))
def test_a_result_comes_back(name: str, people: list[str], report: dict[str, int]) -> None:
    rows = [{name: one} for one in people]
    plain: dict[str, Any] = {"rows": rows, "report": report}
    held = {"rows": PersonRows(name, TextColumn.of(people)), "report": report}
    assert list(held["rows"]) == rows
    assert list(held["rows"][1:]) == rows[1:]
    for kept in (encoded(plain), encoded(held)):
        assert decoded(kept) == plain
        assert without_rows(kept) == {"report": report}


def test_what_has_no_rows() -> None:
    assert decoded(encoded({"refused": {"a": 1}})) == {"refused": {"a": 1}}
    for bad in (b"", json.dumps({"rows": []}).encode(), encoded({"report": {}})[:-1]):
        with pytest.raises((InputError, LimitError)):
            decoded(bad)
