"""`placet prove tree`, and what `placet prove check` says of a consent: the provider's and the relying party's half of
anonymous consent. The owner's is in `owner_prove`."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from placet.cli.inputs import NodeConfig, Timeout, read_address, read_offer, read_span, when, write_new
from placet.cli.operator import EnsureTransaction, Operator
from placet.cli.output import say, write_line
from placet.cli.proof_files import made_by, read_registered
from placet.core.errors import ConfigError, InputError, StateError

if TYPE_CHECKING:
    from placet.chain.client import Chain
    from placet.core.consent_trees import ConsentProof, ConsentTree, KeptTag, PublishedTree
    from placet.core.ids import OfferId
    from placet.core.statements import VerificationKey
    from placet.core.trust import TrustList


def tree(
    config: NodeConfig,
    offer: Annotated[str, typer.Argument(help="One of this institution's offers.")],
    out: Annotated[Path, typer.Option(help="The new file with all leaves, for everybody.")],
    valid: Annotated[
        str, typer.Option(help="For how long at most, as in 7d; consents that expire before are left out.")
    ] = "7d",
    timeout: Timeout = 120,
) -> None:
    """Publish a tree of the live consents to an offer whose owners gave a tag: what they prove anonymously by."""
    from placet.chain.consent_trees import publish_tree, published_tree, tree_state
    from placet.core.consent_trees import TreeState
    from placet.core.values import to_hex

    if out.exists():
        raise ConfigError("the file can't be made", expected="no file yet, before the tree is on chain", found=out)
    operator, of = Operator(config), read_offer(offer)
    leaves, published = _built(operator, of, int(time.time()) + read_span(valid))
    operator.demand_running()
    root = published.root
    name = f"consent-tree:{root.hex()}:{published.until}:{published.epoch.hex()[:16]}:{published.unproven.hex()[:16]}"

    def stands() -> bool:
        chain = operator.chain
        return published_tree(chain, of, root) == published and tree_state(chain, of, root) is TreeState.LIVE

    operator.send([EnsureTransaction(name, publish_tree(operator.deployment, published), stands)], timeout)
    write_new(out, json.dumps(leaves.to_json()).encode())
    say(f"{published.leaves} consents, until {when(published.until)} at most, and until one to this offer ends")
    write_line(to_hex(root))


def _built(operator: Operator, offer: OfferId, until: int) -> tuple[ConsentTree, PublishedTree]:
    """All leaves, and what goes on chain. InputError where there is none."""
    from placet.core.consent_trees import LEAF_SIZE, ConsentTree, PublishedTree
    from placet.core.values import parse, to_hex
    from placet.protocols.zk.consent import leaf_of
    from placet.protocols.zk.consent_tree import PoseidonTree

    (epoch, unproven), listed = live_tags(operator, offer)
    tags = [one for one in listed if one.not_after >= until]
    if not tags:
        raise InputError(
            "there is no consent to publish",
            expected="owners of live consents who gave a tag",
            found=f"{len(listed)} tags of live consents, none of which is valid so long",
            remedy="owners: placet owner tag",
            code="proof.no-tags",
        )
    # Two consents of one secret are one leaf: it would be used once a job anyway.
    numbers = sorted({leaf_of(one.signed.tag, offer) for one in tags})
    deployment = operator.deployment
    leaves = {
        "chain_id": str(deployment.chain_id),
        "consent_trees": to_hex(deployment.consent_trees.address),
        "offer": to_hex(offer),
        "leaves": to_hex(b"".join(number.to_bytes(LEAF_SIZE, "big") for number in numbers)),
    }
    published = {
        "offer": offer,
        "root": PoseidonTree(numbers).root.to_bytes(32, "big"),
        "epoch": epoch,
        "unproven": unproven,
        "until": until,
        "opens_before": min(one.opens_before for one in tags),
        "leaves": len(numbers),
    }
    return parse(ConsentTree, leaves, what="tree"), parse(PublishedTree, published, what="tree")


def live_tags(operator: Operator, offer: OfferId) -> tuple[tuple[bytes, bytes], list[KeptTag]]:
    """The heads of ended consents that the node saw, and the tags of those that live, each under its owner's signature.
    What isn't is left out: a contract may take back what it signed, and keeps nobody else from proving by that.
    StateError where a consent ended in between."""
    from placet.chain.client import erc1271
    from placet.core.consent_trees import KeptTag
    from placet.core.values import from_hex, parse, to_hex

    path, cursor = f"/v1/offers/{to_hex(offer)}/tags", ""
    signers = operator.deployment.verifiers.asking(erc1271(operator.chain.rpc))
    heads: set[tuple[str, str]] = set()
    tags: list[KeptTag] = []
    while True:
        page = operator.ask("GET", path + cursor)
        heads.add((page["epoch"], page["unproven"]))
        for body in page["tags"]:
            one = parse(KeptTag, body, what="tag")
            if signers.accepts(one.owner, one.signed.digest(operator.deployment.consents), one.signature):
                tags.append(one)
            else:
                say(f"left out: {to_hex(one.signed.consent)}, whose tag its owner does not sign, or not any more")
        if page["cursor"] is None:
            break
        cursor = f"?cursor={page['cursor']}"
    if len(heads) > 1:
        raise StateError("a consent ended while the tags were read", remedy="give the command again")
    epoch, unproven = heads.pop()
    return (from_hex(epoch, size=24), from_hex(unproven, size=24)), tags


def checked_consent(
    proven: ConsentProof, chain: Chain, own: VerificationKey | None, trust: TrustList, relying_party: str | None
) -> dict[str, Any]:
    """What a relying party is told of a proof about a consent, all of it checked; refused otherwise."""
    from placet.chain.consent_trees import consent_on_chain, question_of
    from placet.core.values import to_hex
    from placet.protocols.zk.relying import demand_consent_proven

    statement, deployment = proven.statement, chain.deployment
    registered = read_registered(chain, statement.key, own)
    relying = None if relying_party is None else read_address(relying_party)
    demand_consent_proven(
        proven, registered.verification, deployment=deployment, relying_party=relying, now=int(time.time())
    )
    ceremony = made_by(registered, trust)
    stands = consent_on_chain(chain, question_of(chain, statement))
    provider, published = trust.institution(stands.provider).name, stands.demand_stands()
    return {
        "shows": f"one of {published.leaves} consents, which is not named",
        "offer": to_hex(statement.offer),
        "leaves_vouched_for_by": provider,
        "tree": stands.state.name.lower(),
        "as_of": f"block {stands.block}, {when(stands.time)}",
        "nullifier": to_hex(statement.nullifier),
        "prover": to_hex(statement.prover),
        "for": to_hex(statement.relying_party),
        "until": when(statement.until),
        "job": to_hex(statement.job),
        "key": to_hex(statement.key),
        "ceremony": ceremony,
        "recorded": when(stands.recorded_at) if stands.recorded_at else "no",
    }
