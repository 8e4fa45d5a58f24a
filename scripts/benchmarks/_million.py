"""What the benchmark `audit` audits: an honest job as the tests make theirs, one of whose providers has many people."""

from __future__ import annotations

import multiprocessing
import secrets
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

from placet.core.consent import ConsentFields

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests" / "audit"))
from simulator import START, Simulation

from placet.audit.facts import Anchored
from placet.audit.sections import Sections
from placet.core.enrolment_batch import signed
from placet.core.evidence import Batch, Evidence, InputEvidence, Section, ShownEnrolments
from placet.core.hashing import sha256
from placet.core.ids import BatchRoot
from placet.core.leaves import LeafRecord, encode_leaves
from placet.core.merkle import batch_root, lawful_root
from placet.core.offers import Offer, Scope
from placet.core.plan import Input
from placet.core.signatures import Key
from placet.core.trust import Deployment, TrustList
from placet.core.wording import Wording

STEP = 2_000
WINDOW = (START - 1000, START + 10_000_000, 0, 3)


def _made(
    offer: Offer, scope: Scope, trust: TrustList, deployment: Deployment, secret: bytes, count: int
) -> list[tuple[bytes, bytes, LeafRecord, tuple[bytes, bytes]]]:
    """Of so many people id, row, leaf without the roots that are not known yet, and the pair that is enrolled."""
    wording, enroller, digest = Wording(offer, scope, trust.name), Key(secret), deployment.consents.digest
    made = []
    for _ in range(count):
        owner, subject, salt, row = Key(), *(secrets.token_bytes(32) for _ in range(3))
        consent = ConsentFields(owner.address, *WINDOW, subject, salt)
        identity = wording.consent_id(consent)
        signature = owner.sign(digest(identity))
        leaf = LeafRecord(consent, signature, enroller.address, subject, bytes(32), row, BatchRoot(bytes(32)))
        made.append((identity, row, leaf, (owner.address, subject)))
    return made


class Million(Simulation):
    """The first provider has `n` people; all that it shows of them stands in `sections`."""

    def __init__(self, n: int, sections: Sections) -> None:
        self.n, self.shown = n, sections
        super().__init__(people=2)

    def _consents(self, count: int) -> None:
        super()._consents(count)
        context = (self.offers[0], self.scopes[0], self.trust, self.deployment, self.enroller.secret)
        counts = [min(STEP, self.n - start) for start in range(0, self.n, STEP)]
        with ProcessPoolExecutor(mp_context=multiprocessing.get_context("spawn")) as pool:
            parts = [pool.submit(_made, *context, count) for count in counts]
            made = sorted(leaf for part in parts for leaf in part.result())
        ids = [identity for identity, *_ in made]
        root = batch_root(ids)
        self.lawful_root = lawful_root((identity, row) for identity, row, *_ in made)
        pairs = [pair for *_, pair in made]
        enrolments = signed(pairs, str(self.scopes[0].namespace), self.enroller, self.deployment.consents)
        leaves = (leaf._replace(enrolled=enrolments.batch.root, batch=root) for _, _, leaf, _ in made)
        self.leaves = self._put(encode_leaves(leaves))
        enrolled = self._put(enrolments.joined)
        self.enrolments = (ShownEnrolments(batch=enrolments.batch, leaves=enrolled),)
        self.batches[0].append(Batch(root=root, leaves=self._put(b"".join(ids))))
        self.facts["anchored"].append(Anchored(offer=self.offers[0].id, root=root, at=self.tick()))

    def evidence(self, party: int) -> Evidence:
        found = super().evidence(party)
        return found.model_copy(update={"enrolments": self.enrolments}) if party == 0 else found

    def _put(self, joined: bytes) -> Section:
        section = Section(count=self.n, size=len(joined), hash=sha256(joined))
        self.shown.add(section, (joined,))
        return section

    def _root(self, party: int) -> bytes:
        return self.lawful_root if party == 0 else super()._root(party)

    def _input(self, party: int) -> Input:
        found = super()._input(party)
        return found.model_copy(update={"lawful_root": self.lawful_root}) if party == 0 else found

    def _show_inputs(self, attempt: int) -> None:
        super()._show_inputs(attempt)
        big: dict[str, Any] = {"input": 0, "attempt": attempt, "offer": self.offers[0], "scope": self.scopes[0]}
        self.inputs[0][-1] = InputEvidence(**big, leaves=self.leaves)
