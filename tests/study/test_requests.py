"""A study as commands of a shell: every word of a study is quoted, whatever stands in it."""

from __future__ import annotations

import shlex
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from placet.core.errors import ConfigError
from placet.core.values import parse
from placet.jobs.messages import JobRequest
from placet.sandbox.studies import request
from placet.study.document import read_study, study_of
from placet.study.requests import script_of
from placet.study.terms import terms_of

CREDIT = Path(__file__).resolve().parents[2] / "scripts/examples/risk-control/persons.toml"
ADDRESSES = {"provider1": "0x" + "11" * 20, "provider2": "0x" + "22" * 20, "consumer": "0x" + "33" * 20}


def scripts(document: dict[str, Any]) -> dict[str, str]:
    terms = terms_of(study_of(document))
    return {key: script_of(terms, part, ADDRESSES) for key, part in terms.parts.items()}


def test_what_each_institution_gives_its_own_programs(document: dict[str, Any]) -> None:
    made = scripts(document)
    assert "--decimals balance=2" in made["provider1"] and "--column balance=AMOUNT:integer" in made["provider2"]
    assert ",".join(ADDRESSES.values()) in made["provider1"]
    assert "--own" not in made["provider1"]
    assert made["consumer"].count("--own") == 2 and "placet grant" in made["consumer"]


def test_no_word_of_a_study_is_a_command(document: dict[str, Any]) -> None:
    evil = "$(touch /tmp/owned); `id` ' \" & | > x"
    document["title"] = evil
    for institution in document["institutions"]:
        institution |= {
            "name": f"{institution['name']} {evil}",
            "title": evil,
            "identifier": evil,
            "file": f"{evil}.csv",
        }
    document["institutions"][0]["columns"]["balance"] = {"type": "integer", "source": evil}
    for key, text in scripts(document).items():
        lines = [line for line in text.splitlines() if line.startswith(("placet", "offer=$("))]
        assert len(lines) >= 2
        for line in lines:
            words = shlex.split(line.removeprefix("offer=$(").removesuffix(")"), posix=True)
            assert words[0] == "placet"
            for option, value in pairwise(words):
                if option == "--title":
                    assert value == evil
                if option == "--file":
                    assert value == f"{evil}.csv", key
        comments = [line for line in text.splitlines() if evil in line and not line.startswith(("placet", "offer="))]
        assert all(line.startswith("# ") for line in comments)


def test_owners_of_rows_that_are_drawn_are_told_of_auditors_and_no_others(document: dict[str, Any]) -> None:
    document["offers"] = {"auditors": ["Court of Audit", "Second $(eye)"]}
    made = scripts(document)
    for key, said in {"provider1": True, "provider2": True, "consumer": False}.items():
        words = shlex.split(made[key].replace("offer=$(", "offer ").replace(")\n", "\n"))
        assert ("--auditors" in words) is said, key
        if said:
            assert words[words.index("--auditors") + 1] == "Court of Audit,Second $(eye)"


def test_auditors_of_a_recipe_that_draws_nothing_are_refused(document: dict[str, Any]) -> None:
    document["offers"] = {"auditors": ["Court of Audit"]}
    document.update(recipe="match-count", parameters={}, engine="spu")
    document["institutions"] = [document["institutions"][0], document["institutions"][-1]]
    with pytest.raises(ConfigError, match="draws no rows of this recipe"):
        scripts(document)


def test_all_offers_have_the_studys_data_life_and_its_job_keeps_the_result_no_longer(document: dict[str, Any]) -> None:
    assert all("--data-life" not in text for text in scripts(document).values())
    assert "data_life" not in asked(document)
    document["offers"] = {"data_life": 90}
    for key, text in scripts(document).items():
        words = shlex.split(text.replace("offer=$(", "offer ").replace(")\n", "\n"), comments=True)
        assert words[words.index("--data-life") + 1] == "90", key
    assert asked(document)["data_life"] == 90


def asked(document: dict[str, Any]) -> dict[str, Any]:
    """The request of the study's job in a sandbox, of institutions that have made their offers."""
    members = {key: SimpleNamespace(address=address) for key, address in ADDRESSES.items()}
    offers = dict.fromkeys(ADDRESSES, "0x" + "44" * 32)
    group: Any = SimpleNamespace(members=members, offers=offers, own_consent="0x" + "55" * 32, token="0x" + "66" * 20)
    made = request(group, terms_of(study_of(document)))
    parse(JobRequest, made)
    return made


def test_a_study_of_a_model_has_no_data_life() -> None:
    study = read_study(CREDIT)
    terms_of(study)
    bounds = study.offers.model_copy(update={"data_life": 90})
    with pytest.raises(ConfigError, match="a model stays in a vault"):
        terms_of(study.model_copy(update={"offers": bounds}))
