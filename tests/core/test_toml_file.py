"""Settings files at the door."""

from __future__ import annotations

from pathlib import Path

import pytest

from placet.core.errors import ConfigError
from placet.core.toml_file import MAX_DOTS, read_toml


@pytest.mark.parametrize("line", [".".join("a" * (MAX_DOTS + 2)) + " = 1", '"=".' + ".".join("a" * (MAX_DOTS + 1))])
def test_a_name_of_very_many_parts_is_not_parsed(line: str, tmp_path: Path) -> None:
    """The parser's work grows with the square of their number: minutes for a file of 240 KB."""
    file = tmp_path / "study.toml"
    file.write_text(f"[table]\n{line}\n")
    with pytest.raises(ConfigError, match="too many dots"):
        read_toml(file, "study.toml")
    file.write_text(".".join("a" * MAX_DOTS) + ' = "b.c"\n')
    assert "a" in read_toml(file, "study.toml")


@pytest.mark.parametrize("number", ["1e999", "-1e999", "inf", "nan"])
def test_a_number_that_is_none_is_refused(number: str, tmp_path: Path) -> None:
    file = tmp_path / "study.toml"
    file.write_text(f"share = {number}\n")
    with pytest.raises(ConfigError, match="a number out of range"):
        read_toml(file, "study.toml")
    file.write_text("share = 1e3\n")
    assert read_toml(file, "study.toml") == {"share": 1000.0}
