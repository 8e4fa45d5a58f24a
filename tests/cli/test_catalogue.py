"""`placet catalogue`: offers and datasets of all, searched, with what is left of budgets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from placet.cli import catalogue as command
from placet.core.trust import Auditor, TrustList

NORTH, OWN = {"address": "0x" + "11" * 20, "name": "North Bank"}, {"address": "0x" + "22" * 20, "name": "Lender"}

ABOUT = {
    "about": "Giro",
    "refreshed": "2026-11-28",
    "meanings": {"balance": {"meaning": "at the day's end", "unit": "cents"}},
}


def dataset(number: int, name: str, **more: Any) -> dict[str, Any]:
    about = {"name": name, "id": f"0x{number:064x}", "columns": ["customer", "balance"], "budget": 50_000_000}
    return about | {"spent": 10_000_000} | more


def foreign(number: int, of: int, auditors: list[str], **more: Any) -> dict[str, Any]:
    scope = {"title": "Current accounts", "purpose": "https://w3id.org/dpv#CreditChecking", "columns": ["balance"]}
    scope |= {"recipes": ["overlap"], "output": "noisy-statistics", "smallest_group": 5}
    scope |= {"auditors": auditors} if auditors else {}
    terms = {"dataset": f"0x{of:064x}", "budget": 40_000_000}
    return {"id": f"0x{number:064x}", "offer": terms, "scope": scope, "openings": 2, "spent": 5_000_000} | more


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    north = {
        "provider": NORTH,
        "offers": [foreign(9, 1, ["0x" + "a1" * 20]), foreign(8, 7, [], spent=None)],
        "error": None,
    }
    north["datasets"] = [dataset(1, "accounts", **ABOUT), dataset(2, "cards", budget=None, spent=None)]
    silent = {"provider": OWN | {"name": "South Bank"}, "offers": [], "datasets": [], "error": "peer.unreachable"}
    mine = dataset(3, "loans", provider=OWN, offers=[], spent=50_000_000)
    shown: dict[str, Any] = {"/v1/offered": {"offered": [north, silent]}, "/v1/catalogue": {"datasets": [mine]}}

    class Answering:
        trust = TrustList(institutions=(), auditors=(Auditor(address=b"\xa1" * 20, name="Court of Audit"),))

        def __init__(self, _: Path) -> None:
            pass

        def ask(self, _: str, path: str) -> Any:
            return shown[path]

    monkeypatch.setattr(command, "Operator", Answering)
    return shown


def listed(capsys: pytest.CaptureFixture[str], search: str = "", *, own: bool = False) -> list[dict[str, Any]]:
    import json

    command.catalogue(Path(), search, own=own, as_json=True)
    value: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
    return value


def test_offers_stand_at_their_dataset_with_what_is_left(
    answers: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    shown = {one["name"]: one for one in listed(capsys, own=True)}
    assert list(shown) == ["accounts", "cards", None, "loans"]
    assert [(one["left"], one["offers"][0]["left"]) for one in (shown["accounts"], shown[None])] == [
        (40_000_000, 35_000_000),
        (None, None),
    ]
    assert (shown["cards"]["offers"], shown["cards"]["left"], shown["loans"]["left"]) == ([], None, 0)
    auditors = [{"address": "0x" + "a1" * 20, "name": "Court of Audit"}]
    assert [one["auditors"] for name in ("accounts", None) for one in shown[name]["offers"]] == [auditors, []]
    command.catalogue(Path(), own=True)
    told = capsys.readouterr()
    assert "South Bank did not say what it has: peer.unreachable" in told.err
    [accounts] = [line for line in told.out.splitlines() if " accounts " in line]
    assert "35000000 nano-rho (epsilon 1.43)" in accounts, "the smaller of both"
    assert [line.count(" unknown ") for line in told.out.splitlines() if "not shown" in line or "cards" in line] == [
        1,
        1,
    ]
    assert command.about(shown["accounts"]) == "Giro; balance: at the day's end (cents); as of 2026-11-28"
    assert " Giro; " in accounts
    [loans] = [line for line in told.out.splitlines() if " loans " in line]
    assert loans.rstrip(" │|").endswith("none")


@pytest.mark.parametrize(
    ("word", "names"),
    [
        ("", ["accounts", "cards", None]),
        ("ACCOUNT", ["accounts", None]),
        ("current", ["accounts", None]),
        ("card", ["cards"]),
        ("CUSTOMER", ["accounts", "cards"]),
        ("creditchecking", ["accounts", None]),
        ("overlap", ["accounts", None]),
        ("north", ["accounts", "cards", None]),
        ("giro", ["accounts"]),
        ("day's end", ["accounts"]),
        ("nothing of that", []),
    ],
)
def test_a_word_finds_what_people_read(
    word: str, names: list[str | None], answers: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert [one["name"] for one in listed(capsys, word)] == names
