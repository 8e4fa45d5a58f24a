"""Flower's strategies over our grid, in the engine's own Python: what comes of them, is recorded, is refused."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from flower_engine import python_with_flower

SCRIPT = Path(__file__).resolve().parent / "grid_in_engine.py"
ROUNDS = 4


@pytest.fixture(scope="module")
def outcome() -> dict[str, Any]:
    answer = subprocess.run([python_with_flower(), "-I", SCRIPT], capture_output=True, timeout=300)
    assert answer.returncode == 0, answer.stderr[-2000:]
    printed: dict[str, Any] = json.loads(answer.stdout.splitlines()[-1])
    return printed


@pytest.mark.parametrize("kind", ["fedavg", "fedprox", "fedadam"])
def test_a_strategy_comes_to_the_same_as_from_all_replies(outcome: dict[str, Any], kind: str) -> None:
    assert outcome[kind]["error"] < ROUNDS * 2**-22 < 0.01 < outcome[kind]["moved"]
    assert outcome[kind]["losses"] == pytest.approx([(10 * 1 + 30 * 2 + 7 * 3) / 47] * ROUNDS, abs=1e-6)


@pytest.mark.parametrize("kind", ["fedavg", "fedprox", "fedadam"])
def test_each_message_is_recorded_in_its_order_and_again_alike(outcome: dict[str, Any], kind: str) -> None:
    assert len(outcome[kind]["recorded"]) == len(set(outcome[kind]["recorded"])) == 2 * ROUNDS
    assert outcome[kind]["recorded"] == outcome[kind]["again"]
    assert [one["server-round"] for one in outcome[kind]["seen"]] == list(range(1, ROUNDS + 1))
    assert all(one.get("proximal-mu") == (0.5 if kind == "fedprox" else None) for one in outcome[kind]["seen"])


@pytest.mark.parametrize("what", ["mod", "workflow"])
def test_flowers_own_secure_aggregation_is_refused_by_name(outcome: dict[str, Any], what: str) -> None:
    refusal = outcome["refused"][what]
    assert refusal["code"] == "flower.secagg" and "secagg" in refusal["found"].lower()
    assert "32 bits" in refusal["message"] and "KeyError" in refusal["message"]


@pytest.mark.parametrize(
    ("what", "code"),
    [("other mod", "flower.mods"), ("evaluate", "flower.message"), ("another node", "flower.message")],
)
def test_what_the_grid_does_not_carry(outcome: dict[str, Any], what: str, code: str) -> None:
    assert outcome["refused"][what]["code"] == code
