"""`placet init`, `placet node`, `placet vault`: an institution's two processes, made and run."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from placet.cli.inputs import AsJson, NodeConfig, demand_url, read_address, read_name, write_new
from placet.cli.output import Commands, emit, say, write_line
from placet.core.errors import InputError, StateError
from placet.core.logs import log_to_stderr

if TYPE_CHECKING:
    from placet.core.damage import Damage
    from placet.core.trust import Institution
    from placet.vault.schema import DatasetInfo

vault = typer.Typer(cls=Commands, help="The vault: the only process that can read the institution's data.")
VaultConfig = Annotated[Path, typer.Option("--config", envvar="PLACET_VAULT_CONFIG", help="The vault's vault.toml.")]


def init(
    folder: Annotated[Path, typer.Argument(help="The node's folder; must not exist.")],
    name: Annotated[str, typer.Option(help="The institution's name, as people read it in consents.")],
    chain_url: Annotated[
        str,
        typer.Option(
            envvar="PLACET_CHAIN_URL",
            help="The node's chain endpoint.",
            callback=demand_url,
        ),
    ],
    deployment: Annotated[Path, typer.Option(envvar="PLACET_DEPLOYMENT", help="The deployment file.")],
    trust: Annotated[Path, typer.Option(envvar="PLACET_TRUST", help="The trust list; may come later.")],
    passphrase_file: Annotated[
        Path,
        typer.Option(envvar="PLACET_PASSPHRASE_FILE", help="File (mode 0600) whose first line opens the node's keys."),
    ],
    api_port: Annotated[int, typer.Option(min=1, max=65_535, help="Port for owners and scripts.")] = 8601,
    peer_port: Annotated[int, typer.Option(min=1, max=65_535, help="Port for the other institutions' nodes.")] = 8602,
    host: Annotated[
        str, typer.Option(help="The name or address under which others reach this node; passkeys need a name.")
    ] = "localhost",
    vault_folder: Annotated[Path | None, typer.Option(help="The vault's folder; FOLDER-vault by default.")] = None,
    vault_passphrase_file: Annotated[
        Path | None, typer.Option(help="Opens the vault's key; by default the node's, which is for trying out only.")
    ] = None,
    vault_chain_url: Annotated[
        str | None,
        typer.Option(
            help="The vault's own chain endpoint; by default the node's.",
            callback=demand_url,
        ),
    ] = None,
    recovery: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="Who may give the institution another signer: its address is then a contract, which placet account "
            "open puts on chain.",
        ),
    ] = None,
    node_uid: Annotated[
        int | None, typer.Option(help="The user id that the node runs under, if the vault has a user of its own.")
    ] = None,
) -> None:
    """Make an institution: node folder, vault folder, keys, certificate, settings. Prints its trust-list entry."""
    name = read_name(name)
    beside = folder.with_name(folder.name + "-vault") if vault_folder is None else vault_folder
    for target in (folder, beside):
        if target.exists():
            raise StateError("the folder exists already", found=target, remedy="choose another one")
    try:
        entry = _make_node(
            folder,
            name=name,
            chain_url=chain_url,
            deployment=deployment,
            trust=trust,
            passphrase_file=passphrase_file,
            ports=(api_port, peer_port),
            host=host,
            socket=beside / "vault.sock",
            recovery=None if recovery is None else read_address(recovery),
        )
        from placet.vault.setup import init_vault

        init_vault(
            beside,
            institution=entry.address,
            chain_url=vault_chain_url or chain_url,
            deployment=deployment,
            trust=trust,
            passphrase_file=vault_passphrase_file or passphrase_file,
            node_uid=node_uid,
        )
    except BaseException:
        for half_made in (folder, beside):
            shutil.rmtree(half_made, ignore_errors=True)
        raise
    for path, what in ((deployment, "deployment file"), (trust, "trust list")):
        if not path.exists():
            say(f"note: there is no {what} at {path} yet")
    say(f"made {folder} and {beside}; the entry below is also in {folder / 'entry.json'}: give it to the others")
    emit(entry.to_json())


def _make_node(
    folder: Path,
    *,
    name: str,
    chain_url: str,
    deployment: Path,
    trust: Path,
    passphrase_file: Path,
    ports: tuple[int, int],
    host: str,
    socket: Path,
    recovery: bytes | None,
) -> Institution:
    import secrets

    from placet.chain.accounts import account_address
    from placet.chain.keystore import read_passphrase, save_secrets
    from placet.cli.certificates import make
    from placet.core.signatures import Key
    from placet.core.trust import Institution
    from placet.core.values import parse, to_hex

    opener = read_passphrase(passphrase_file)
    signer, recorder = Key(), Key()
    tls_key, certificate = make(name, list(dict.fromkeys(["localhost", "127.0.0.1", host])), opener)
    literal = f"[{host}]" if ":" in host else host
    entry = parse(
        Institution,
        {
            "address": to_hex(signer.address if recovery is None else account_address(signer.address)),
            "name": name,
            "api": f"http://{literal}:{ports[0]}",
            "peer": f"https://{literal}:{ports[1]}",
            "certificate": certificate.decode(),
        },
        what="the institution",
    )
    keys = folder / "keys"
    keys.mkdir(parents=True, mode=0o700)
    folder.chmod(0o700)
    key_files = {"signer": signer.secret, "recorder": recorder.secret, "hpke": secrets.token_bytes(32)}
    save_secrets({keys / f"{name}.json": secret for name, secret in key_files.items()}, opener)
    write_new(keys / "tls.key", tls_key, mode=0o600)
    write_new(keys / "tls.crt", certificate)
    write_new(folder / "credential", secrets.token_urlsafe(32).encode() + b"\n", mode=0o600)
    (folder / "scopes").mkdir(mode=0o700)
    settings: dict[str, str | int] = {
        "api_port": ports[0],
        "peer_port": ports[1],
        "public_url": entry.api,
        "chain_url": chain_url,
        "deployment": str(deployment.absolute()),
        "trust": str(trust.absolute()),
        "vault_socket": str(socket.absolute()),
        "passphrase_file": str(passphrase_file.absolute()),
    }
    write_new(folder / "node.toml", _toml(settings, entry, recorder.address, recovery), mode=0o600)
    document = json.dumps(entry.to_json(), indent=2, ensure_ascii=False)
    write_new(folder / "entry.json", document.encode() + b"\n")
    return entry


def _toml(settings: Mapping[str, str | int], entry: Institution, recorder: bytes, recovery: bytes | None) -> bytes:
    """A node's settings file. A JSON string is a TOML string."""
    from placet.core.values import to_hex

    lines = [f"{key} = {json.dumps(value)}" for key, value in settings.items()]
    lines += ["", "[institution]", f'address = "{to_hex(entry.address)}"', f"name = {json.dumps(entry.name)}"]
    if recovery is not None:
        lines += ["account = true", f'# recovery = "{to_hex(recovery)}"']
    lines += ["", "# The recorder's account pays for gas; give it some.", f'# recorder = "{to_hex(recorder)}"']
    return ("\n".join(lines) + "\n").encode()


