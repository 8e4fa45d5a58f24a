"""`placet doctor` says which engines a plan may name at this node."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from placet import __version__
from placet.cli import doctor
from placet.core.errors import ConfigError
from placet.protocols.flower.task import FLOWER


def office(folder: Path, python: str | None) -> Any:
    settings = SimpleNamespace(flower_python=None if python is None else Path(python), path=lambda one: folder / one)
    return SimpleNamespace(settings=settings)


def test_an_engine_that_the_settings_name_must_run(tmp_path: Path) -> None:
    assert doctor._engines(office(tmp_path, None)).split(", ")[0] == "embedded"
    with pytest.raises(ConfigError) as caught:
        doctor._engines(office(tmp_path, "nowhere/python"))
    assert caught.value.code == "flower.missing" and str(tmp_path / "nowhere" / "python") in str(caught.value.found)
    program = tmp_path / "python"
    program.write_text(
        f'#!/bin/sh\nprintf \'%s\' \'{{"placet": "{__version__}", "flwr": "{FLOWER}", "torch": "2.13.0"}}\'\n'
    )
    program.chmod(0o700)
    assert doctor._engines(office(tmp_path, "python")).split(", ")[-1] == "flower"
