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
