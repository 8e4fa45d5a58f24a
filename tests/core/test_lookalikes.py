"""Names that readers take for others (UTS 39): told where they stand, refused where somebody decides whom to trust."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from placet.cli.main import app
from placet.core.lookalikes import doubts, doubts_of, look_alike, mixed_scripts

ALIKE = [
    ("Bank A", "Вank A"),  # a Cyrillic letter
    ("Credit House", "Credit Нouse"),
    ("Bank I", "Bank l"),
    ("Bank 1", "Bank l"),
    ("Bank 0", "Bank O"),
    ("mbank", "rnbank"),
    ("ACME", "acme"),
    ("paypal", "раураl"),
    ("Bank", "Ｂank"),
    ("aether", "æther"),
]


@pytest.mark.parametrize(("one", "other"), ALIKE)
def test_look_alikes(one: str, other: str) -> None:
    assert look_alike(one, other)
    assert look_alike(other, one)
    assert one in " ".join(doubts(other, [one, "Quite Another"]))


@pytest.mark.parametrize(("one", "other"), [("Bank A", "Bank B"), ("Süd", "Sud"), ("Bank 1", "Bank 2"), ("a", "a")])
def test_others_do_not(one: str, other: str) -> None:
    assert not look_alike(one, other)
    assert list(doubts_of([one, other])) == []


def test_scripts() -> None:
    for good in ("Bank 24", "Банк", "株式会社みずほABC", "한국은행 KB", "Ελλάς", "नमस्ते 5", "بنك", "Österreich", ""):
        assert mixed_scripts(good) == (), good
    assert mixed_scripts("Вank") == ("Cyrillic", "Latin")
    assert mixed_scripts("Банк VTB") == ("Cyrillic", "Latin")
    assert mixed_scripts("αcme") == ("Greek", "Latin")


def entry(folder: Path, number: int, name: str) -> Path:
    file = folder / f"{number}.json"
    file.write_text(json.dumps({"address": f"0x{number:040x}", "name": name}), encoding="utf-8")
    return file


def test_trust_add_refuses_what_trust_check_warns_of(tmp_path: Path) -> None:
    trust, run = tmp_path / "trust.json", CliRunner()

    def add(number: int, name: str, *more: str) -> tuple[int, str]:
        words = ["trust", "add", str(trust), str(entry(tmp_path, number, name)), "--kind", "auditors", *more]
        answer = run.invoke(app, words)
        return answer.exit_code, answer.output

    assert add(1, "Bank I")[0] == 0
    for bad in ("Bank l", "Ваnk I", "Bank І", "Банк Two", "BANK I"):
        code, said = add(2, bad)
        assert code == 1, bad
        assert "misleads" in said
        assert "Bank I" in said or "mixes the scripts" in said
    for hidden in ("Bank\u200bI", "Bank\u202eI", "Ba\u0301nk", "Bank\x1b[2J"):
        code, said = add(2, hidden)
        assert code == 1
        assert "visible characters" in said
    assert add(1, "Bank l", "--replace")[0] == 0  # the same address: it is renamed
    assert add(2, "Quite Another")[0] == 0
    listed = json.loads(trust.read_text(encoding="utf-8"))
    assert [who["name"] for who in listed["auditors"]] == ["Bank l", "Quite Another"]
    listed["auditors"][1]["name"] = "Bank I"
    trust.write_text(json.dumps(listed), encoding="utf-8")
    answer = run.invoke(app, ["trust", "check", str(trust)])
    assert answer.exit_code == 0
    assert "warning: “Bank I” looks like “Bank l”" in answer.output
