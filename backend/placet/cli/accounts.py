"""`placet account …`: an institution's address that is a contract, so that a lost or stolen key is replaced."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from placet.cli.inputs import (
    ChainUrl,
    DeploymentFile,
    NodeConfig,
    PassphraseFile,
    passphrase,
    read_address,
    read_deployment,
)
from placet.cli.operator import Operator
from placet.cli.output import say, write_line
from placet.core.errors import InputError

commands = typer.Typer(no_args_is_help=True, help="An institution's address whose key can be replaced.")
Account = Annotated[str, typer.Argument(help="The institution's address.")]


@commands.command("open")
def open_(
    config: NodeConfig,
    recovery: Annotated[str, typer.Option(metavar="ADDRESS", help="Who may give the institution another signer.")],
) -> None:
    """Put the account of an institution on chain that `placet init --recovery` made, by its signer's first transaction.
    Prints the institution's address."""
    from placet.chain.accounts import account_address, open_account
    from placet.core.signatures import Key
    from placet.core.values import to_hex

    operator, guardian = Operator(config), read_address(recovery)
    first = Key(operator.secret("signer"))
    if account_address(first.address) != operator.address:
        raise InputError(
            "this institution's address is no account of its signer",
            expected=to_hex(account_address(first.address)),
            found=to_hex(operator.address),
            remedy="placet init --recovery makes one",
        )
    write_line(to_hex(open_account(operator.settings.chain_url, first, guardian)))


@commands.command()
def roll(
    account: Account,
    signer: Annotated[str, typer.Option(metavar="ADDRESS", help="The new key's address.")],
    url: ChainUrl,
    key: Annotated[Path, typer.Option(help="The keystore of the recovery account.")],
    passphrase_file: PassphraseFile = None,
) -> None:
    """Give an institution another signer. What the one before signs is refused from that block on."""
    from placet.chain.accounts import roll_signer
    from placet.chain.keystore import load_secret
    from placet.core.signatures import Key

    whose, fresh = read_address(account), read_address(signer)
    roll_signer(url, Key(load_secret(key, passphrase(passphrase_file))), whose, fresh)
    say(f"{account} is signed for by {signer} now; start its node with that key")


@commands.command()
def show(account: Account, url: ChainUrl, deployment: DeploymentFile) -> None:
    """Print whose key signs for an institution now, and who may replace it."""
    from placet.chain.accounts import keys_of
    from placet.chain.client import Chain
    from placet.core.values import to_hex

    keys = keys_of(Chain(url, read_deployment(deployment)), read_address(account))
    write_line(f"signer {to_hex(keys.signer)}")
    write_line(f"recovery {to_hex(keys.recovery)}")
