"""One text of JSON means one thing."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from placet.core.errors import InputError
from placet.core.json_text import read_json
from placet.core.trail import Artefact
from placet.core.values import parse

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


def spelt(text: str, *, escaped: bool) -> str:
    """A key as JSON, every character as its number or only where it must."""
    if not escaped:
        return json.dumps(text, ensure_ascii=False)
    units = text.encode("utf-16-be", "surrogatepass")
    return '"' + "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2)) + '"'


@given(VALUES)
def test_a_text_is_what_it_says(value: Any) -> None:
    for raw in (json.dumps(value), json.dumps(value, ensure_ascii=False).encode()):
        assert read_json(raw, "text") == value


@given(VALUES, st.text(), st.booleans(), st.dictionaries(st.text(), st.none(), max_size=3), st.integers(0, 3))
def test_a_key_twice_is_refused_wherever_it_stands(
    value: Any, key: str, escaped: bool, others: dict[str, None], depth: int
) -> None:
    rest = "".join(f", {json.dumps(other)}: null" for other in others if other != key)
    raw = f"{{{spelt(key, escaped=False)}: {json.dumps(value)}{rest}, {spelt(key, escaped=escaped)}: 0}}"
    for _ in range(depth):
        raw = f'[{{"inside": {raw}}}]'
    with pytest.raises(InputError) as caught:
        read_json(raw, "text")
    assert caught.value.code == "input.duplicate"
    assert caught.value.remedy is not None


NONE = (
    *(b"", b"{", b"\xff", b"[" * 100_000, b'{"a":' * 50_000, b"NaN", b"-Infinity", b"[1e400" * 9, b"9" * 10_000),
    *(b"{} {}", b"1e999", b'{"a": [-1e400]}', b'{"1e999": 1e309}'),
)


@pytest.mark.parametrize("raw", NONE)
def test_what_is_no_json(raw: bytes) -> None:
    with pytest.raises(InputError) as caught:
        read_json(raw, "text")
    assert caught.value.code == "input.json"


def test_the_door_of_all_values_takes_no_key_twice() -> None:
    """A plan, a bundle, a message, a file, what a vault keeps: each is read by `parse`."""
    once = '{"name": "rows", "commitment": "0x' + "ab" * 32 + '"}'
    assert parse(Artefact, once).name == "rows"
    for raw in (once.replace("{", '{"name": "other", '), once.replace("{", '{"n\\u0061me": "other", ')):
        for given_as in (raw, raw.encode()):
            with pytest.raises(InputError) as caught:
                parse(Artefact, given_as)
            assert caught.value.code == "input.duplicate"
            assert "other" not in str(caught.value)
