"""Six attacks on a running consortium. Each says what it met, and is refused only by the very refusal that it names."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import httpx
import sqlalchemy as sa
from cryptography import x509

from placet.chain import keystore
from placet.chain.calls import Calls
from placet.chain.client import Chain
from placet.chain.local import dev_account
from placet.chain.sender import Sender
from placet.cli.audit import EXIT
from placet.core.errors import PlacetError, Reverted
from placet.core.evidence import SignedEvidence
from placet.core.signatures import Key
from placet.core.trail import evidence_hash
from placet.core.trust import Deployment, TrustList
from placet.core.values import from_hex, to_hex
from placet.jobs.certificates import of, tls_key
from placet.owner.client import OwnerClient
from placet.sandbox.consortium import Consortium, wait

GOT_THROUGH = "nothing"


@dataclass
class Scene:
    """What the attackers find: the consortium and the consents that were given."""

    made: Consortium
    balances: dict[str, dict[str, int]]
    customers: list[str]
    deployment: Deployment = field(init=False)
    trust: TrustList = field(init=False)
    given: list[tuple[Any, Any]] = field(default_factory=list)

    def sent_to_chain(self, call: Any) -> str:
        """What a call of somebody with money and no rights meets."""
        chain = Chain(self.made.chain.url, self.deployment)
        thief = Key(bytes(dev_account(7).key))
        sender = Sender(sa.create_engine("sqlite://", poolclass=sa.StaticPool), chain, [thief])
        sender.submit("attack", call, thief.address)
        for _ in range(200):
            sender.step()
            outcome = sender.outcome("attack")
            if isinstance(outcome, Reverted):
                return f"contract: {outcome.name}"
            if outcome is not None:
                return GOT_THROUGH
            time.sleep(0.05)
        return "no answer of the chain"


def forged(scene: Scene) -> str:
    """A consent in somebody's name under another key's signature."""
    _, signed = scene.given[0]
    other, _ = scene.given[1]
    forgery = dataclasses.replace(signed, signature=other.sign(scene.deployment.consents.digest(signed.consent.id)))
    return asyncio.run(_submit(scene, forgery))


async def _submit(scene: Scene, signed: Any) -> str:
    async with OwnerClient(scene.deployment, scene.trust) as client:
        try:
            await client.submit(signed)
        except PlacetError as error:
            return f"node: {error.code}"
    return GOT_THROUGH


def altered(scene: Scene) -> str:
    """A relay that gives itself more uses than the owner signed."""
    _, signed = scene.given[0]
    consent = type(signed.consent).model_validate({**signed.consent.to_json(), "uses": 1000})
    return scene.sent_to_chain(Calls(scene.deployment).grant(consent, signed.signature))


def invented_batch(scene: Scene) -> str:
    """A stranger anchors a batch of invented consents."""
    offer = from_hex(scene.made.offers["north"])
    return scene.sent_to_chain(Calls(scene.deployment).anchor(offer, b"\x11" * 32))


def stranger(scene: Scene) -> str:
    """Somebody without a known certificate speaks to a node's peer port."""
    entry = json.loads((scene.made.folder / "north" / "entry.json").read_text())
    return asyncio.run(_speak(urlsplit(entry["peer"]).port, tls_key(entry["certificate"])))


async def _speak(port: int | None, key: bytes) -> str:
    """A question to the port; only a connection that ends after the node has shown its own certificate is a refusal."""
    tls = ssl.create_default_context()
    tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
    reader, writer = await asyncio.wait_for(asyncio.open_connection("127.0.0.1", port, ssl=tls), 10)
    try:
        shown = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        if of(x509.load_der_x509_certificate(shown)) != key:
            return "another process at that port"
        writer.write(b"\x08standing\x00\x00\x00\x02{}")
        try:
            answer = await asyncio.wait_for(reader.read(1), 10)
        except (ssl.SSLError, ConnectionResetError):
            return "peer link: closed"
        return GOT_THROUGH if answer else "peer link: closed"
    finally:
        writer.close()


def withdrawn(scene: Scene) -> str:
    """A job after a customer's withdrawal would still use his data."""
    made = scene.made
    index = next(i for i, (_, s) in enumerate(scene.given) if s.opening.subject in scene.customers)
    subject = scene.given[index][1].opening.subject
    asyncio.run(_withdraw_all(scene, subject))
    number = sum(s.opening.subject == subject for _, s in scene.given)
    wait(lambda: _withdrawn(made) == number, "withdrawal at every provider")
    time.sleep(2.5)
    job = made.begin(made.request())
    ended = made.ended(job)
    if ended != "completed":
        return f"a job that {ended}"
    rows = made.members["consumer"].get(f"/v1/jobs/{job}/result")["rows"]
    total = next(int(row["total"]) for row in rows if row["customer"] == subject)
    return "vaults: his rows are in no result" if total == 0 else GOT_THROUGH


def _withdrawn(made: Consortium) -> int:
    return sum(len(member.get("/v1/consents?status=withdrawn")["consents"]) for member in made.members.values())


async def _withdraw_all(scene: Scene, subject: str) -> None:
    async with OwnerClient(scene.deployment, scene.trust) as client:
        for key, signed in scene.given:
            if signed.opening.subject == subject:
                await client.withdraw(signed.api, key, signed.consent)


def tampered(scene: Scene) -> str:
    """A provider changes one of its steps before the auditor sees it, and signs it again."""
    made = scene.made
    job = made.members["consumer"].get("/v1/jobs")["jobs"][-1]["id"]
    common = ("--deployment", "deployment.json", "--trust", "trust.json")
    made.run("audit", job, "--url", made.chain.url, *common, "--key", "auditor.json", "--save", "job.bundle")
    bundle = json.loads((made.folder / "job.bundle").read_text())
    liar = made.members["north"]
    mine = next(e["evidence"] for e in bundle["evidence"] if e["institution"] == liar.address)
    mine["evidence"]["steps"][0]["parameters"] = {"rows": "all"}
    said = SignedEvidence.model_validate(mine).evidence
    passphrase = (made.folder / "passphrase").read_text().strip()
    recorder = Key(keystore.load_secret(liar.folder / "keys" / "recorder.json", passphrase))
    digest = scene.deployment.jobs.digest(evidence_hash(said.job, said.party, said.hash))
    mine["signature"] = to_hex(recorder.sign(digest))
    (made.folder / "changed.bundle").write_text(json.dumps(bundle))
    answer = json.loads(made.run("audit", "--bundle", "changed.bundle", *common, "--json", accept=EXIT.values()))
    return f"audit: {answer['verdict']}, names {', '.join(answer['named']) or 'nobody'}"


def met(attack: Callable[[Scene], str], scene: Scene) -> str:
    """What an attack meets; a process that does not answer is no refusal."""
    try:
        return attack(scene)
    except (OSError, TimeoutError, RuntimeError, httpx.HTTPError, PlacetError) as error:
        return f"a fault: {type(error).__name__}"


ATTACKS: dict[str, tuple[Callable[[Scene], str], str]] = {
    "a consent signed by somebody else": (forged, "node: signature"),
    "a relay that gives itself more uses": (altered, "contract: InvalidSignature"),
    "a stranger's batch of invented consents": (invented_batch, "contract: NotProviderOrRelay"),
    "a stranger at the peer link": (stranger, "peer link: closed"),
    "a job after a withdrawal": (withdrawn, "vaults: his rows are in no result"),
    "a provider that changes one step of its trail": (tampered, "audit: tampered, names Bank North"),
}
"""Each with the one refusal that counts."""
