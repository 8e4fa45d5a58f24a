"""A study as commands of a shell: every word of a study is quoted, whatever stands in it."""

from __future__ import annotations

import shlex
from itertools import pairwise
from typing import Any

from placet.study.document import study_of
from placet.study.requests import script_of
from placet.study.terms import terms_of

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