def node(
    config: NodeConfig,
    role: Annotated[
        Literal["all", "api", "worker"],
        typer.Option(help="What this process does, where the institution has several on PostgreSQL."),
    ] = "all",
) -> None:
    """Run the institution's node until it is told to end."""
    from placet.node.__main__ import run
    from placet.node.config import NodeSettings, ProcessRole

    log_to_stderr(logging.INFO)
    run(NodeSettings.load(config), ProcessRole(role))


@vault.callback(invoke_without_command=True)
def serve(
    context: typer.Context,
    config: Annotated[
        Path | None, typer.Option("--config", envvar="PLACET_VAULT_CONFIG", help="The vault's vault.toml.")
    ] = None,
) -> None:
    """Run the vault until it is told to end."""
    if context.invoked_subcommand is not None:
        return
    if config is None:
        raise typer.BadParameter("give --config FILE")
    import asyncio

    from placet.vault.__main__ import serve as run
    from placet.vault.config import VaultSettings

    log_to_stderr(logging.INFO)
    asyncio.run(run(VaultSettings.load(config)))


@vault.command("import")
def import_(
    config: VaultConfig,
    name: Annotated[str, typer.Option(help="The table's name in the vault.")],
    file: Annotated[Path, typer.Option("--file", help="A CSV or Parquet file, or a folder of such parts.")],
    identifier: Annotated[str, typer.Option(help="NAME=SOURCE or SOURCE: the column that names a row's subject.")],
    columns: Annotated[
        list[str] | None,
        typer.Option(
            "--column",
            help="NAME=SOURCE[:TYPE] or SOURCE[:TYPE], TYPE integer (default), number or text, or optional-integer, "
            "optional-number or optional-text (may be empty); once a column. None for a list of subjects alone.",
        ),
    ] = None,
    decimals: Annotated[
        list[str] | None,
        typer.Option(
            "--decimals",
            help="NAME=N: a column of integers whose amounts have up to N digits after the point; they are kept in "
            "units of 10^-N. Once a column.",
        ),
    ] = None,
    namespace: Annotated[
        str | None,
        typer.Option(
            help="What kind of identifier names the subjects: urn:… of a register that others use too, or an "
            "institution's address and a name as in 0x…/customer; this institution's own, by the column's name, unless "
            "given. Rows are matched only with rows of the same kind.",
        ),
    ] = None,
    own: Annotated[
        bool, typer.Option("--own", help="The rows belong to the institution itself, not to persons.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Seal a file as a table of the vault. The vault may be running."""
    from placet.core.namespace import parse_namespace
    from placet.vault.config import VaultSettings
    from placet.vault.schema import Column
    from placet.vault.setup import import_table

    subject, source = _named(identifier)
    mapping = {subject: Column.of(source, "text")}
    digits = _decimals(decimals or [])
    for text in columns or []:
        new, source = _named(text)
        if new in mapping:
            raise InputError("a column is named twice", expected="each name once", found=repr(new[:80]))
        mapping[new] = Column.from_text(source, digits.pop(new, 0))
    for stray in digits:
        raise InputError("--decimals names no --column", expected=", ".join(list(mapping)[1:]), found=repr(stray[:80]))
    kind = None if namespace is None else parse_namespace(namespace)
    doubts: list[Damage] = []
    settings = VaultSettings.load(config)
    info = import_table(settings, name, file, subject, mapping, personal=not own, namespace=kind, warn=doubts.append)
    for doubt in doubts:
        say(f"warning: {doubt.words}")
    if as_json:
        emit(_described(info) | {"warnings": [doubt.words for doubt in doubts]})
    else:
        write_line(_line(info))


@vault.command("list")
def list_(config: VaultConfig, as_json: AsJson = False) -> None:
    """All tables of the vault, and its parts of models that jobs made."""
    from placet.vault.config import VaultSettings
    from placet.vault.setup import list_tables

    infos = list_tables(VaultSettings.load(config))
    if as_json:
        emit([_described(info) for info in infos])
        return
    for info in infos:
        write_line(_line(info))
    if not infos:
        say("no tables yet: placet vault import")


@vault.command()
def show(
    config: VaultConfig,
    name: Annotated[str, typer.Argument(help="The table's name in the vault.")],
    as_json: AsJson = False,
) -> None:
    """What the vault knows of a table, rows aside: columns, whose rows they are, the ids on chain; or of a model."""
    from placet.core.values import to_hex
    from placet.vault.config import VaultSettings
    from placet.vault.setup import named_table

    info = named_table(VaultSettings.load(config), read_name(name))
    if as_json:
        emit(_described(info))
        return
    write_line(_line(info))
    write_line(f"schema {to_hex(info.schema_hash)}, commitment {to_hex(info.commitment)}")
    for column in info.table.columns:
        write_line(
            f"  {column.name}: {column.type}"
            + (f" of 10^-{column.decimals}" if column.decimals else "")
            + (f", names the subject by {info.table.namespace}" if column.name == info.identifier else "")
        )


@vault.command()
def remove(
    config: VaultConfig,
    name: Annotated[str, typer.Argument(help="The table's name in the vault.")],
    anyway: Annotated[
        bool, typer.Option("--anyway", help="Even if the vault keeps consents to its rows; they serve no job any more.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Delete a table for good, its dataset's id too; or a part of a model, without which nobody can use that any more.
    The vault may be running."""
    from placet.vault.config import VaultSettings
    from placet.vault.setup import remove_table

    info = remove_table(VaultSettings.load(config), read_name(name), anyway=anyway)
    if as_json:
        emit(_described(info))
    else:
        write_line(f"{info.name}: removed, {info.rows} rows")


def _described(info: DatasetInfo) -> dict[str, object]:
    from placet.core.values import to_hex

    return {**info.to_json(), "schema_hash": to_hex(info.schema_hash)}


def _line(info: DatasetInfo) -> str:
    from placet.core.values import to_hex

    if info.origin is not None:
        return f"{info.name}: a part of the model of job {to_hex(info.origin)}, dataset {to_hex(info.dataset)}"
    whose = "persons' rows" if info.personal else "its own rows"
    return f"{info.name}: {info.rows} rows, version {info.version}, dataset {to_hex(info.dataset)}, {whose}"


def _named(text: str) -> tuple[str, str]:
    """`NAME=SOURCE` or `SOURCE` (then its own name) as (name, source with its type)."""
    new, equals, source = text.partition("=")
    return (new, source) if equals else (text.partition(":")[0], text)


def _decimals(words: list[str]) -> dict[str, int]:
    """`NAME=N` by name."""
    digits: dict[str, int] = {}
    for text in words:
        name, _, number = text.rpartition("=")
        if not (name and number.isascii() and number.isdigit() and len(number) < 3) or name in digits:
            raise InputError("--decimals is not right", expected="NAME=N, once a column", found=repr(text[:80]))
        digits[name] = int(number)
    return digits
