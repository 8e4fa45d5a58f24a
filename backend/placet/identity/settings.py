"""Settings of the enrolling service: environment (`PLACET_IDENTITY_…`) over a TOML file over defaults."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, IPvAnyNetwork, model_validator
from pydantic_settings import SettingsConfigDict

from placet.core.namespace import Namespace
from placet.core.settings import EnvironmentFirst
from placet.core.values import Text
from placet.serving.related_origins import Origins

WalletUrl = Annotated[str, Field(pattern=r"^https://[a-z0-9.:\[\]-]+(/[A-Za-z0-9._~-]+)*$", max_length=200)]


class IdentitySettings(EnvironmentFirst):
    """Relative paths count from the TOML file's folder. `namespace`: what kind of identifier the register's subjects
    are. `page_origins`: whose pages may enrol in a browser, as institutions' nodes serve them. `passkey_origins`: whose
    pages may use passkeys that are of this service's host. `wallet_issuers`: a file of who may say by a wallet's
    credential who a person is; with it, `wallet_url` is where wallets reach this service, `wallet_types` which types
    (`vct`) of credentials count, and `wallet_claim` the path of the claim that is the identifier."""

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
    wallet_issuers: Path | None = None
    wallet_url: WalletUrl | None = None
    wallet_types: Annotated[tuple[Text, ...], Field(max_length=16)] = ()
    wallet_claim: Annotated[tuple[Text, ...], Field(max_length=8)] = ()
    enrolments_a_day: Annotated[int, Field(ge=1, le=1_000_000)] = 200

    @model_validator(mode="after")
    def _wallets_whole(self) -> Self:
        if self.wallet_issuers is not None and not (self.wallet_url and self.wallet_types and self.wallet_claim):
            raise ValueError("expected wallet_url, wallet_types and wallet_claim with wallet_issuers")
        return self


def load_settings(path: Path) -> IdentitySettings:
    """ConfigError if the file is missing or malformed."""
    paths = ("key", "passphrase_file", "register_file", "deployment", "wallet_issuers")
    return IdentitySettings.of_file(
        path, "the service's settings file", remedy="placet identity init makes it", paths=paths
    )
