"""The published JSON Schema of bundles is the one that they are read by."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from block_chain import proven
from exploration import Noisy
from simulator import Simulation
from test_erased import erase
from test_sections import moved

from placet.audit.bundle import Bundle, parse_bundle, schema
from placet.audit.sections import Sections
from placet.core.errors import InputError

SCHEMA = Path(__file__).resolve().parents[2] / "docs" / "reference" / "schemas" / "bundle.schema.json"
WRITE = "json.dumps(placet.audit.bundle.schema(), indent=2, sort_keys=True, ensure_ascii=False) and a line feed"

HONEST: dict[str, Callable[[], Bundle]] = {
    "amended and proven": lambda: proven(Simulation(withdraw=(1,)))[0],
    "erased": lambda: erase(Simulation(), 1),
    "in sections": lambda: moved(Simulation().bundle(), Sections()),
    "incomplete": lambda: Simulation().bundle(without=(1,)),
    "with noise": lambda: Noisy().bundle(),
}


def test_the_published_schema_is_fresh() -> None:
    fresh = json.dumps(schema(), indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    assert SCHEMA.read_text() == fresh, f"write {WRITE} there"


@pytest.mark.parametrize("kind", HONEST)
def test_honest_bundles_are_of_this_form(kind: str) -> None:
    jsonschema_rs.validate(json.loads(SCHEMA.read_text()), HONEST[kind]().to_json())


def short(plain: dict[str, Any]) -> None:
    plain["facts"]["opened"]["terms"] = plain["facts"]["opened"]["terms"][:-2]


def negative(plain: dict[str, Any]) -> None:
    plain["evidence"][0]["evidence"]["evidence"]["steps"][0]["index"] = -1


def unknown(plain: dict[str, Any]) -> None:
    plain["evidence"][0]["evidence"]["evidence"]["terms"]["more"] = "x"


def lacking(plain: dict[str, Any]) -> None:
    del plain["facts"]["head"]["block"]


def a_number(plain: dict[str, Any]) -> None:
    plain["deployment"]["chain_id"] = "31337x"


def another_version(plain: dict[str, Any]) -> None:
    plain["version"] = 2


@pytest.mark.parametrize("change", [short, negative, unknown, lacking, a_number, another_version])
def test_what_is_of_another_form_is_refused_by_both(change: Callable[[dict[str, Any]], None]) -> None:
    plain = Simulation().bundle().to_json()
    change(plain)
    with pytest.raises(jsonschema_rs.ValidationError):
        jsonschema_rs.validate(json.loads(SCHEMA.read_text()), plain)
    with pytest.raises(InputError):
        parse_bundle(json.dumps(plain).encode())
