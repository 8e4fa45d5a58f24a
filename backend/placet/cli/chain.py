"""`placet chain …` and `placet deploy`: a local chain, and the contracts on any chain."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from placet.cli.inputs import AsJson, ChainUrl, PassphraseFile, passphrase, read_address, write_new
from placet.cli.output import emit, say, write_line
from placet.core.chains import Evm, Finality
from placet.core.errors import ConfigError, InputError

if TYPE_CHECKING:
    from placet.chain.local import LocalStatus
    from placet.chain.network.host import NetworkStatus
    from placet.core.signatures import Key

LOCAL_CHAIN = 31337
MOST_CONFIRMATIONS = 1000
commands = typer.Typer(
    no_args_is_help=True, help="A local chain for development: Anvil as a child process, its state on disk."
)
Folder = Annotated[Path, typer.Option("--folder", help="Where the chain keeps its state and log.")]


def _show_network(status: NetworkStatus, as_json: bool) -> None:
    if as_json:
        emit(
            {
                "running": status.pid is not None,
                "chain_id": status.chain_id,
                "pid": status.pid,
                "nodes": [asdict(node) for node in status.nodes],
            }
        )
    elif status.pid is None:
        write_line(f"down ({status.folder})")
    else:
        write_line(f"up, chain id {status.chain_id}, process {status.pid}")
        for node in status.nodes:
            write_line(
                f"{node.url}: block {node.block}, finalized {node.finalized}" if node.runs else f"{node.url}: down"
            )


def _show(status: LocalStatus, as_json: bool) -> None:
    running = status.running
    if as_json:
        emit(
            {
                "running": running is not None,
                "url": None if running is None else running.url,
                "chain_id": None if running is None else running.chain_id,
                "block": status.block,
                "pid": None if running is None else running.pid,
            }
        )
    elif running is None:
        write_line(f"down ({status.folder})")
    else:
        write_line(f"up at {running.url}, chain id {running.chain_id}, block {status.block}, process {running.pid}")


@commands.command()
def up(
    folder: Folder = Path(".chain"),
    port: Annotated[int, typer.Option(min=1, max=65_535, help="Port on loopback.")] = 8545,
    chain_id: Annotated[int, typer.Option(min=1, help="The chain's id.")] = LOCAL_CHAIN,
    block_time: Annotated[
        float | None,
        typer.Option(min=0.1, max=3600, help="Seconds between blocks: 1, or with validators 2, which must be whole."),
    ] = None,
    validators: Annotated[
        int | None,
        typer.Option(
            min=4, max=8, help="So many nodes with a consensus instead of Anvil, at as many ports from --port."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Start the folder's chain, or say that it runs."""
    if validators is not None:
        from placet.chain.network import host

        say("starting the network's nodes: this takes a minute or more")
        _show_network(host.up(folder, host.settings_of(validators, port, chain_id, block_time or 2)), as_json)
        return
    from placet.chain import local

    block_time = block_time or 1.0
    _show(local.up(folder, port=port, chain_id=chain_id, block_time=block_time), as_json)


@commands.command()
def down(folder: Folder = Path(".chain"), as_json: AsJson = False) -> None:
    """Stop the folder's chain. Nothing is lost."""
    from placet.chain import local
    from placet.chain.network import host

    if host.is_network(folder):
        _show_network(host.down(folder), as_json)
        return

    _show(local.down(folder), as_json)


@commands.command()
def status(folder: Folder = Path(".chain"), as_json: AsJson = False) -> None:
    """Say whether the folder's chain runs."""
    from placet.chain import local
    from placet.chain.network import host

    if host.is_network(folder):
        _show_network(host.status(folder), as_json)
        return

    _show(local.status(folder), as_json)


@commands.command()
def install(
    validators: Annotated[
        bool, typer.Option("--validators", help="The clients of a network of validators instead, into the checkout.")
    ] = False,
) -> None:
    """Put the pinned Anvil into your cache folder: from npm, by its client, checked against its hash."""
    if validators:
        from placet.chain.install import install_clients

        write_line(str(install_clients()))
        return
    from placet.chain.install import install as bring

    write_line(str(bring()))


