"""A node's settings: environment (`PLACET_NODE_…`, `__` between levels) over a TOML file over defaults."""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, IPvAnyNetwork, ValidationError
from pydantic_settings import SettingsConfigDict

from placet.core.enclave_policy import MAX_AGE
from placet.core.erasure import RecordRetention
from placet.core.errors import ConfigError
from placet.core.purposes import PURPOSES
from placet.core.receipts import Jurisdiction
from placet.core.settings import EnvironmentFirst
from placet.core.toml_file import read_toml
from placet.core.trust import Url
from placet.core.values import Address, Name, Text, invalid
from placet.jobs.holding import Hold
from placet.serving.related_origins import Origins

Port = Annotated[int, Field(ge=0, lt=65_536)]
Count = Annotated[int, Field(ge=1)]


def _range(ports: tuple[int, int]) -> tuple[int, int]:
    first, last = ports
    if ports != (0, 0) and not 0 < first <= last:
        raise ValueError("a range of ports is the first and the last of it; [0, 0] is any")
    return ports


class ProcessRole(StrEnum):
    """What a process does for its institution: everything; answer people and programs; or what one process alone may
    do, which are the relay, the index and the jobs."""

    ALL = "all"
    API = "api"
    WORKER = "worker"


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class InstitutionSettings(_Section):
    """Who this node belongs to. `address` is the one of `keys/signer.json`, unless it is an `account`: a contract in
    whose name that key acts. `jurisdiction`, where it is said,
    stands in receipts for consents: a country of ISO 3166-1, or EU."""

    address: Address
    name: Text
    account: bool = False
    jurisdiction: Jurisdiction | None = None


class StakeLimit(_Section):
    """How much of a token this institution stakes for one job at the most, in its smallest unit."""

    token: Address
    most: Annotated[int, Field(ge=1, lt=2**96)]


class ParticipationPolicy(_Section):
    """What this institution takes part in; everything else is refused before it is signed. Recipes in `standing` are
    served under standing plans alone, to which its operator has agreed. `hold`: which plans a person decides about,
    "none", "all", or those that any of these rules is of. `stakes`: in which tokens, and up to how much, a stake is put
    up for a random audit that a plan names; plans that want another are refused."""

    recipes: tuple[Name, ...] = ("asset-view",)
    purposes: tuple[str, ...] = tuple(PURPOSES)
    standing: tuple[Name, ...] = ()
    hold: Hold = "none"
    stakes: Annotated[tuple[StakeLimit, ...], Field(max_length=64)] = ()


class ColumnWords(_Section):
    """What a column means, and in which unit it is."""

    meaning: Text
    unit: Text | None = None


class DatasetWords(_Section):
    """What others are told of a table: all who ask (`public`), the other institutions of the trust list (`trusted`) or
    none but the institution itself; and what people should know of it. Offers are public, whatever stands here.
    `retain`: for how long the law has the institution keep records of consents to offers of it whose owners asked for
    their erasure, and why; the owner is told."""

    visible: Literal["public", "trusted", "nobody"] = "trusted"
    about: Text | None = None
    refreshed: date | None = None
    retain: RecordRetention | None = None
    columns: Annotated[dict[str, ColumnWords], Field(max_length=1000)] = Field(default_factory=dict)


class PasskeySettings(_Section):
    """Of which host the passkeys of the owner's page are, the page's own by default; and which other origins' pages may
    use passkeys that are of this node's host."""

    rp: Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$")] | None = None
    origins: Origins = ()


class EnclaveSettings(_Section):
    """That this institution runs enclaves for others. `max_age`: seconds for which evidence of one holds."""

    platform: Literal["simulated"]
    max_age: Annotated[int, Field(ge=1, le=MAX_AGE)] = 3600


