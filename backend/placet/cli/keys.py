"""`placet key …`: keystores for those who are no institution: deployers and auditors."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from placet.cli.inputs import PassphraseFile, passphrase
from placet.cli.output import write_line

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
def show(file: File, passphrase_file: PassphraseFile = None) -> None:
    """Print the address of a key."""
    from placet.chain.keystore import load_secret
    from placet.core.signatures import Key
    from placet.core.values import to_hex

    write_line(to_hex(Key(load_secret(file, passphrase(passphrase_file))).address))
