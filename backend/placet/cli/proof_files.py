"""What the commands of proofs share: their files, amounts of money, and how a proof is made."""

from __future__ import annotations

import json
import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from placet.cli.inputs import read, read_address, read_span, read_text, write_new
from placet.cli.output import say
from placet.core.errors import InputError

if TYPE_CHECKING:
    from placet.chain.client import Chain
    from placet.chain.statements import RegisteredKey
    from placet.cli.operator import EnsureTransaction, Operator
    from placet.core.consent_trees import ConsentProof, ConsentTree
    from placet.core.statements import OpenedTotal, ProvenStatement, VerificationKey
    from placet.core.trust import Deployment, TrustList

Keys = Annotated[
    Path,
    typer.Option("--keys", envvar="PLACET_PROOF_KEYS", help="The folder with proving.key and verification.json."),
]
Proof = Annotated[
    Path,
    typer.Argument(
        help="The proof, as `placet prove band` or `placet owner prove` wrote it, or the text of its QR code."
    ),
]
NewProof = Annotated[Path, typer.Option(help="The new file, for the relying party.")]
NewTotal = Annotated[Path, typer.Option(help="The new file (mode 0600), for the person alone.")]
Until = Annotated[str, typer.Option("--valid", help="For how long, as in 7d.")]


def read_total(path: Path) -> OpenedTotal:
    """A signed total with what opens it."""
    from placet.core.statements import MAX_FILE, OpenedTotal
    from placet.core.values import parse

    return parse(OpenedTotal, read_text(path, "total", limit=MAX_FILE), limit=MAX_FILE, what=f"total {path}")


def read_proof(path: Path) -> ProvenStatement | ConsentProof:
    """A statement with its proof, as the file or as the text of its QR code."""
    from pydantic import Field, RootModel

    from placet.core.code import content_of
    from placet.core.consent_trees import ConsentProof
    from placet.core.statements import MAX_FILE, ProvenStatement
    from placet.core.values import parse

    class AnyProof(RootModel[Annotated[ProvenStatement | ConsentProof, Field(discriminator="type")]]):
        pass

    content = content_of(read_text(path, "proof", limit=MAX_FILE), limit=MAX_FILE)
    return parse(AnyProof, content, limit=MAX_FILE, what=f"proof {path}").root


def read_tree(path: Path) -> ConsentTree:
    """All leaves of a tree of consents."""
    from placet.core.consent_trees import MAX_TREE_FILE, ConsentTree
    from placet.core.values import parse

    return parse(ConsentTree, read(path, "tree", limit=MAX_TREE_FILE), limit=MAX_TREE_FILE, what=f"tree {path}")


def read_verification(folder: Path) -> VerificationKey:
    """The verification key of a folder of keys."""
    from placet.core.statements import MAX_FILE, VerificationKey
    from placet.core.values import parse

    text = read_text(folder / "verification.json", "verification key", limit=MAX_FILE)
    return parse(VerificationKey, text, limit=MAX_FILE, what=f"verification key in {folder}")


def read_registered(chain: Chain, key: bytes, own: VerificationKey | None) -> RegisteredKey:
    """The verification key as the chain has it. InputError where the relying party's `own` is another one."""
    from placet.chain.statements import registered_key
    from placet.core.values import to_hex

    registered = registered_key(chain, key)
    if own is not None and own != registered.verification:
        raise InputError("your key is not the one on chain", expected=to_hex(key), found=to_hex(own.id))
    return registered


def made_by(registered: RegisteredKey, trust: TrustList) -> list[str] | str:
    """Who made the key, by their names. What `demand_institutions` raises."""
    from placet.core.ceremonies import demand_institutions

    if not registered.contributors:
        return "none: one person made the key"
    return demand_institutions(registered.contributors, trust)


def key_registration(operator: Operator, key: VerificationKey) -> EnsureTransaction:
    """That a verification key is on chain."""
    from placet.chain.statements import is_registered, register_key
    from placet.cli.operator import EnsureTransaction

    call = register_key(operator.deployment, key)
    return EnsureTransaction(f"prove-key:{key.id.hex()}", call, lambda: is_registered(operator.chain, key.id))


def read_amount(text: str, decimals: int) -> int:
    """An amount as people write it, in the smallest unit: `1000.50` with two decimals is 100050. InputError for
    anything else, also for more decimals than there are."""
    match = re.fullmatch(r"([0-9]{1,20})(?:\.([0-9]{1,18}))?", text, re.ASCII)
    fraction = (match[2] or "") if match else ""
    if match is None or len(fraction) > decimals:
        form = f"digits and at most {decimals} decimals" if decimals else "digits"
        raise InputError("not an amount", expected=f"{form}, as in 1000{'.50'[: decimals + 1] if decimals else ''}",
                         found=text[:40])  # fmt: skip
    return int(match[1] + fraction.ljust(decimals, "0"))


def amount_of(value: int, decimals: int) -> str:
    """The inverse of `read_amount`."""
    digits = str(value).rjust(decimals + 1, "0")
    return f"{digits[:-decimals]}.{digits[-decimals:]}" if decimals else digits


@dataclass(frozen=True)
class ProofTerms:
    """For whom a proof is, whose it is (None: the person's of the total), and for how long, as people give them."""

    relying_party: str
    prover: str | None
    valid: str


def make_proof(
    opened: OpenedTotal, bounds: tuple[int, int], terms: ProofTerms, deployment: Deployment, keys: Path, out: Path
) -> None:
    """Prove that a total is in [low, high), and write the proof into a new file."""
    from placet.core.statements import MOST, BandStatement
    from placet.core.values import parse, to_hex
    from placet.protocols.zk import band
    from placet.protocols.zk.apart import ProverApart

    total, verification = opened.signed.total, read_verification(keys)
    if max(bounds) > MOST:
        raise InputError("no amount that can be proven", expected=f"at most {amount_of(MOST, total.decimals)}")
    body = {
        "key": to_hex(verification.id),
        "job": to_hex(total.job),
        "prover": to_hex(total.person if terms.prover is None else read_address(terms.prover)),
        "relying_party": to_hex(read_address(terms.relying_party)),
        "until": int(time.time()) + read_span(terms.valid),
        "commitment": to_hex(total.commitment),
        "low": str(bounds[0]),
        "high": str(bounds[1]),
    }
    if terms.prover is None and len(total.person) != 20:
        raise InputError("the person's key is no address", expected="--prover with an address", found="a public key")
    statement = parse(BandStatement, json.dumps(body), what="statement")
    began = time.monotonic()
    proven = band.prove(opened, statement, deployment.proven, ProverApart(keys / "proving.key"), verification)
    write_new(out, json.dumps(proven.to_json(), indent=1).encode())
    say(f"proven in {time.monotonic() - began:.2f} s")
