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
OURS = {"css=Markup(CSS)", "css=Markup(style_sheet())", "script=Markup(SCRIPT)", "policy=Markup("}


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
    assert len(uses) == 7
    assert all(any(line.startswith(start) for start in OURS) for _, line in uses), uses


def test_what_is_not_seen_is_written_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = tmp_path / "foreign" / "templates" / "page.jinja"
    page.parent.mkdir(parents=True)
    page.write_text('<p title="{{ words }}">{{ words }}</p>{{ many | join(", ") }}')
    (tmp_path / "foreign" / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    words = "<b>\u202eevil\u200b\x1b[2J\nnext"
    shown = template("foreign", "page.jinja").render(words=words, many=[words])
    clean = "&lt;b&gt;\\u202eevil\\u200b\\x1b[2J\nnext"
    assert shown == f'<p title="{clean}">{clean}</p>{clean}'


def test_a_value_that_is_missing_is_an_error() -> None:
    with pytest.raises(UndefinedError):
        template("placet.audit", "report.jinja").render()
