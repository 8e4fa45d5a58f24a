"""`placet recipes` tells of every recipe that a node can run, and nothing else."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from placet.cli.recipes import WORDS
from placet.core.plan import Terms
from placet.protocols.enclave.comparing import Parameters
from placet.recipes.asset_view import levels
from placet.recipes.asset_view import run as asset_view
from placet.recipes.joint_statistics import run as joint_statistics
from placet.recipes.match import run as match
from placet.recipes.match_statistics import run as match_statistics

from .conftest import succeed

PROTOCOLS = Path(__file__).resolve().parents[2] / "docs" / "protocols.md"


def test_all_recipes_of_a_node_are_told() -> None:
    script = "import placet.node.app; from placet.jobs import recipe; print(*recipe._RECIPES)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) == WORDS.keys()


def test_each_says_what_it_does_and_who_learns_what() -> None:
    text, listed = succeed("recipes").out, succeed("recipes", "--json").json
    assert [one["recipe"] for one in listed] == sorted(WORDS)
    for one in listed:
        roles = {"before, after", "enclave"} if one["recipe"] == "contract-compare" else {"provider", "consumer"}
        assert set(one["learns"]) >= roles
        assert f"{one['recipe']}, version {one['version']}: {one['does']}" in text
        for said in (one["operations"], *one["parameters"].values(), *one["learns"].values()):
            assert said in text
        assert re.search(rf"^(## |\*\*)`{one['recipe']}`(\*\*| |$)", PROTOCOLS.read_text(), re.MULTILINE)


def test_the_parameters_are_those_that_the_recipe_demands() -> None:
    for modules, names in (
        ((asset_view, levels), ["asset-view"]),
        ((match,), ["match", "match-salted-hash"]),
        ((match_statistics,), ["match-statistics"]),
        ((joint_statistics,), ["joint-statistics"]),
    ):
        source = "".join(Path(str(module.__file__)).read_text() for module in modules)
        for name in names:
            asked = re.findall(r'parameters(?:\["|\.get\(")([a-z_]+)"', source)
            assert set(asked) == set(WORDS[name].parameters)
    assert set(Parameters.model_fields) == set(WORDS["contract-compare"].parameters)
    assert "parameters" in Terms.model_fields
