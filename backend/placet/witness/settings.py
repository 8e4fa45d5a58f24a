"""Settings of a witness: environment (`PLACET_WITNESS_…`) over a TOML file over defaults."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from placet.core.settings import EnvironmentFirst
from placet.core.trust import Url

NAME = r"^[a-zA-Z0-9][a-zA-Z0-9._/-]{0,199}$"
"""A witness's name: a URL without its scheme."""


class WitnessSettings(EnvironmentFirst):
    """Relative paths count from the TOML file's folder, which also holds what the witness keeps. `every`: it signs at
    blocks whose number is a multiple of this, so that witnesses with the same number sign the same checkpoints."""

    model_config = SettingsConfigDict(env_prefix="PLACET_WITNESS_", extra="forbid", frozen=True)

    name: Annotated[str, Field(pattern=NAME)]
    chain_url: Url
    deployment: Path
    key: Path
    passphrase_file: Path
    folder: Path = Path()
    every: Annotated[int, Field(ge=1, le=100_000)] = 32
    seconds: Annotated[float, Field(ge=0.1, le=3600)] = 10.0


def load_settings(path: Path) -> WitnessSettings:
    """ConfigError if the file is missing or malformed."""
    paths = ("deployment", "key", "passphrase_file", "folder")
    return WitnessSettings.of_file(
        path, "the witness's settings file", remedy="placet witness init makes it", paths=paths
    )
