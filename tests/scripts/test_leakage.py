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
    """Areas of attacks in the order of the document's tables; and of the mechanisms' canaries."""
    ran = subprocess.run([ROOT / "scripts" / "bench", "leakage", "--json"], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr[-2000:]
    table = json.loads(ran.stdout.splitlines()[-1])
    if any("skipped" in one for one in table.values()):
        pytest.skip("the public data are not on this machine")
    page = (ROOT / "docs/explanation/what-models-tell.md").read_text()
    joint = [one["attack_auc"] for one in table.values() if "attack_auc" in one]
    areas = r"^\| [^|]* \| \**(0\.\d{3})\** \([^|]* \| "
    told = [float(area) for area in re.findall(areas + r"[\d.]+ % \|", page, re.MULTILINE)]
    assert sorted(told) == pytest.approx(sorted(joint), abs=0.03)
    handed_out = {
        name: (one["loss"]["attack_auc"], one["ratio"]["attack_auc"]) for name, one in table.items() if "ratio" in one
    }
    pairs = re.findall(areas + r"\**(0\.\d{3})\** \(", page, re.MULTILINE)
    shown = sorted((float(loss), float(ratio)) for loss, ratio in pairs)
    assert len(shown) == len(handed_out)
    assert all(one == pytest.approx(other, abs=0.01) for one, other in zip(shown, handed_out, strict=True))
    canaries = [one for one in table.values() if "epsilon_at_least" in one]
    assert all(0.5 * one["epsilon"] < one["epsilon_at_least"] <= one["epsilon"] for one in canaries)
