"""Keys of the circuit `consent` from a set-up by one person, this test run: 4 s of processor time, never shipped; and
owners whose consents lie in a tree."""

from __future__ import annotations

import functools
import json
import secrets
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from placet.core.consent_trees import ConsentProof, ConsentStatement, ConsentTree
from placet.core.ids import ConsentId, JobId, OfferId
from placet.core.statements import VerificationKey
from placet.core.trust import Deployment
from placet.core.values import ZERO20, ZERO32
from proving import CIRCUITS, compiled


@dataclass(frozen=True)
class ConsentKeys:
    """`proving` as `groth16.ProvingKey`; `snarkjs`: the verification key as snarkjs has it; `bytes_`: as the contract
    registers it."""

    proving: Any
    snarkjs: dict[str, Any]
    file: Path

    def verification(self, deployment: Deployment, ceremony: bytes = ZERO32) -> VerificationKey:
        from placet.protocols.zk.circuit import CONSENT
        from placet.protocols.zk.groth16 import from_snarkjs

        return VerificationKey(
            circuit=CONSENT.id,
            ceremony=ceremony,
            nullifier=CONSENT.nullifier,
            checker=CONSENT.checker(deployment),
            key=from_snarkjs(self.snarkjs),
        )

    def folder(self, deployment: Deployment) -> Path:
        """What commands take as `--keys`."""
        folder = Path(tempfile.mkdtemp(prefix="placet-consent-"))
        (folder / "proving.key").symlink_to(self.file)
        (folder / "verification.json").write_text(json.dumps(self.verification(deployment).to_json()))
        return folder


@functools.cache
def consent_keys() -> ConsentKeys:
    """Once a process."""
    proving, verification = compiled(CIRCUITS / "consent.circom")
    from placet.protocols.zk.groth16 import ProvingKey

    file = Path(tempfile.mkdtemp(prefix="placet-consent-")) / "proving.key"
    proving.save(str(file))
    return ConsentKeys(ProvingKey(file), json.loads(verification.to_json()), file)


class Holder:
    """An owner with the secret of one consent."""

    def __init__(self) -> None:
        from placet.protocols.zk.consent import secret_of, tag_of

        self.secret = secret_of(secrets.token_bytes(32), ConsentId(secrets.token_bytes(32)))
        self.tag = tag_of(self.secret)

    def statement(
        self, tree: ConsentTree, job: JobId, key: VerificationKey, *, prover: bytes, relying_party: bytes = ZERO20
    ) -> ConsentStatement:
        """That the consent lies in the tree, for an hour."""
        from placet.protocols.zk.consent import membership, nullifier_of

        return ConsentStatement(
            key=key.id,
            job=job,
            prover=prover,
            relying_party=relying_party,
            until=int(time.time()) + 3600,
            offer=tree.offer,
            root=membership(tree, self.secret).root,
            nullifier=nullifier_of(self.secret, job),
        )

    def proof(self, tree: ConsentTree, statement: ConsentStatement, deployment: Deployment) -> ConsentProof:
        """The statement with its proof."""
        from placet.protocols.zk.consent import membership, prove

        witness, keys = membership(tree, self.secret).witness, consent_keys()
        return prove(witness, statement, deployment, keys.proving, keys.verification(deployment))


def tree_of(holders: Sequence[Holder], offer: OfferId, deployment: Deployment) -> ConsentTree:
    """As the provider makes it of their tags."""
    from placet.protocols.zk.consent import leaf_of

    leaves = sorted(leaf_of(one.tag, offer) for one in holders)
    return ConsentTree(
        chain_id=deployment.chain_id,
        consent_trees=deployment.consent_trees.address,
        offer=offer,
        leaves=b"".join(leaf.to_bytes(32, "big") for leaf in leaves),
    )
