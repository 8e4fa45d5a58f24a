"""`placet doctor`: what is wrong with an institution's node, one line a check, each with its remedy."""

from __future__ import annotations

import asyncio
import socket
import stat
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from placet.cli.inputs import AsJson, NodeConfig
from placet.cli.output import console, emit
from placet.core.errors import ConfigError, DeploymentError, NotFoundError, PlacetError, StateError

if TYPE_CHECKING:
    from placet.cli.operator import Operator

SKEW_AHEAD = 30
SKEW_BEHIND = 900
EXPIRES_SOON = 30 * 86_400
LOW_BALANCE = 10**16
_STYLE = {"ok": "green", "warning": "yellow", "wrong": "bold red"}


@dataclass(frozen=True)
class Finding:
    """One check: `state` is ok, warning or wrong."""

    check: str
    state: str
    detail: str
    remedy: str | None = None


class Warned(Exception):  # noqa: N818 - it is no error: the check passed with a remark
    """A check that passed, with something to be said."""

    def __init__(self, detail: str, remedy: str) -> None:
        super().__init__(detail)
        self.detail = detail
        self.remedy = remedy


def doctor(config: NodeConfig, as_json: AsJson = False) -> None:
    """Say what is wrong with a node and its vault. Exit code 1 if anything is."""
    found = list(examine(config))
    if as_json:
        emit([asdict(one) for one in found])
    else:
        _print(found)
    if any(one.state == "wrong" for one in found):
        raise typer.Exit(1)


def _print(found: list[Finding]) -> None:
    from rich.text import Text

    out = console()
    for one in found:
        line = Text(f"{one.state:<8} ", style=_STYLE[one.state]) + Text(f"{one.check}: {one.detail}", style="")
        if one.remedy is not None:
            line += Text(f" → {one.remedy}", style="")
        out.print(line)


def examine(config: Path) -> Iterator[Finding]:
    """All checks in order. What can't be checked because of an earlier one is wrong as well, with the same remedy."""
    from placet.cli.operator import Operator

    try:
        office = Operator(config)
    except PlacetError as error:
        yield _wrong("settings", error)
        return
    yield Finding("settings", "ok", str(config))
    for check, look in _CHECKS:
        yield _look(check, look, office)


def _look(check: str, look: Callable[[Operator], str], office: Operator) -> Finding:
    try:
        return Finding(check, "ok", look(office))
    except Warned as warned:
        return Finding(check, "warning", warned.detail, warned.remedy)
    except PlacetError as error:
        return _wrong(check, error)


def _wrong(check: str, error: PlacetError) -> Finding:
    parts = [error.message]
    parts += [f"{name} {value}" for name in ("expected", "found") if (value := getattr(error, name)) is not None]
    return Finding(check, "wrong", "; ".join(parts), error.remedy)


def _permissions(office: Operator) -> str:
    folder = office.settings.folder
    for path in (folder, folder / "keys"):
        try:
            mode = stat.S_IMODE(path.stat().st_mode)
        except OSError as error:
            raise ConfigError(
                "a folder can't be read", found=f"{path}: {error.strerror}", remedy="placet init"
            ) from None
        if mode & 0o077:
            raise ConfigError("a folder is open to others", found=f"{path}: {mode:04o}", remedy=f"chmod 700 {path}")
    for path in (folder / "keys" / "tls.key", folder / "credential"):
        if not path.is_file():
            raise ConfigError("a file is missing", found=path, remedy="restore it from a backup")
        if path.stat().st_mode & 0o077:
            raise ConfigError("a secret file is open to others", found=path, remedy=f"chmod 600 {path}")
    return str(folder)


def _passphrase(office: Operator) -> str:
    from placet.vault.config import read_passphrase

    path = office.settings.path(office.settings.passphrase_file)
    read_passphrase(path)
    if path.resolve().is_relative_to(office.settings.folder.resolve()):
        raise Warned(
            f"{path} lies in the node's own folder", "keep it apart, so that a copy of the folder opens nothing"
        )
    return str(path)


def _keys(office: Operator) -> str:
    from placet.core.signatures import Key
    from placet.core.values import to_hex

    found = Key(office.secret("signer")).address
    if found != office.address:
        raise ConfigError(
            "keys/signer.json is not the institution's key",
            expected=to_hex(office.address),
            found=to_hex(found),
            remedy="restore the key, or set institution.address",
        )
    office.secret("hpke")
    return f"signer {to_hex(found)}, recorder {to_hex(office.recorder)}"


def _tls(office: Operator) -> str:
    from placet.cli.certificates import expiry, fingerprint, key_fingerprint
    from placet.cli.inputs import passphrase, read, when

    folder = office.settings.folder / "keys"
    certificate = read(folder / "tls.crt", "certificate", limit=65_536).decode(errors="replace")
    opener = passphrase(office.settings.path(office.settings.passphrase_file))
    if key_fingerprint(read(folder / "tls.key", "TLS key", limit=65_536), opener) != fingerprint(certificate):
        raise ConfigError("keys/tls.crt is not the certificate of keys/tls.key", remedy="restore both from a backup")
    end = expiry(certificate)
    if end <= time.time():
        raise ConfigError("the certificate has ended", found=when(end), remedy="make a new one and tell the others")
    if end <= time.time() + EXPIRES_SOON:
        raise Warned(f"the certificate ends {when(end)}", "make a new one soon and tell the others")
    return f"certificate until {when(end)}"


