"""Every function that the contracts offer says what it does not protect; every event and error says what it means."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

INTERFACES = sorted((Path(__file__).resolve().parents[2] / "contracts" / "interfaces").glob("I*.sol"))
FUNCTION = re.compile(r"^    function (\w+)\(", re.MULTILINE)
TOLD = re.compile(r"^    (?:event|error) (\w+)\(([^)]*)\);", re.MULTILINE)


def documentation(source: str, start: int) -> str:
    """The block of `///` lines right above `start`."""
    lines: list[str] = []
    for line in reversed(source[:start].splitlines()):
        if not line.startswith("    ///"):
            break
        lines.append(line)
    return "\n".join(reversed(lines))


@pytest.mark.parametrize("file", INTERFACES, ids=lambda file: file.stem)
def test_every_function_says_what_it_does_not_protect(file: Path) -> None:
    source = file.read_text(encoding="utf-8")
    functions = list(FUNCTION.finditer(source))
    assert functions
    silent = [
        match[1]
        for match in functions
        if not re.search(r"@custom:not-protected \S", documentation(source, match.start()))
        or "@notice" not in documentation(source, match.start())
    ]
    assert silent == []


@pytest.mark.parametrize("file", INTERFACES, ids=lambda file: file.stem)
def test_every_event_and_error_says_what_it_means(file: Path) -> None:
    """Wallets and explorers show it: a notice, and each parameter in order."""
    source = file.read_text(encoding="utf-8")
    declared = list(TOLD.finditer(source))
    assert len(declared) == len(re.findall(r"^ *(?:event|error) ", source, re.MULTILINE))
    assert declared or file.stem == "IStatementChecker"  # one function, which others implement
    silent = []
    for match in declared:
        text = documentation(source, match.start())
        parameters = [parameter.split()[-1] for parameter in match[2].split(",") if parameter.strip()]
        if re.findall(r"@param (\w+) \S", text) != parameters or not re.search(r"@notice \S", text):
            silent.append(match[1])
    assert silent == []


def test_the_interfaces_are_there() -> None:
    assert {file.stem for file in INTERFACES} >= {
        "IConsentRegistry",
        "IDatasetRegistry",
        "IJobLedger",
        "IRewardEscrow",
        "ISigners",
    }
