"""The ids' types are the contracts' own."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import TypeAdapter, ValidationError

from placet.core import ids

TYPES = Path(__file__).parents[2] / "contracts" / "interfaces" / "Types.sol"


def test_are_those_of_the_contracts() -> None:
    named = set(re.findall(r"^type (\w+) is bytes32;$", TYPES.read_text(), re.MULTILINE))
    assert (
        named | {"EnrolmentRoot"}
        == {name for name, value in vars(ids).items() if type(value).__name__ == "NewType"}
        != set()
    )  # never on chain


def test_a_field_reads_and_writes_an_id_as_hex_of_32_bytes() -> None:
    adapter = TypeAdapter(ids.ConsentId)
    value = adapter.validate_python("0x" + "ab" * 32)
    assert value == b"\xab" * 32
    assert adapter.dump_python(value, mode="json") == "0x" + "ab" * 32
    for wrong in ("0x" + "ab" * 31, b"\xab" * 33, "ab" * 32, 7):
        with pytest.raises(ValidationError):
            adapter.validate_python(wrong)