def _credential(office: Operator) -> str:
    return f"{len(office.credential)} characters"


def _deployment(office: Operator) -> str:
    return f"chain {office.deployment.chain_id}, {office.deployment.confirmations} confirmations"


def _trust(office: Operator) -> str:
    from placet.cli.inputs import read

    own = office.trust.institution(office.address)
    settings = office.settings
    certificate = read(settings.folder / "keys" / "tls.crt", "certificate", limit=65_536).decode(errors="replace")
    for what, expected, found in (
        ("name", settings.institution.name, own.name),
        ("API URL", settings.public_url, own.api),
        ("certificate", certificate.strip(), own.certificate.strip()),
    ):
        if expected != found:
            shown = {} if what == "certificate" else {"expected": expected, "found": found}
            raise ConfigError(
                f"the trust list has another {what} of this institution",
                remedy="placet trust add --replace TRUST FOLDER/entry.json",
                **shown,
            )
    return f"{len(office.trust.institutions)} institutions, {len(office.trust.enrollers)} enrollers"


def _chain(office: Operator) -> str:
    try:
        head = office.chain.head()
    except DeploymentError as error:
        raise DeploymentError(
            error.message,
            expected=error.expected,
            found=error.found,
            remedy="point chain_url at the right chain, or get the right deployment file",
        ) from None
    return f"{office.settings.chain_url}, block {head.number}"


def _clock(office: Operator) -> str:
    skew = office.chain.head().timestamp - int(time.time())
    if skew > SKEW_AHEAD:
        raise StateError(
            "the latest block is ahead of this machine's clock", found=f"{skew} s", remedy="set the clock (NTP)"
        )
    if skew < -SKEW_BEHIND:
        raise Warned(f"the latest block is {-skew} s old", "fine for a quiet local chain; else is the endpoint stuck?")
    return f"the latest block is {max(-skew, 0)} s old"


def _balance(office: Operator) -> str:
    from placet.core.values import to_hex

    balances = []
    for name, account in (("signer", office.address), ("recorder", office.recorder)):
        wei = int(office.chain.rpc.call("eth_getBalance", to_hex(account), "latest"), 16)
        if wei == 0:
            raise StateError(f"the {name}'s account is empty", found=to_hex(account), remedy="give it some for gas")
        if wei < LOW_BALANCE:
            raise Warned(f"the {name}'s account {to_hex(account)} runs low: {wei / 10**18:.6f}", "give it some for gas")
        balances.append(f"{name} {wei / 10**18:.4f}")
    return ", ".join(balances)


def _ports(office: Operator) -> str:
    settings = office.settings
    import httpx

    try:
        office.http.get("/healthz")
        return f"the node answers at {office.api}"
    except httpx.HTTPError:
        pass
    for host, port in ((settings.api_host, settings.api_port), (settings.peer_host, settings.peer_port)):
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError as error:
                raise ConfigError(
                    "a port can't be had",
                    found=f"{host}:{port}: {error.strerror}",
                    remedy="end what uses it, or choose another port in node.toml",
                ) from None
    raise Warned("the node does not run; its ports are free", "start it: placet node")


def _vault(office: Operator) -> str:
    from placet.vault.client import VaultClient

    path = office.settings.path(office.settings.vault_socket)
    try:
        tables = asyncio.run(VaultClient(path, timeout=10.0).datasets())
    except StateError as error:
        raise StateError(
            error.message, found=f"{path}: {error.found}", remedy="start it: placet vault --config vault.toml"
        ) from None
    return ", ".join(f"{t.name} ({t.rows} rows)" for t in tables) or "it answers; no tables yet"


def _offers(office: Operator) -> str:
    from placet.node.consents.scopes import Scopes

    scopes = Scopes(office.settings.path(office.settings.scopes)).all()
    for scope in scopes.values():
        for address in (scope.provider, *scope.parties):
            office.trust.institution(address)
    if scopes and not office.chain.is_relay(office.address, office.recorder):
        raise NotFoundError(
            "the recorder may not relay consents", remedy="placet offer make, once more: it appoints it"
        )
    return f"{len(scopes)} scopes"


_CHECKS: tuple[tuple[str, Callable[[Operator], str]], ...] = (
    ("files", _permissions),
    ("passphrase", _passphrase),
    ("keys", _keys),
    ("TLS", _tls),
    ("credential", _credential),
    ("deployment", _deployment),
    ("trust list", _trust),
    ("chain", _chain),
    ("clock", _clock),
    ("gas", _balance),
    ("ports", _ports),
    ("vault", _vault),
    ("offers", _offers),
)
