"""`placet recipes` tells of every recipe of the catalogue, in every installation."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

from placet.catalogue.spec import describe
from placet.catalogue.specs import SPECS

from .conftest import succeed

PROTOCOLS = Path(__file__).resolve().parents[2] / "docs" / "explanation" / "protocols.md"
EXTRAS = ("spu", "jax", "pypdf", "gmpy2", "phe", "cbor2", "dcap_qvl", "psycopg")
"""What pyproject.toml's extras bring."""
WITHOUT = f"""
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {EXTRAS!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Absent())
try:
    import cbor2
except ModuleNotFoundError:
    from placet.cli.main import app
    app(sys.argv[1:])
"""


def test_each_says_what_it_does_and_who_learns_what() -> None:
    text, listed = succeed("recipes").out, succeed("recipes", "--json").json
    assert [one["recipe"] for one in listed] == [spec.name for spec in SPECS]
    for one, spec in zip(listed, SPECS, strict=True):
        assert one["version"] == spec.version
        assert one["engines"] == list(spec.engines)
        assert one["learns"] == {role.name: role.learns for role in spec.roles}
        assert one["parameters"] == describe(spec.parameters)
        assert f"{one['recipe']}, version {one['version']}: {one['does']}" in text
        for said in (one["operations"], *one["parameters"].values(), *one["learns"].values(), *one["engines"]):
            assert said in text
        assert re.search(rf"^(#{{2,3}} |\*\*)`{one['recipe']}`(\*\*| |$)", PROTOCOLS.read_text(), re.MULTILINE)


def test_all_are_listed_in_an_installation_without_any_extra() -> None:
    """What an institution can't run itself it may still consent to, be asked for, or audit."""
    for words in (["recipes"], ["recipes", "--json"]):
        done = subprocess.run([sys.executable, "-c", WITHOUT, *words], capture_output=True, text=True, timeout=120)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout == succeed(*words).out
    assert [one["recipe"] for one in json.loads(done.stdout)] == [spec.name for spec in SPECS]
