"""Pages escape what they are given, and nothing switches that off."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from jinja2 import UndefinedError

import placet
from placet.core.pages import template

PACKAGE = Path(placet.__file__).parent
TEMPLATES = sorted(PACKAGE.rglob("templates/*"))
OURS = {"css=Markup(CSS)", "script=Markup(SCRIPT)", "policy=Markup("}


def test_no_template_lets_a_value_through_as_it_is() -> None:
    assert len(TEMPLATES) >= 4
    for file in TEMPLATES:
        assert not re.search(r"\bsafe\b|autoescape|xmlattr|Markup", file.read_text(encoding="utf-8")), file


def test_only_our_own_text_is_markup() -> None:
    uses = [
        (file.name, line.strip())
        for file in sorted(PACKAGE.rglob("*.py"))
        for line in file.read_text(encoding="utf-8").splitlines()
        if "Markup(" in line
    ]
    assert len(uses) == 4
    assert all(any(line.startswith(start) for start in OURS) for _, line in uses), uses


def test_a_value_that_is_missing_is_an_error() -> None:
    with pytest.raises(UndefinedError):
        template("placet.audit", "report.jinja").render()
