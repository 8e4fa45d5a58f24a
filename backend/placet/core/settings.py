"""Settings of a process: its environment over what a file of it says, over defaults."""

from __future__ import annotations

from pydantic_settings import BaseSettings, PydanticBaseSettingsSource


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
