"""`placet doctor`: what is wrong with an institution's node, one line a check, each with its remedy."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import stat
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from placet.chain.findings import Check, Finding, Warned, examined, wrong
from placet.cli.inputs import AsJson, NodeConfig
from placet.cli.output import console, emit
from placet.core.errors import ChainError, ConfigError, NotFoundError, PlacetError, StateError

if TYPE_CHECKING:
    from placet.cli.operator import Operator

EXPIRES_SOON = 30 * 86_400
_ASK_SECONDS = 4.0
_VAULT_SECONDS = 6.0
"""The vault gives its endpoint four."""
_STYLE = {"ok": "green", "warning": "yellow", "wrong": "bold red"}


def doctor(config: NodeConfig, as_json: AsJson = False) -> None:
    """Say what is wrong with a node and its vault. Exit code 1 if anything is."""
    findings = examine(config)
    if as_json:
        emit([asdict(one) for one in findings])
    else:
        _print(findings)
    if any(one.state == "wrong" for one in findings):
        raise typer.Exit(1)


def _print(findings: list[Finding]) -> None:
    from rich.text import Text

    out = console()
    for one in findings:
        line = Text(f"{one.state:<8} ", style=_STYLE[one.state]) + Text(f"{one.check}: {one.detail}", style="")
        if one.remedy is not None:
            line += Text(f" → {one.remedy}", style="")
        out.print(line)


def examine(config: Path) -> list[Finding]:
    """All checks. What can't be checked because of an earlier one is wrong as well, with the same remedy."""
    from placet.cli.operator import Operator

    try:
        office = Operator(config)
    except PlacetError as error:
        return [wrong("settings", error)]
    return [Finding("settings", "ok", str(config)), *examined(_LOCAL, _remote(), office)]


def _permissions(office: Operator) -> str:
    from placet.chain.keystore import read_secret_file

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
        read_secret_file(path, "secret file")
    return str(folder)


def _passphrase(office: Operator) -> str:
    from placet.chain.keystore import read_passphrase

    path = office.settings.path(office.settings.passphrase_file)
    read_passphrase(path)
    if path.resolve().is_relative_to(office.settings.folder.resolve()):
        raise Warned(
            f"{path} lies in the node's own folder", "keep it apart, so that a copy of the folder opens nothing"
        )
    return str(path)


def _keys(office: Operator) -> str:
    from placet.core.values import to_hex

    signer = office.signer
    if not office.settings.institution.account and signer != office.address:
        raise ConfigError(
            "keys/signer.json is not the institution's key",
            expected=to_hex(office.address),
            found=to_hex(signer),
            remedy="restore the key, or set institution.address",
        )
    office.secret("hpke")
    return f"signer {to_hex(signer)}, recorder {to_hex(office.recorder)}"


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
    deployment = office.deployment
    counts = f"{deployment.confirmations} blocks above" if deployment.finality == "blocks" else deployment.finality
    return f"chain {deployment.chain_id}, {deployment.evm}, what counts: {counts}"


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


def _storage(office: Operator) -> str:
    from placet.chain.storage import demand_space

    demand_space(office.settings.folder)
    return f"{office.settings.folder} can be written to"


def _ports(office: Operator) -> str:
    settings = office.settings
    import httpx

    try:
        health = office.http.get("/healthz", timeout=_ASK_SECONDS).json()
        if isinstance(health, dict) and health.get("ok") is True:
            return f"the node answers at {office.api}"
        raise StateError("the node runs, and can't do all of its work", found=_unwell(health), remedy="see its log")
    except (httpx.HTTPError, ValueError):
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


def _unwell(health: object) -> str:
    """The parts of /healthz that are not ok."""
    if not isinstance(health, dict):
        return "an answer that is none of a node's"
    loops = health.get("loops")
    parts = {**health, **(loops if isinstance(loops, dict) else {})}
    names = {"chain", "vault", "storage", *(loops if isinstance(loops, dict) else ())}
    return ", ".join(f"{name}: {str(parts.get(name))[:60]}" for name in sorted(names) if parts.get(name) != "ok")


def _vault(office: Operator) -> str:
    from placet.vault.client import VaultClient

    path = office.settings.path(office.settings.vault_socket)
    try:
        tables = asyncio.run(VaultClient(path, timeout=_ASK_SECONDS).datasets())
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
    if scopes and not office.asking.is_relay(office.address, office.recorder):
        raise NotFoundError(
            "the recorder may not relay consents", remedy="placet offer make, once more: it appoints it"
        )
    return f"{len(scopes)} scopes"


