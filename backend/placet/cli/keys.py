"""`placet key …`: keystores of deployers and auditors; a new key for a node in the place of a lost or stolen one."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Annotated

import typer

from placet.cli.inputs import NodeConfig, PassphraseFile, passphrase
from placet.cli.output import say, write_line

commands = typer.Typer(no_args_is_help=True, help="Encrypted keys of deployers and auditors.")
File = Annotated[Path, typer.Argument(help="The keystore file.")]


@commands.command()
def new(file: File, passphrase_file: PassphraseFile = None) -> None:
    """Make a key and print its address."""
    from placet.chain.keystore import save_secret
    from placet.core.signatures import Key
    from placet.core.values import to_hex

    key = Key()
    save_secret(file, key.secret, passphrase(passphrase_file, confirm=True))
    write_line(to_hex(key.address))


@commands.command()
def show(
    file: File,
    noise: Annotated[
        bool, typer.Option("--noise", help="Print the key that parties open their noise to, not the address.")
    ] = False,
    passphrase_file: PassphraseFile = None,
) -> None:
    """Print the address of a key; with --noise what an auditor tells parties that open their noise to him."""
    from placet.chain.keystore import load_secret
    from placet.core.auditor_sealing import auditor_secret
    from placet.core.masking import public_key
    from placet.core.signatures import Key
    from placet.core.values import to_hex

    secret = load_secret(file, passphrase(passphrase_file))
    write_line(to_hex(public_key(auditor_secret(secret)) if noise else Key(secret).address))


@commands.command("roll-hpke")
def roll_hpke(
    config: NodeConfig,
    lost: Annotated[
        bool, typer.Option("--lost", help="The old key can't be opened any more: go on without it.")
    ] = False,
) -> None:
    """Give a node a new HPKE key from its next start on. The old one stays beside it, to open what was sealed to it.
    With --lost open jobs abort then, and results under the old key are lost. Prints the new public key."""
    from placet.chain.keystore import load_secret, read_passphrase, save_secret
    from placet.core.masking import public_key
    from placet.core.values import to_hex
    from placet.node.config import NodeSettings

    settings = NodeSettings.load(config)
    opener, folder = read_passphrase(settings.path(settings.passphrase_file)), settings.folder / "keys"
    present, fresh = folder / "hpke.json", folder / ".hpke.json.new"
    if not lost:
        load_secret(present, opener)
    number = 1 + len(list(folder.glob("hpke-*")))
    secret = secrets.token_bytes(32)
    fresh.unlink(missing_ok=True)
    save_secret(fresh, secret, opener)
    if present.exists():
        aside = folder / (f"hpke-{number}.json" if not lost else f"hpke-{number}.lost")
        os.link(present, aside)
        say(f"{aside}: the key that it was")
    fresh.replace(present)
    say("stop the node and start it: it takes its keys as it starts")
    write_line(to_hex(public_key(secret)))
