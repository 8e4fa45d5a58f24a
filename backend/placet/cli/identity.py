"""`placet identity …`: the service that ties owners' keys to persons."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from placet.cli.inputs import read_name, read_text, write_new
from placet.cli.output import Commands, emit, say, write_line
from placet.core.csv_file import written
from placet.core.errors import ConfigError, InputError, StateError
from placet.core.logs import log_to_stderr

MAX_PERSONS = 256 << 20
commands = typer.Typer(cls=Commands, help="The enrolling service: ties owners' keys to persons.")
ConfigOption = Annotated[
    Path | None, typer.Option("--config", envvar="PLACET_IDENTITY_CONFIG", help="The service's identity.toml.")
]


@commands.callback(invoke_without_command=True)
def serve(context: typer.Context, config: ConfigOption = None) -> None:
    """Run the service until it is told to end."""
    if context.invoked_subcommand is not None:
        return
    if config is None:
        raise typer.BadParameter("give --config FILE")
    from placet.identity import serve as service
    from placet.identity.settings import load_settings

    log_to_stderr(logging.WARNING)
    service.serve(load_settings(config))


@commands.command("init")
def init(
    folder: Annotated[Path, typer.Argument(help="The service's folder; must not exist.")],
    name: Annotated[str, typer.Option(help="The enroller's name, as people read it.")],
    deployment: Annotated[Path, typer.Option(envvar="PLACET_DEPLOYMENT", help="The deployment file.")],
    passphrase_file: Annotated[
        Path, typer.Option(envvar="PLACET_PASSPHRASE_FILE", help="File (mode 0600) whose first line opens the key.")
    ],
    namespace: Annotated[
        str,
        typer.Option(
            help="The kind of identifier by which the register knows persons, as in the offers: urn:… of a register, "
            "or an institution's address and a name as in 0x…/customer.",
        ),
    ],
    port: Annotated[int, typer.Option(min=1, max=65_535, help="Port on loopback.")] = 8701,
    host: Annotated[str, typer.Option(help="The name or address under which owners reach it.")] = "localhost",
) -> None:
    """Make the service's folder: key, settings, an empty register. Prints its trust-list entry."""
    from placet.chain.keystore import read_passphrase, save_secret
    from placet.core.namespace import parse_namespace
    from placet.core.signatures import Key
    from placet.core.trust import Enroller
    from placet.identity.register import add_persons

    name, namespace = read_name(name), parse_namespace(namespace)
    if folder.exists():
        raise StateError("the folder exists already", found=folder, remedy="choose another one")
    key = Key()
    entry = Enroller(address=key.address, name=name, namespaces=(namespace,), api=f"http://{host}:{port}").to_json()
    opener = read_passphrase(passphrase_file)
    folder.mkdir(parents=True, mode=0o700)
    save_secret(folder / "enroller.json", key.secret, opener)
    add_persons(folder / "register.csv", [])
    settings: dict[str, str | int] = {
        "name": name,
        "port": port,
        "key": "enroller.json",
        "passphrase_file": str(passphrase_file.absolute()),
        "register_file": "register.csv",
        "namespace": namespace,
        "deployment": str(deployment.absolute()),
    }
    text = "".join(f"{field} = {json.dumps(value)}\n" for field, value in settings.items())
    write_new(folder / "identity.toml", text.encode(), mode=0o600)
    write_new(folder / "entry.json", json.dumps(entry, indent=2, ensure_ascii=False).encode() + b"\n")
    say(f"made {folder}; the entry below is also in {folder / 'entry.json'}")
    emit(entry)


@commands.command()
def add(
    register: Annotated[Path, typer.Argument(help="The register (CSV); made if there is none.")],
    subject: Annotated[str | None, typer.Option(help="One person; the code is shown on stdout, once.")] = None,
    from_file: Annotated[Path | None, typer.Option("--from", help="Many persons: a text file, one a line.")] = None,
    codes: Annotated[
        Path | None,
        typer.Option(help="Where their codes go: a new CSV file of mode 0600, to be handed out and deleted."),
    ] = None,
) -> None:
    """Add persons to the register and give each a fresh access code."""
    from placet.identity.register import add_persons

    if (subject is None) == (from_file is None) or (from_file is None) != (codes is None):
        raise typer.BadParameter("give --subject NAME, or --from FILE and --codes FILE")
    if subject is not None:
        write_line(add_persons(register, [subject])[subject])
        return
    if from_file is None or codes is None:
        raise AssertionError
    if codes.exists():
        raise ConfigError("the file for the codes exists already", found=codes, remedy="choose another name")
    created = False

    def hand_out(fresh: Mapping[str, str]) -> None:
        nonlocal created
        with os.fdopen(os.open(codes, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as sink:
            created = True
            sink.write(written([("subject", "code"), *fresh.items()]))

    try:
        fresh = add_persons(register, _persons(from_file), hand_out)
    except BaseException:
        if created:  # codes that no register has
            codes.unlink(missing_ok=True)
        raise
    say(f"{len(fresh)} persons; their codes are in {codes}")


@commands.command()
def batch(
    pairs: Annotated[Path, typer.Argument(help="CSV with the columns owner (a key), subject and salt.")],
    out: Annotated[Path, typer.Argument(help="The file of enrolments; must not exist.")],
    config: Annotated[
        Path, typer.Option("--config", envvar="PLACET_IDENTITY_CONFIG", help="The service's identity.toml.")
    ],
) -> None:
    """Enrol many keys of persons whom the register knows, by one signature over the root of all pairs."""
    from placet.core.values import to_hex
    from placet.identity.batch import enrol_many
    from placet.identity.register import Register
    from placet.identity.serve import key_of
    from placet.identity.settings import load_settings

    settings = load_settings(config)
    key, deployment = key_of(settings)
    try:
        table = pairs.open("rb")
    except OSError as error:
        raise ConfigError("the file can't be read", found=f"{pairs}: {error.strerror}") from None
    with table:
        register = Register(settings.register_file)
        enrolments = enrol_many(table, register, settings.namespace, key, deployment.consents)
    write_new(out, enrolments.file())
    write_line(f"{len(enrolments.joined) // 32} enrolments, root {to_hex(enrolments.batch.root)}")


def _persons(path: Path) -> list[str]:
    lines = read_text(path, "file of persons", limit=MAX_PERSONS).split("\n")
    persons = [line for line in lines if line]
    if len(set(persons)) != len(persons):
        raise InputError("a person stands in the file twice", found=path)
    return persons
