"""`placet owner prove …`: a person shows "at least this much" of a total, or that a consent is hers, and not which."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from placet.cli.inputs import (
    ChainUrl,
    DeploymentFile,
    PassphraseFile,
    read_address,
    read_consent,
    read_deployment,
    read_job,
    read_span,
    write_new,
)
from placet.cli.output import Commands, say, write_line
from placet.cli.proof_files import (
    Keys,
    NewProof,
    ProofTerms,
    Until,
    make_proof,
    read_amount,
    read_total,
    read_tree,
    read_verification,
)
from placet.cli.wallets import ConsentArgument, WalletFolder, client_of, key_of, open_wallet
from placet.core.errors import InputError

if TYPE_CHECKING:
    from placet.chain.client import Chain
    from placet.core.ids import OfferId

commands = typer.Typer(
    cls=Commands, no_args_is_help=True, help="Show something in zero knowledge, with no institution on line."
)


@commands.command()
def total(
    deployment: DeploymentFile,
    file: Annotated[Path, typer.Argument(help="The total that the institution signed for you. Keep it to yourself.")],
    at_least: Annotated[str, typer.Option(help="What you want to show, as in 1000.50.")],
    relying_party: Annotated[str, typer.Option("--for", help="To whom: the lender's address. Nobody else can use it.")],
    keys: Keys,
    out: NewProof,
    prover: Annotated[str | None, typer.Option(help="Your address, if your key in the total is none.")] = None,
    valid: Until = "7d",
) -> None:
    """Show a lender that you have at least this much, and nothing else. No institution is asked or told."""
    from placet.core.statements import MOST

    opened = read_total(file)
    least = read_amount(at_least, opened.signed.total.decimals)
    terms = ProofTerms(relying_party, prover, valid)
    make_proof(opened, (least, MOST), terms, read_deployment(deployment), keys, out)


def tag(wallet: WalletFolder, consent: ConsentArgument, passphrase_file: PassphraseFile = None) -> None:
    """Give the provider the word by which you can later prove this consent without saying that it is yours. Once."""
    from placet.core.consent_trees import ProofTag
    from placet.core.values import to_hex
    from placet.protocols.zk.consent import secret_of, tag_of

    opened = open_wallet(wallet, passphrase_file)
    record = opened.get(read_consent(consent))
    signed = ProofTag(consent=record.consent.id, tag=tag_of(secret_of(record.secret, record.consent.id)))

    async def ask() -> None:
        async with client_of(opened) as client:
            await client.give_tag(record.api, record.provider, key_of(opened, record), signed)

    asyncio.run(ask())
    write_line(to_hex(signed.tag))


def _demand_live(chain: Chain, offer: OfferId, root: bytes) -> None:
    from placet.chain.consent_trees import tree_state
    from placet.core.consent_trees import TreeState

    state = tree_state(chain, offer, root)
    if state is not TreeState.LIVE:
        raise InputError(
            "nothing can be proven by this tree", expected="a live one", found=state.name.lower(),
            remedy="ask the provider for its latest tree", code="proof.tree",
        )  # fmt: skip


@commands.command()
def consent(
    wallet: WalletFolder,
    consent: ConsentArgument,
    tree: Annotated[Path, typer.Option(help="All leaves, as the provider published them.")],
    job: Annotated[str, typer.Option(help="For which job: a consent counts once for each.")],
    relying_party: Annotated[str, typer.Option("--for", help="To whom, an address. Nobody else can use it.")],
    prover: Annotated[str, typer.Option(help="For whom it is recorded: an address that nobody knows as yours.")],
    url: ChainUrl,
    keys: Keys,
    out: NewProof,
    valid: Until = "7d",
    passphrase_file: PassphraseFile = None,
) -> None:
    """Show that one of the provider's live consents is yours, and not which. No institution is asked or told."""
    from placet.chain.client import Chain
    from placet.core.consent_trees import ConsentStatement
    from placet.core.values import parse, to_hex
    from placet.protocols.zk import consent as circuit
    from placet.protocols.zk.apart import ProverApart

    opened, leaves = open_wallet(wallet, passphrase_file), read_tree(tree)
    record = opened.get(read_consent(consent))
    here = opened.deployment.chain_id, opened.deployment.consent_trees.address
    if (leaves.chain_id, leaves.consent_trees) != here:
        raise InputError("the tree is for another deployment", expected=f"chain {here[0]}, {to_hex(here[1])}",
                         found=f"chain {leaves.chain_id}, {to_hex(leaves.consent_trees)}")  # fmt: skip
    if leaves.offer != record.consent.offer.id:
        raise InputError("the tree is of another offer", expected=to_hex(record.consent.offer.id),
                         found=to_hex(leaves.offer))  # fmt: skip
    secret = circuit.secret_of(record.secret, record.consent.id)
    root, witness = circuit.membership(leaves, secret)
    chain = Chain(url, opened.deployment)
    chain.check()
    _demand_live(chain, leaves.offer, root)
    verification, of = read_verification(keys), read_job(job)
    body = {
        "key": to_hex(verification.id),
        "job": to_hex(of),
        "prover": to_hex(read_address(prover)),
        "relying_party": to_hex(read_address(relying_party)),
        "until": int(time.time()) + read_span(valid),
        "offer": to_hex(leaves.offer),
        "root": to_hex(root),
        "nullifier": to_hex(circuit.nullifier_of(secret, of)),
    }
    statement, began = parse(ConsentStatement, json.dumps(body), what="statement"), time.monotonic()
    proven = circuit.prove(witness, statement, opened.deployment, ProverApart(keys / "proving.key"), verification)
    write_new(out, json.dumps(proven.to_json(), indent=1).encode())
    say(f"one of {len(leaves.numbers)} consents, proven in {time.monotonic() - began:.2f} s")
