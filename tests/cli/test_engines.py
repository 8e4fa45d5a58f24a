"""`placet doctor` says which engines a plan may name at this node, and which extras are installed."""

from __future__ import annotations

import tomllib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from placet import __version__
from placet.cli import doctor
from placet.core.errors import ConfigError
from placet.protocols.flower.task import FLOWER

ROOT = Path(__file__).resolve().parents[2]


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


def test_each_extra_of_the_package_is_told_as_there_or_not(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert set(doctor._EXTRAS) == set(declared) - {"bench", "dev", "flower", "postgres", "spu", "torch"}
    monkeypatch.setattr(doctor, "_EXTRAS", {"fhe": ("json",), "tee": ("json", "no_such_module"), "zk": ("ast",)})
    assert doctor._extras(office(tmp_path, None)) == "fhe, zk; not installed: tee"
    monkeypatch.setattr(doctor, "_EXTRAS", {"tee": ("no_such_module",)})
    assert doctor._extras(office(tmp_path, None)) == "not installed: tee"
