"""An owner's wallet as commands read it: its folder, opened by its passphrase, and the client that stands on it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from placet.cli.inputs import passphrase

if TYPE_CHECKING:
    from placet.owner.client import OwnerClient
    from placet.owner.keys import OwnerKey
    from placet.owner.wallet import Kept, Wallet

WalletFolder = Annotated[
    Path, typer.Option("--wallet", envvar="PLACET_WALLET", help="The wallet's folder, made by `placet owner init`.")
]
ConsentArgument = Annotated[str, typer.Argument(help="The consent's id.")]


def open_wallet(folder: Path, passphrase_file: Path | None) -> Wallet:
    """AccessError for a wrong passphrase, ConfigError where there is no wallet."""
    from placet.owner.wallet import Wallet

    return Wallet.open(folder, passphrase(passphrase_file))


def client_of(wallet: Wallet) -> OwnerClient:
    """A client that believes the wallet's own copies of deployment file and trust list."""
    from placet.owner.client import OwnerClient

    return OwnerClient(wallet.deployment, wallet.trust)


def key_of(wallet: Wallet, record: Kept) -> OwnerKey:
    """The key that signed a consent; a P-256 one signs through the deployment's verifier."""
    return record.key(wallet.deployment.p256_verifier.address)
