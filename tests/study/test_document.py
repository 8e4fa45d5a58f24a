"""`study.toml` at the door: one typed value, or all that is wrong with it at once."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from placet.core.errors import ConfigError
from placet.study.document import MAX_STUDY, PersonList, Study, read_study, study_of

ROOT = Path(__file__).resolve().parents[2]
SAMPLES = sorted(ROOT.glob("scripts/examples/*/*.toml"))


def refused(document: dict[str, Any]) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        study_of(document)
    error = caught.value
    assert error.code == "config.study" and error.expected and error.found and error.remedy
    return error


def test_what_follows_from_it(document: dict[str, Any]) -> None:
    study = study_of(document)
    assert list(study.keys) == ["provider1", "provider2", "consumer"]
    assert study.purpose == "https://w3id.org/dpv#CreditChecking"
    assert study.providers[0].columns["balance"].column("balance").source == "balance"
    assert study.providers[1].columns["balance"].column("balance").source == "AMOUNT"
    assert study.consents.persons == PersonList(file="consents.csv", identifier="person")


@pytest.mark.parametrize("file", [file for file in SAMPLES if file.name != "mapping.toml"], ids=lambda file: file.name)
def test_the_samples_are_studies(file: Path) -> None:
    assert isinstance(read_study(file), Study)


def test_all_errors_are_told_at_once(document: dict[str, Any]) -> None:
    document["colour"] = "blue"
    document["institutions"][0]["columns"]["balance"] = "money"
    document["institutions"][1]["reward"] = -1
    del document["institutions"][2]["file"]
    error = refused(document)
    places = [str(error.found), *(line.partition(":")[0] for line in error.details)]
    assert sorted(places) == [
        "colour",
        "institutions[1].columns.balance.type",
        "institutions[2].reward",
        "institutions[3].file",
    ]


def test_very_many_errors_are_counted(document: dict[str, Any]) -> None:
    document |= {f"field{number}": 1 for number in range(200)}
    assert refused(document).details[-1] == "and 179 more"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda d: d.update(purpose="WorldDomination"), "purpose is one of"),
        (lambda d: d["institutions"][0].update(role="consumer"), "one institution has the role consumer"),
        (lambda d: d["institutions"][2].pop("role"), "one institution has the role consumer"),
        (lambda d: d["institutions"][0].update(name="Bank South"), "name of its own"),
        (lambda d: d["institutions"][0]["columns"].update(customer="text"), "is the identifier"),
        (lambda d: d.update(namespace="persons"), "pattern"),
        (lambda d: d["institutions"][0].update(name="Bank\nNorth"), "one line"),
        (lambda d: d["institutions"][0].update(name="Bank \u202eNorth"), "one line"),
        (lambda d: d["institutions"][0].update(file="a\0b"), "pattern"),
        (lambda d: d.update(offers={"auditors": ["Bank South"]}), "a name that no institution has"),
        (lambda d: d.update(offers={"auditors": ["Court", "Court"]}), "names each once"),
        (lambda d: d.update(offers={"auditors": ["Court, of Audit"]}), "pattern"),
        (lambda d: d.update(offers={"data_life": 0}), "greater than or equal"),
        (lambda d: d.update(offers={"data_life": 36_526}), "less than or equal"),
        (lambda d: d.update(offers={"data_life": "90"}), "valid integer"),
        (lambda d: d["consents"].update(days=0), "greater than or equal"),
        (lambda d: d["consents"].update(uses=True), "valid integer"),
        (lambda d: d["institutions"][1]["columns"]["balance"].update(decimals=19), "less than or equal"),
        (lambda d: d.update(institutions=d["institutions"][:1]), "one institution has the role consumer"),
    ],
)
def test_a_bad_study(document: dict[str, Any], change: Any, words: str) -> None:
    change(document)
    assert words in str(refused(document).expected)


@pytest.mark.parametrize("raw", [b"[study", b"\xff", b"a = " + b"[" * 30_000, b"#" * (MAX_STUDY + 1)])
def test_no_study_in_the_file(tmp_path: Path, raw: bytes) -> None:
    (tmp_path / "study.toml").write_bytes(raw)
    before = sys.getrecursionlimit()
    with pytest.raises(ConfigError) as caught:
        read_study(tmp_path / "study.toml")
    assert caught.value.remedy and sys.getrecursionlimit() == before
    with pytest.raises(ConfigError):
        read_study(tmp_path / "none.toml")
