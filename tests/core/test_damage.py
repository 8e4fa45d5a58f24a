"""Identifiers that look damaged: what is told of a list, what mends it, and what is left alone."""

from __future__ import annotations

import json

import pytest

from placet.alignment import parse_rules
from placet.alignment.keys import keys
from placet.core.damage import damages, nearly_alike

IBANS = ["621226000000000002", "1230000000000001", "98765432109876543"]
SECRET = "4711"


@pytest.mark.parametrize(
    ("identifiers", "codes"),
    [
        (["1.23457E+14", "6.2e+17", "c"], ["rounded"]),
        (["1,23457E+14", "C1", "C2"], ["rounded"]),
        (["621226123456789000", "123456789012345000", "987654321098765000"], ["rounded"]),
        (["12.0", "13.0"], ["float"]),
        (["00123456", "1234567", "87654321"], ["zeros"]),
        (["2345678", "12345678", "87654321"], ["zeros"]),
        (["C-001", "c002", "C-003"], ["forms"]),
        (["12-345", "99111", "12346"], ["forms"]),
        (["C001", "C002", "c003"], ["forms"]),
        (IBANS[:1], []),
        ([str(number) for number in range(1, 3000)], []),
        (["a", "b", "c"], []),
        (["anna müller", "Bob Smith-Jones", "O'Neill 2nd"], []),
        (["C0001", "C0002"], []),
        (["1234567890123450", "1234567890123461", "1234567890123472"], []),
    ],
)
def test_what_looks_damaged(identifiers: list[str], codes: list[str]) -> None:
    found = damages(identifiers, "ID")
    assert [one.code for one in found] == codes
    for one in found:
        assert not any(identifier in one.words for identifier in identifiers if len(identifier) > 3)
        assert one.rule is None or one.rule in one.words


@pytest.mark.parametrize(
    ("damaged", "whole"),
    [
        (["123456", "12345678", "87654321"], ["00123456", "12345678", "87654321"]),
        (["12-345", "99111", "12346"], ["12345", "99111", "12346"]),
        (["C001", "C002", "c003"], ["C001", "C002", "C003"]),
    ],
)
def test_the_rule_that_is_told_mends_it(damaged: list[str], whole: list[str]) -> None:
    [one] = damages(damaged, "ID")
    assert one.rule is not None
    rules = parse_rules({"keys": [json.loads(one.rule)], "smallest": 2})
    [here], [there] = (keys({"ID": side}, rules) for side in (damaged, whole))
    assert here.identifiers.equals(there.identifiers)
    assert here.identifiers.null_count == 0


def test_how_many_would_meet_if_written_alike() -> None:
    assert nearly_alike(["0012", "c-1", "7", "x"], {"12", "C1", "7"}) == 2
