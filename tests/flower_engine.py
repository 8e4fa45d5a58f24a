"""Where tests have Flower and PyTorch: an environment of their own, which `scripts/flower` makes."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

import pytest

from placet.protocols.flower.extra import FlowerEngine

PYTHON = Path(__file__).resolve().parents[1] / ".tools" / "flower" / "bin" / "python"


@cache
def _engine() -> FlowerEngine:
    return FlowerEngine.at(Path(os.environ.get("PLACET_NODE_FLOWER_PYTHON", PYTHON)))


def python_with_flower() -> Path:
    """Of the engine; a test that has none is skipped."""
    engine = _engine()
    if engine.problem is not None:
        pytest.skip(f"no engine of Flower ({engine.problem}): scripts/flower makes one")
    return engine.python
