"""Settings of a process: its environment over what a file of it says, over defaults."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Self

from pydantic import ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

from placet.core.errors import ConfigError
from placet.core.toml_file import read_toml
from placet.core.values import invalid


class EnvironmentFirst(BaseSettings):
    """Takes a file's values as arguments; the environment's variables of the same names win over them."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Environment first; neither dotenv files nor folders of secrets."""
        return env_settings, init_settings

    @classmethod
    def of_file(cls, path: Path, what: str, *, remedy: str, paths: Sequence[str]) -> Self:
        """The settings in a TOML file, whose folder is where the settings named `paths`, if given, count from.
        ConfigError if the file is missing or malformed."""
        try:
            settings = cls(**read_toml(path, what, remedy=remedy))
        except ValidationError as error:
            wrong = invalid(str(path), error)
            raise ConfigError(wrong.message, expected=wrong.expected, found=wrong.found) from None
        folder = path.resolve().parent
        stated = {name: getattr(settings, name) for name in paths}
        return settings.model_copy(update={name: folder / at for name, at in stated.items() if at is not None})