def _vault_endpoint(office: Operator) -> str:
    """The vault's own endpoint, which it tries itself: it may be another one than the node's."""
    from placet.vault.client import VaultClient

    path = office.settings.path(office.settings.vault_socket)
    try:
        outcome = asyncio.run(VaultClient(path, timeout=_VAULT_SECONDS).endpoint())
    except StateError as error:
        raise Warned(f"not tried: {error.message}", "mend what is said of the vault first") from None
    states = {state: [one for one in outcome.findings if one.state == state] for state in ("wrong", "warning")}
    words = {state: "; ".join(f"{one.check}: {one.detail}" for one in some) for state, some in states.items()}
    if states["wrong"]:
        raise StateError(
            "the vault's endpoint does not do what the vault needs",
            found=f"{outcome.shown}: {words['wrong']}",
            remedy=states["wrong"][0].remedy or "use another chain_url in vault.toml",
        )
    if states["warning"]:
        raise Warned(f"{outcome.shown}: {words['warning']}", states["warning"][0].remedy or "see the vault's log")
    return f"{outcome.shown}: {', '.join(one.check for one in outcome.findings)}"


def _transactions(office: Operator) -> str:
    """What the node's sender has on its way."""
    from sqlalchemy import make_url

    from placet.chain.migrations import demand_current
    from placet.chain.outbox import refusals
    from placet.node.migrations import NODE
    from placet.node.state import open_engine

    file = make_url(office.settings.database).database
    if office.settings.database.startswith("sqlite") and not Path(file or "").is_file():
        return "none was sent yet"
    engine = open_engine(office.settings.database)
    try:
        demand_current(engine, NODE)
    except ConfigError as error:
        raise Warned(f"{error.message}: {error.found}", str(error.remedy)) from None
    waiting = refusals(engine)
    if waiting:
        intent, words = waiting[0]
        raise ChainError(
            f"the endpoint does not take {len(waiting)} of the node's transactions",
            found=f"{intent}: {words}",
            remedy="nothing is lost; do what the endpoint's words ask for, or use another endpoint",
        )
    return "the endpoint has taken all that were sent"


def _engines(office: Operator) -> str:
    """Which a plan may name here beside the embedded one. One that the settings name and that can't run is wrong."""
    from placet.protocols.flower.extra import FlowerEngine
    from placet.protocols.spu import extra

    named = office.settings.flower_python
    flower = FlowerEngine.here() if named is None else FlowerEngine.at(office.settings.path(named))
    if named is not None:
        flower.require()
    engines = ["embedded"]
    with contextlib.suppress(ConfigError):
        extra.require()
        engines.append("spu")
    if flower.problem is None:
        engines.append("flower")
    return ", ".join(engines)


_EXTRAS: dict[str, tuple[str, ...]] = {
    "compare": ("pypdf",),
    "export": ("onnx",),
    "fhe": ("tenseal",),
    "paillier": ("gmpy2", "phe"),
    "parquet": ("pyarrow",),
    "tee": ("cbor2", "dcap_qvl"),
    "traces": ("opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.http"),
    "wallet": ("sd_jwt", "jwcrypto"),
    "zk": ("groth16py", "light_poseidon_python"),
}
"""What an extra of the package brings, by the modules that tell it. Those of engines are told with the engines."""


def _extras(office: Operator) -> str:
    """Which optional packages are there: a plan that needs another one is not signed here."""
    from placet.core.installed import is_installed

    present = [extra for extra, modules in _EXTRAS.items() if all(map(is_installed, modules))]
    lacking = [extra for extra in _EXTRAS if extra not in present]
    return "; ".join(
        one for one in (", ".join(present), f"not installed: {', '.join(lacking)}" if lacking else "") if one
    )


_LOCAL: tuple[Check[Operator], ...] = (
    ("files", _permissions),
    ("storage", _storage),
    ("passphrase", _passphrase),
    ("keys", _keys),
    ("TLS", _tls),
    ("credential", _credential),
    ("deployment", _deployment),
    ("trust list", _trust),
    ("transactions", _transactions),
    ("engines", _engines),
    ("extras", _extras),
)


def _remote() -> tuple[Check[Operator], ...]:
    from placet.chain import endpoint_checks

    return (
        ("chain", endpoint_checks.chain),
        ("fork", endpoint_checks.fork),
        ("finality", endpoint_checks.finality),
        ("clock", endpoint_checks.clock),
        ("gas", endpoint_checks.gas),
        ("logs", endpoint_checks.logs),
        ("fees", endpoint_checks.fees),
        ("batches", endpoint_checks.batches),
        ("block tags", endpoint_checks.tags),
        ("ports", _ports),
        ("vault", _vault),
        ("vault's endpoint", _vault_endpoint),
        ("offers", _offers),
    )
