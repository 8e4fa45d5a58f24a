"""docs/explanation/law.md and the template of an impact assessment name tests that there are, and honestly say where
there is none."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
LAW, DPIA = ROOT / "docs" / "explanation" / "law.md", ROOT / "docs" / "how-to" / "dpia.md"
NAMED = re.compile(r"`(tests/[\w/]+\.py)`")


@pytest.mark.parametrize("page", [LAW, DPIA], ids=lambda page: page.name)
def test_every_test_that_is_named_exists(page: Path) -> None:
    named = set(NAMED.findall(page.read_text(encoding="utf-8")))
    assert len(named) > 5
    assert {path for path in named if "def test_" not in (ROOT / path).read_text(encoding="utf-8")} == set()
    assert not re.findall(r"`tests/[^`]+`", NAMED.sub("", page.read_text(encoding="utf-8")))


def test_every_row_of_the_law_is_shown_by_a_test_or_says_nothing() -> None:
    rows = [line for line in LAW.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]
    told = [row for row in cells if row[0] not in ("article", "recommendation", "section", "---")]
    assert len(told) > 50
    for row in told:
        assert NAMED.search(row[2]) or row[2] == "nothing", row[0]


def test_nobody_is_told_to_comply() -> None:
    text = LAW.read_text(encoding="utf-8") + DPIA.read_text(encoding="utf-8")
    assert not re.search(r"compliant|GDPR-proof|certified", text)
