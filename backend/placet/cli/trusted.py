"""What an auditor trusts: contracts and names from his own files or one signed list, hashes of blocks that he gives by
number or that enough witnesses signed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from placet.cli.inputs import read, read_any_trust, read_deployment
from placet.cli.witness import witnesses
from placet.core.errors import InputError
from placet.core.values import from_hex, to_hex

if TYPE_CHECKING:
    from placet.cli.confined import TrustedHashes
    from placet.core.signed_note import WitnessKey
    from placet.core.trust import Deployment, TrustList

BlockOption = Annotated[
    list[str] | None,
    typer.Option(
        "--block",
        metavar="NUMBER=HASH",
        help="The hash of a block as you have it from somebody you trust: the facts must follow from it. Repeatable.",
    ),
]
CheckpointOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--checkpoint", metavar="FILE", help="A checkpoint that witnesses signed, from which the facts must follow."
    ),
]
WitnessesOption = Annotated[
    list[str] | None,
    typer.Option("--witness", metavar="VKEY|FILE", help="The key of a witness that you trust. Repeatable."),
]
QuorumOption = Annotated[
    int | None, typer.Option("--quorum", min=1, help="So many of them must have signed the same checkpoint; else all.")
]


@dataclass(frozen=True)
class OwnFiles:
    """Which contracts, who is whom, and of which witnesses `quorum` must agree, as far as the auditor's files say."""

    deployment: Deployment | None
    trust: TrustList | None
    witnesses: tuple[WitnessKey, ...] = ()
    quorum: int | None = None


def own_files(deployment: Path | None, trust: Path | None) -> OwnFiles:
    """From a deployment file and a trust list, or all from a signed list. InputError where the two name different
    deployments; else as `SignedTrust.demand_valid`."""
    own = None if deployment is None else read_deployment(deployment)
    if trust is None:
        return OwnFiles(own, None)
    signed, known = read_any_trust(trust)
    if signed is None:
        return OwnFiles(own, known)
    content = signed.content
    if own is not None and own != content.deployment:
        raise InputError(
            "the signed trust list is for another deployment",
            expected=f"chain {own.chain_id}, ledger {to_hex(own.job_ledger.address)}",
            found=f"chain {content.deployment.chain_id}, ledger {to_hex(content.deployment.job_ledger.address)}",
            remedy="leave out --deployment, if the list is right",
            code="trust.chain",
        )
    return OwnFiles(content.deployment, known, content.witness_keys, content.quorum)


def trusted_hashes(
    blocks: Sequence[str],
    checkpoints: Sequence[Path],
    keys: Sequence[str],
    quorum: int | None,
    own: OwnFiles,
) -> TrustedHashes | None:
    """None where nothing is demanded. Witnesses are those of `keys`, else the signed list's. InputError for what is
    malformed or contradicts itself, and where no checkpoint has enough signatures; SignatureError for a forged one."""
    from placet.cli.confined import TrustedHashes
    from placet.core.cosigning import log_origin, vouched
    from placet.core.signed_note import parse_note

    if not blocks and not checkpoints:
        if keys or quorum is not None:
            raise InputError("witnesses without a checkpoint", expected="--checkpoint FILE", found="none")
        return None
    known, whose, logs = dict(map(_block, blocks)), ["you"] if blocks else [], []
    if len(known) != len(set(blocks)):
        raise InputError("two hashes of one block", expected="one a number", found=len(blocks))
    if checkpoints:
        if own.deployment is None:
            raise InputError("a checkpoint is about a deployment", expected="--deployment FILE", found="none")
        if keys or not own.witnesses:
            mine = witnesses(list(keys))
            needed = len(mine) if quorum is None else quorum
        else:
            mine = own.witnesses
            needed = (own.quorum or len(mine)) if quorum is None else quorum
        notes = [parse_note(read(file, "checkpoint")) for file in checkpoints]
        shown = vouched(notes, mine, needed, log_origin(own.deployment))
        if not shown:
            raise InputError(
                "too few witnesses signed one checkpoint",
                expected=f"{needed} of {len(mine)}",
                remedy="get checkpoints of the same block: witnesses sign at multiples of one number",
            )
        for number, one in shown.items():
            logs.append((number, one.shown.checkpoint.size, one.shown.checkpoint.root))
            if known.setdefault(number, one.shown.hash) != one.shown.hash:
                raise InputError("witnesses signed another block than you gave", expected=to_hex(known[number]))
        names = sorted({name for one in shown.values() for name in one.witnesses})
        whose.append(f"at least {needed} of {len(mine)} witnesses ({', '.join(names)})"[:300])
    return TrustedHashes(blocks=tuple(known.items()), whose=" and ".join(whose), logs=tuple(logs))


def _block(given: str) -> tuple[int, bytes]:
    number, equals, hash_ = given.partition("=")
    if not equals or not number.isascii() or not number.isdigit() or len(number) > 15:
        raise InputError("not a block", expected="NUMBER=HASH", found=given[:100])
    return int(number), from_hex(hash_, size=32)
