"""Six attacks on a running consortium. Each says why it was refused, or None if it got through."""

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

import sqlalchemy as sa
from consortium import Consortium

from placet.chain.calls import Calls
from placet.chain.client import Chain
from placet.chain.local import dev_account
from placet.chain.sender import Sender
from placet.core.errors import PlacetError, Reverted
from placet.core.signatures import Key
from placet.core.trust import Deployment, TrustList
from placet.core.values import from_hex
from placet.owner.client import OwnerClient


@dataclass
class Scene:
    """What the attackers find: the consortium and the consents that were given."""

    made: Consortium
    balances: dict[str, dict[str, int]]
    customers: list[str]
    deployment: Deployment = field(init=False)
    trust: TrustList = field(init=False)
    given: list[tuple[Any, Any]] = field(default_factory=list)

    def refused_by_chain(self, call: Any) -> str | None:
        """Why the contracts refuse a call of somebody with money and no rights."""
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
                return None
            time.sleep(0.05)
        return None


def forged(scene: Scene) -> str | None:
    """A consent in somebody's name under another key's signature."""
    _, signed = scene.given[0]
    other, _ = scene.given[1]
    forgery = dataclasses.replace(signed, signature=other.sign(scene.deployment.consents.digest(signed.consent.id)))
    return asyncio.run(_submit(scene, forgery))


async def _submit(scene: Scene, signed: Any) -> str | None:
    async with OwnerClient(scene.deployment, scene.trust) as client:
        try:
            await client.submit(signed)
        except PlacetError as error:
            return f"node: {error.code}"
    return None


def altered(scene: Scene) -> str | None:
    """A relay that gives itself more uses than the owner signed."""
    _, signed = scene.given[0]
    consent = type(signed.consent).model_validate({**signed.consent.to_json(), "uses": 1000})
    return scene.refused_by_chain(Calls(scene.deployment).grant(consent, signed.signature))


def invented_batch(scene: Scene) -> str | None:
    """A stranger anchors a batch of invented consents."""
    offer = from_hex(scene.made.offers["north"])
    return scene.refused_by_chain(Calls(scene.deployment).anchor(offer, b"\x11" * 32))


def stranger(scene: Scene) -> str | None:
    """Somebody without a known certificate speaks to a node's peer port."""
    entry = json.loads((scene.made.folder / "north" / "entry.json").read_text())
    return asyncio.run(_speak(urlsplit(entry["peer"]).port))


async def _speak(port: int | None) -> str | None:
    tls = ssl.create_default_context()
    tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=tls)
        writer.write(b"\x08standing\x00\x00\x00\x02{}")
        answer = await asyncio.wait_for(reader.read(1), 10)
        writer.close()
    except (OSError, ssl.SSLError) as error:
        return f"peer link: {type(error).__name__}"
    return None if answer else "peer link: closed"


def withdrawn(scene: Scene) -> str | None:
    """A job after a customer's withdrawal would still use his data."""
    made = scene.made
    index = next(i for i, (_, s) in enumerate(scene.given) if s.opening.subject in scene.customers)
    subject = scene.given[index][1].opening.subject
    asyncio.run(_withdraw_all(scene, subject))
    for _ in range(200):
        listed = [c for m in made.members.values() for c in m.get("/v1/consents?status=withdrawn")["consents"]]
        if len(listed) >= sum(s.opening.subject == subject for _, s in scene.given):
            break
        time.sleep(0.1)
    time.sleep(2.5)
    job = made.begin(made.request())
    if made.ended(job) != "completed":
        return None
    rows = made.members["consumer"].get(f"/v1/jobs/{job}/result")["rows"]
    total = next(int(row["total"]) for row in rows if row["customer"] == subject)
    return "vaults: his rows are in no result" if total == 0 else None


async def _withdraw_all(scene: Scene, subject: str) -> None:
    async with OwnerClient(scene.deployment, scene.trust) as client:
        for key, signed in scene.given:
            if signed.opening.subject == subject:
                await client.withdraw(signed.api, key, signed.consent)


def tampered(scene: Scene) -> str | None:
    """Somebody changes one step of one party before the auditor sees it."""
    made = scene.made
    job = made.members["consumer"].get("/v1/jobs")["jobs"][-1]["id"]
    common = ("--deployment", "deployment.json", "--trust", "trust.json")
    made.run("audit", job, "--url", made.chain.url, *common, "--key", "auditor.json", "--save", "job.bundle")
    bundle = json.loads((made.folder / "job.bundle").read_text())
    bundle["evidence"][0]["evidence"]["evidence"]["steps"][0]["parameters"] = {"rows": "all"}
    (made.folder / "changed.bundle").write_text(json.dumps(bundle))
    try:
        made.run("audit", "--bundle", "changed.bundle", *common, "--json")
    except RuntimeError:
        return "audit: not intact"
    return None


ATTACKS: dict[str, Callable[[Scene], str | None]] = {
    "a consent signed by somebody else": forged,
    "a relay that gives itself more uses": altered,
    "a stranger's batch of invented consents": invented_batch,
    "a stranger at the peer link": stranger,
    "a job after a withdrawal": withdrawn,
    "a trail with one changed step": tampered,
}
