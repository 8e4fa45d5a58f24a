"""`placet witness …`: an independent process that signs what all of a deployment's events come to."""

from __future__ import annotations

import json
import logging
import re
import secrets
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from placet.cli.inputs import AsJson, demand_url, read, read_deployment, write_new
from placet.cli.output import Commands, emit, say, write_line
from placet.core.errors import ChainError, InputError, StateError

if TYPE_CHECKING:
    from placet.core.signed_note import WitnessKey
    from placet.witness.witness import Witness

commands = typer.Typer(cls=Commands, help="A witness of the chain: signs what all of a deployment's events come to.")
ConfigOption = Annotated[
    Path, typer.Option("--config", envvar="PLACET_WITNESS_CONFIG", help="The witness's witness.toml.")
]
WitnessOption = Annotated[
    list[str], typer.Option("--witness", metavar="VKEY|FILE", help="A witness's key, as placet witness key prints it.")
]
EXIT = {"same": 0, "fork": 3, "undecided": 5}


@commands.command("init")
def init(
    folder: Annotated[Path, typer.Argument(help="The witness's folder; must not exist.")],
    name: Annotated[str, typer.Option(help="A name like a URL without its scheme: witness.example.org/placet.")],
    deployment: Annotated[Path, typer.Option(envvar="PLACET_DEPLOYMENT", help="Your own copy of the deployment file.")],
    url: Annotated[
        str,
        typer.Option("--url", envvar="PLACET_CHAIN_URL", help="Your own chain endpoint.", callback=demand_url),
    ],
    passphrase_file: Annotated[
        Path, typer.Option(envvar="PLACET_PASSPHRASE_FILE", help="File (mode 0600) whose first line opens the key.")
    ],
    every: Annotated[
        int,
        typer.Option(min=1, max=100_000, help="Sign at multiples of this block number; the same for all witnesses."),
    ] = 32,
) -> None:
    """Make a witness's folder: key and settings. Prints the key that verifiers name with --witness."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from placet.chain.keystore import read_passphrase, save_secret
    from placet.witness.settings import NAME
    from placet.witness.witness import witness_key

    own = read_deployment(deployment)
    if not re.fullmatch(NAME, name):
        raise InputError("no name for a witness", expected="such as witness.example.org/placet", found=name[:100])
    if folder.exists():
        raise StateError("the folder exists already", found=folder, remedy="choose another one")
    secret = secrets.token_bytes(32)
    key = witness_key(name, Ed25519PrivateKey.from_private_bytes(secret))
    opener = read_passphrase(passphrase_file)
    folder.mkdir(parents=True, mode=0o700)
    save_secret(folder / "witness.json", secret, opener)
    write_new(folder / "deployment.json", own.model_dump_json().encode())
    lines: dict[str, str | int] = {
        "name": name, "chain_url": url, "deployment": "deployment.json", "key": "witness.json",
        "passphrase_file": str(passphrase_file.absolute()), "every": every,
    }  # fmt: skip
    text = "".join(
        f"{field} = {value if isinstance(value, int) else _quoted(value)}\n" for field, value in lines.items()
    )
    write_new(folder / "witness.toml", text.encode())
    write_line(key.vkey)


@commands.command("key")
def key_(config: ConfigOption) -> None:
    """Print the witness's key."""
    write_line(_witness(config).key.vkey)


@commands.command("once")
def once(config: ConfigOption) -> None:
    """Read up to the newest confirmed block and sign. Exit code 1 where the chain contradicts what was signed."""
    witness = _witness(config)
    block = witness.once()
    say("nothing newer to sign" if block is None else f"signed block {block.number}, {block.checkpoint.size} events")


@commands.command("run")
def run(config: ConfigOption) -> None:
    """Do that again and again until told to end. Ends by itself where the chain contradicts what was signed."""
    from placet.core.logs import log_to_stderr

    log_to_stderr(logging.WARNING)
    witness = _witness(config)
    while True:
        try:
            if (block := witness.once()) is not None:
                say(f"signed block {block.number}, {block.checkpoint.size} events")
        except ChainError as error:
            say(f"the chain can't be followed now, tried again in {witness.settings.seconds:g} s: {error}")
        time.sleep(witness.settings.seconds)


@commands.command("compare")
def compare(
    first: Annotated[Path, typer.Argument(help="A checkpoint file of a witness.")],
    second: Annotated[Path, typer.Argument(help="Another one's, or an older one.")],
    witness: WitnessOption,
    as_json: AsJson = False,
) -> None:
    """Do two signed checkpoints tell one history? Exit code 0 the same, 3 a fork is proven, 5 undecided."""
    from dataclasses import asdict

    from placet.core.signed_note import parse_note
    from placet.witness.comparing import compare as held

    notes = [parse_note(read(file, "checkpoint")) for file in (first, second)]
    outcome = held(notes[0], notes[1], witnesses(witness))
    if as_json:
        emit(asdict(outcome))
    else:
        write_line(f"{outcome.agreement}: {outcome.words}")
        write_line(f"first signed by {', '.join(outcome.first)}; second by {', '.join(outcome.second)}")
        if outcome.agreement == "fork" and outcome.both:
            write_line(f"against their own signatures: {', '.join(outcome.both)}")
    if EXIT[outcome.agreement]:
        raise typer.Exit(EXIT[outcome.agreement])


def witnesses(given: list[str]) -> tuple[WitnessKey, ...]:
    """Keys out of lines or files of lines. InputError for one that is none."""
    from placet.core.signed_note import parse_vkey

    lines: list[str] = []
    for one in given:
        text = one if "+" in one else read(Path(one), "witness's key").decode(errors="replace")
        lines += [line for line in text.splitlines() if line.strip()]
    if not lines:
        raise InputError("no witness's key", expected="NAME+ID+KEY, or a file of such lines", found="none")
    return tuple(parse_vkey(line) for line in lines)


def _quoted(value: str) -> str:
    return json.dumps(value)


def _witness(config: Path) -> Witness:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from placet.chain.client import Chain
    from placet.chain.keystore import load_secret, read_passphrase
    from placet.witness.settings import load_settings
    from placet.witness.witness import Witness

    settings = load_settings(config)
    secret = load_secret(settings.key, read_passphrase(settings.passphrase_file))
    chain = Chain(settings.chain_url, read_deployment(settings.deployment))
    return Witness(settings, chain, Ed25519PrivateKey.from_private_bytes(secret))
