"""Settings of the enrolling service: environment (`PLACET_IDENTITY_…`) over a TOML file over defaults."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field, IPvAnyNetwork
from pydantic_settings import SettingsConfigDict

from placet.core.namespace import Namespace
from placet.core.settings import EnvironmentFirst
from placet.core.values import Text
from placet.serving.related_origins import Origins


class IdentitySettings(EnvironmentFirst):
    """Relative paths count from the TOML file's folder. `namespace`: what kind of identifier the register's subjects
    are. `page_origins`: whose pages may enrol in a browser, as institutions' nodes serve them. `passkey_origins`: whose
    pages may use passkeys that are of this service's host."""

    model_config = SettingsConfigDict(env_prefix="PLACET_IDENTITY_", extra="forbid", frozen=True)

    name: Text
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65535)]
    key: Path
    passphrase_file: Path
    register_file: Path
    deployment: Path
    namespace: Namespace
    trusted_proxies: tuple[IPvAnyNetwork, ...] = ()
    page_origins: Origins = ()
    passkey_origins: Origins = ()
    enrolments_a_day: Annotated[int, Field(ge=1, le=1_000_000)] = 200


def load_settings(path: Path) -> IdentitySettings:
    """ConfigError if the file is missing or malformed."""
    paths = ("key", "passphrase_file", "register_file", "deployment")
    return IdentitySettings.of_file(
        path, "the service's settings file", remedy="placet identity init makes it", paths=paths
    )
