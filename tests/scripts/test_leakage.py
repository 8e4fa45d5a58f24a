"""Membership inference against released models, as docs/how-to/models.md tells it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts" / "benchmarks"))

import leakage  # noqa: E402
from _clear import ClearColumn  # noqa: E402
from _credit import Case  # noqa: E402

from placet.catalogue.modelling import Feature  # noqa: E402
from placet.models.boosting import Boosting  # noqa: E402

MEMBERS, STRANGERS = 150, 150


def noise() -> Case:
    """Columns that say nothing of the label: whatever a model learns of it, it learns of its people."""
    random = np.random.default_rng(11)
    rows = MEMBERS + STRANGERS
    columns = [ClearColumn(random.random(rows).tolist(), Feature(column=f"c{n}")) for n in range(6)]
    label, order = random.permutation(np.arange(rows) % 2), random.permutation(rows)
    return Case("noise", label, {"bank": columns[:3], "other": columns[3:]}, order[:MEMBERS], order[MEMBERS:])


def test_who_was_in_a_model_that_learned_its_people_by_heart_is_found() -> None:
    heart = leakage.boosted(Boosting(trees=12, depth=6, smallest=1, rate=100))
    assert leakage.attacked(noise(), heart, None)["attack_auc"] > 0.8


def test_who_was_in_one_that_learned_nothing_is_not() -> None:
    def constant(case: Case, members: leakage.Rows, strangers: leakage.Rows) -> leakage.Reals:
        return np.full(len(members) + len(strangers), 0.5)

    figures = leakage.attacked(noise(), constant, None)
    assert (figures["attack_auc"], figures["advantage"], figures["members_found"]) == (0.5, 0.0, 0.0)
    assert (figures["members"], figures["strangers"]) == (MEMBERS, STRANGERS)


@pytest.mark.slow
def test_the_documents_figures_are_those_of_the_command() -> None:
    ran = subprocess.run([ROOT / "scripts" / "bench", "leakage", "--json"], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr[-2000:]
    figures = list(json.loads(ran.stdout.splitlines()[-1]).values())
    if any("skipped" in one for one in figures):
        pytest.skip("the public data are not on this machine")
    section = (ROOT / "docs/how-to/models.md").read_text().partition("## What a released model tells")[2]
    told = [float(area) for area in re.findall(r"^\| .* \| \**(0\.\d{3})\** \(", section, re.MULTILINE)]
    assert len(told) == len(figures)
    measured = [one["attack_auc"] for one in figures]
    assert all(
        abs(one - other) < 0.03 for one, other in zip(told, measured, strict=True)
    )  # scikit-learn splits rows otherwise