@commands.command()
def fund(
    addresses: Annotated[list[str], typer.Argument(help="Whom to give, 0x… addresses.")],
    url: ChainUrl = "http://127.0.0.1:8545",
    ether: Annotated[int, typer.Option(min=1, max=10_000, help="The new balance, in ether.")] = 10,
) -> None:
    """Set accounts' balances on a local chain, so that they can pay for gas."""
    from placet.chain.finality import is_development
    from placet.chain.local import rpc
    from placet.chain.rpc import Rpc
    from placet.core.values import to_hex

    _demand_local(url)
    accounts, wei = [read_address(text) for text in addresses], ether * 10**18
    if is_development(Rpc(url)):
        for account in accounts:
            rpc(url, "anvil_setBalance", to_hex(account), hex(wei))
    else:
        from placet.chain.deploy import pay

        pay(url, _local_key(), accounts, wei)
    for account in accounts:
        write_line(f"{to_hex(account)} has {ether} ether")


def _demand_local(url: str) -> None:
    from placet.chain.local import rpc

    chain_id = int(rpc(url, "eth_chainId"), 16)
    if chain_id != LOCAL_CHAIN:
        raise InputError("this works on a local chain only", expected=f"chain id {LOCAL_CHAIN}", found=chain_id)


def deploy(
    url: ChainUrl,
    out: Annotated[Path, typer.Option("--out", help="The deployment file to write; must not exist.")],
    key: Annotated[Path | None, typer.Option("--key", help="Keystore file of the account that pays.")] = None,
    local_key: Annotated[
        bool, typer.Option("--local-key", help="Pay with the first funded account of a local chain (id 31337).")
    ] = False,
    confirmations: Annotated[
        str | None,
        typer.Option(
            metavar="NUMBER|safe|finalized",
            help="From when on an event counts: so many blocks above it, or the chain's tag. finalized where there is "
            "one; 0 on Anvil.",
        ),
    ] = None,
    evm: Annotated[
        Evm, typer.Option("--evm", help="The chain's rules: osaka has the P-256 precompile, cancun need not.")
    ] = "osaka",
    passphrase_file: PassphraseFile = None,
) -> None:
    """Put the contracts on a chain and write the deployment file that nodes, owners and auditors read."""
    import json

    if out.exists():
        raise ConfigError("the deployment file exists already", found=out, remedy="choose another name")
    signer = _deployer(url, key, local_key, passphrase_file)

    from placet.chain.deploy import deploy as put

    deployment = put(url, signer, _confirmations(confirmations), evm)
    write_new(out, json.dumps(deployment.to_json(), indent=2).encode() + b"\n")
    say(f"deployed on chain {deployment.chain_id} in block {deployment.block}")
    write_line(str(out))


def _confirmations(words: str | None) -> int | Finality | None:
    tags: dict[str, Finality] = {"safe": "safe", "finalized": "finalized"}
    if words is None or words in tags:
        return None if words is None else tags[words]
    if not words.isdecimal() or int(words) > MOST_CONFIRMATIONS:
        raise typer.BadParameter(f"--confirmations takes a number up to {MOST_CONFIRMATIONS}, safe or finalized")
    return int(words)


def _deployer(url: str, key: Path | None, local_key: bool, passphrase_file: Path | None) -> Key:
    from placet.core.signatures import Key

    if local_key == (key is not None):
        raise typer.BadParameter("give either --key FILE or --local-key")
    if key is not None:
        from placet.chain.keystore import load_secret

        return Key(load_secret(key, passphrase(passphrase_file)))
    _demand_local(url)
    return _local_key()


def _local_key() -> Key:
    """Of the first account that a local chain funds."""
    from placet.chain.local import dev_account
    from placet.core.signatures import Key

    return Key(bytes(dev_account(0).key))
