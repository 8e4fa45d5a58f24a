"""A vault's settings: environment (`PLACET_VAULT_…`) over its TOML file over defaults."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Self, TypeVar

from pydantic import BaseModel, Field, ValidationError
from pydantic_settings import SettingsConfigDict

from placet.chain.keystore import read_passphrase
from placet.core.encodings import text_of
from placet.core.errors import ConfigError, InputError
from placet.core.settings import EnvironmentFirst
from placet.core.toml_file import read_toml
from placet.core.trust import Deployment, TrustList, Url
from placet.core.values import Address, invalid, parse

_MAX_FILE = 4 << 20
_PATHS = ("folder", "deployment", "trust", "socket", "passphrase_file")

M = TypeVar("M", bound=BaseModel)


class VaultSettings(EnvironmentFirst):
    """`institution` is whose vault it is; `deployment` and `trust` are files; `node_uid` the node's user, if another;
    `replay_days`: for how many days after a job's `settle_by` its rows are handed out again for a replay (0: never).

    Relative paths are relative to the TOML file's folder. `socket` is `vault.sock` in the folder by default.
    """

    model_config = SettingsConfigDict(env_prefix="PLACET_VAULT_", extra="forbid", frozen=True)

    folder: Path
    institution: Address
    chain_url: Url
    deployment: Path
    trust: Path
    passphrase_file: Path
    socket: Path | None = None
    node_uid: int | None = None
    replay_days: Annotated[int, Field(ge=0, le=3650)] = 90

    @classmethod
    def load(cls, file: Path) -> Self:
        """ConfigError if the file is missing or anything in it is wrong."""
        values = read_toml(file, "the vault's settings", remedy="placet init makes them")

        try:
            settings = cls(**values)
        except ValidationError as error:
            bad = invalid(f"the settings in {file}", error)
            raise ConfigError(bad.message, expected=bad.expected, found=bad.found) from None
        paths = {name: file.parent / path for name in _PATHS if (path := getattr(settings, name)) is not None}
        return cls.model_construct(**{**settings.model_dump(), **paths})

    @property
    def socket_path(self) -> Path:
        return self.socket if self.socket is not None else self.folder / "vault.sock"

    @property
    def master_key(self) -> Path:
        return self.folder / "keys" / "master.json"

    def read_passphrase(self) -> str:
        """ConfigError if the passphrase file is missing, empty or readable by others."""
        return read_passphrase(self.passphrase_file)

    def read_deployment(self) -> Deployment:
        return _read(Deployment, self.deployment)

    def read_trust(self) -> TrustList:
        return _read(TrustList, self.trust)


def _read(model: type[M], path: Path) -> M:
    try:
        with path.open("rb") as file:
            return parse(model, text_of(file.read(_MAX_FILE + 1), "file"), limit=_MAX_FILE, what=str(path))
    except OSError as error:
        raise ConfigError("a file that the settings name can't be read", found=f"{path}: {error.strerror}") from None
    except InputError as error:
        raise ConfigError(error.message, expected=error.expected, found=error.found) from None
