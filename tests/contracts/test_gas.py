"""The gas that the project promises. Gas is exact, so this is a test and no benchmark."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

FILE = Path(__file__).resolve().parents[2] / "scripts" / "benchmarks" / "gas.py"
KEYS = {
    "grant_by_signature",
    "grant_many_50_each",
    "anchor_batch",
    "withdraw_granted",
    "withdraw_batched",
    "record_400_each",
    "open_3_parties",
    "seal_3_parties",
    "release_last",
    "abort",
    "open_with_pot",
    "seal_payouts",
    "release_payouts",
}


@pytest.fixture(scope="module")
def gas() -> ModuleType:
    spec = importlib.util.spec_from_file_location("gas_benchmark", FILE)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def figures(gas: ModuleType) -> dict[str, float]:
    measured: dict[str, float] = gas.measure()
    return measured


def test_every_figure_is_there(gas: ModuleType, figures: dict[str, float]) -> None:
    assert set(figures) == KEYS == set(gas.NOTES)


@pytest.mark.parametrize(
    ("name", "most"),
    [
        ("grant_by_signature", 62_000),
        ("grant_many_50_each", 41_000),
        ("anchor_batch", 60_000),
        ("withdraw_granted", 45_000),
        ("record_400_each", 1_450),
    ],
)
def test_target(gas: ModuleType, figures: dict[str, float], name: str, most: int) -> None:
    assert gas.TARGETS[name] == most
    assert 0 < figures[name] <= most


def test_the_same_again(gas: ModuleType, figures: dict[str, float]) -> None:
    assert gas.measure() == figures
