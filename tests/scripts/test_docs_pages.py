"""The generated pages of the reference hold everything that there is, from other sources than they are made from."""

from __future__ import annotations

import json
import re
from pathlib import Path

import docs_pages
import typer

from placet.catalogue.specs import NAMES
from placet.cli.main import app

ROOT = Path(__file__).resolve().parents[2]
ARTIFACTS = sorted((ROOT / "backend" / "placet" / "chain" / "artifacts").glob("*.json"))
UNDOCUMENTED = {"P256Verifier", "SettlementToken", "WebAuthnVerifier"}
"""No contract of ours on a chain of others: a library's code, and a token for trying out."""


def headings(page: str) -> list[str]:
    return re.findall(r"^## (.+)$", page, re.MULTILINE)


def test_each_recipe_has_a_section() -> None:
    assert headings(docs_pages.recipes()) == list(NAMES)


def test_each_command_has_a_section() -> None:
    def leaves(command: object, words: str) -> list[str]:
        inner = getattr(command, "commands", {})
        own = [] if inner and not getattr(command, "invoke_without_command", False) else [words]
        return own + [leaf for name, one in inner.items() for leaf in leaves(one, f"{words} {name}")]

    assert headings(docs_pages.commands()) == leaves(typer.main.get_command(app), "placet")


def test_codes_of_the_source_are_listed_with_their_messages() -> None:
    page = docs_pages.error_codes()
    source = "".join(file.read_text() for file in (ROOT / "backend" / "placet").rglob("*.py"))
    literal = set(re.findall(r'Error\((?:[^()"]|"[^"]*")*?code="([a-z.-]+)"', source))
    assert len(literal) > 50
    assert sorted(code for code in literal if f"| `{code}` |" not in page) == []
    assert "├── InputError" in page


def test_functions_events_and_errors_of_the_contracts_are_listed() -> None:
    page = docs_pages.contracts()
    for file in ARTIFACTS:
        if file.stem in UNDOCUMENTED:
            continue
        section = page.partition(f"\n## I{file.stem}\n")[2]
        assert section, file.stem
        interface = (ROOT / "contracts" / "interfaces" / f"I{file.stem}.sol").read_text()
        for entry in json.loads(file.read_text())["abi"]:
            if re.search(rf"\b{entry.get('name')}\(", interface):
                assert f"`{entry['name']}(" in section, entry["name"]