class ReplaySettings(_Section):
    """For how many days after a job's `settle_by` it can be replayed (0: never), and how many bytes that others sent
    may be kept for that, of one attempt and of all."""

    days: Annotated[int, Field(ge=0, le=3650)] = 90
    attempt_bytes: Annotated[int, Field(ge=1, le=1 << 30)] = 64 << 20
    total_bytes: Count = 4 << 30


class NodeLimits(_Section):
    """How much, how often. Keys are free: consents are counted by enrolled subject and in total, never by key alone."""

    body_bytes: Count = 1 << 20
    header_bytes: Count = 32_768
    body_seconds: Annotated[float, Field(gt=0)] = 30.0
    drafts_per_client_minute: Count = 600
    requests_per_client_minute: Count = 6_000
    consents_per_subject_day: Count = 5
    consents_per_owner_day: Count = 5
    consents_per_minute: Count = 3_000
    consents_pending: Count = 50_000
    batch_leaves: Annotated[int, Field(ge=1, le=65_536)] = 4_096
    withdrawals_per_client_minute: Count = 600
    withdrawals_known_per_minute: Count = 3_000
    withdrawals_proven_per_minute: Count = 300
    withdrawals_unproven_per_day: Count = 50


class NodeSettings(EnvironmentFirst):
    """Everything that `create_app` needs. Relative paths are relative to the file's folder."""

    model_config = SettingsConfigDict(
        env_prefix="PLACET_NODE_", env_nested_delimiter="__", extra="forbid", frozen=True, validate_default=True
    )

    folder: Path
    institution: InstitutionSettings
    api_host: str = "127.0.0.1"
    api_port: Port = 8601
    peer_host: str = "127.0.0.1"
    peer_port: Port = 8602
    engine_host: str = "127.0.0.1"
    engine_ports: Annotated[tuple[Port, Port], AfterValidator(_range)] = (0, 0)
    flower_python: Path | None = None
    trusted_proxies: tuple[IPvAnyNetwork, ...] = ()
    public_url: Url = "http://localhost:8601"
    chain_url: Url
    deployment: Path
    trust: Path
    vault_socket: Path
    passphrase_file: Path
    scopes: Path = Path("scopes")
    database_url: str | None = None
    batch_seconds: Annotated[float, Field(gt=0, le=3600)] = 3.0
    sync_seconds: Annotated[float, Field(gt=0, le=60)] = 0.5
    limits: NodeLimits = NodeLimits()
    policy: ParticipationPolicy = ParticipationPolicy()
    datasets: Annotated[dict[Name, DatasetWords], Field(max_length=1000)] = Field(default_factory=dict)
    passkeys: PasskeySettings = PasskeySettings()
    replay: ReplaySettings = ReplaySettings()
    enclaves: EnclaveSettings | None = None
    traces: Url | None = None

    @classmethod
    def load(cls, file: Path) -> NodeSettings:
        """The settings in a TOML file, under the environment's. ConfigError if they are missing or wrong."""
        read = read_toml(file, "the node's settings", remedy="placet init makes them")
        read.setdefault("folder", str(file.resolve().parent))
        return cls.build(**read)

    @classmethod
    def build(cls, **values: object) -> NodeSettings:
        """The settings from keyword arguments, under the environment's. ConfigError if something is wrong."""
        try:
            return cls(**values)  # type: ignore[arg-type]
        except ValidationError as error:
            problem = invalid("the node's settings", error)
            raise ConfigError(problem.message, expected=problem.expected, found=problem.found) from None

    def path(self, value: Path) -> Path:
        """A path as it stands in the settings, made absolute."""
        return self.folder / value

    @property
    def received(self) -> Path:
        """The folder of what other parties sent, which is kept for replays."""
        return self.folder / "received"

    @property
    def cards(self) -> Path:
        """The folder of the model cards that this institution has registered."""
        return self.folder / "cards"

    @property
    def database(self) -> str:
        """The database's URL; an SQLite file in the folder by default."""
        return self.database_url or f"sqlite:///{self.folder / 'state.db'}"
