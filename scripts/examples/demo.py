"""Customers consent, three institutions compute for a fourth, the trail is audited, six attacks are refused."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import random
import signal
import sys
import tempfile
import time
from pathlib import Path
from types import FrameType
from typing import NoReturn

import httpx
from demo_attacks import ATTACKS, Scene, met
from outcome import Teller, took

from placet.core.trust import Deployment, TrustList
from placet.core.values import from_hex
from placet.owner.client import OwnerClient
from placet.sandbox.consortium import Consortium, SandboxInstitution, wait
from placet.sandbox.founding import Stock, consortium

NAMES = {"north": "Bank North", "south": "Bank South", "fund": "Fund House", "consumer": "Family Office"}
SEED = 20260101
BUNDLE = "job.bundle"


def tables() -> tuple[dict[str, dict[str, int]], list[str]]:
    """Seeded balances in cents by provider, and the consumer's customers."""
    chance = random.Random(SEED)
    people = [f"P{number:04}" for number in range(60)]
    balances = {
        key: {person: chance.randrange(-50_000, 5_000_000) for person in chance.sample(people, 30)}
        for key in NAMES
        if key != "consumer"
    }
    return balances, sorted(chance.sample(people, 40))


async def consents(made: Consortium, balances: dict[str, dict[str, int]], willing: set[str], scene: Scene) -> int:
    """Each willing customer consents at each institution that knows him."""
    deployment = Deployment.model_validate_json((made.folder / "deployment.json").read_bytes())
    trust = TrustList.model_validate_json((made.folder / "trust.json").read_bytes())
    until = int(time.time()) + 30 * 86_400
    async with OwnerClient(deployment, trust) as client:
        given = []
        for key, held in balances.items():
            offered = await client.offer(made.members[key].api, from_hex(made.offers[key]))
            given += await asyncio.gather(
                *(
                    client.give(offered, person, made.codes[person], made.enroller, not_after=until, uses=5)
                    for person in held
                    if person in willing
                )
            )
    scene.deployment, scene.trust, scene.given = deployment, trust, given
    return len(given)


def anchored(made: Consortium, number: int) -> None:
    """Wait until the providers' relays have anchored all consents; RuntimeError if they do not."""
    providers = [member for key, member in made.members.items() if key != "consumer"]
    wait(lambda: sum(map(_given, providers)) == number, "anchoring of every consent")


def _given(member: SandboxInstitution) -> int:
    return sum(consent["status"] == "given" for consent in member.get("/v1/consents")["consents"])


def links(made: Consortium, job: str, person: str) -> dict[str, dict[str, str]]:
    """Three ways in for a browser on this machine, and what each asks for."""
    bank, consumer = made.members["north"], made.members["consumer"]
    return {
        "owner": {
            "url": f"{bank.api}/owner/ask/{made.offers['north']}",
            "number": person,
            "code": made.codes[person],
        },
        "institution": {"url": f"{consumer.api}/console", "credential_file": str(consumer.folder / "credential")},
        "auditor": {
            "url": f"{consumer.api}/audit/{job}",
            "bundle": str(made.folder / BUNDLE),
            "deployment": str(made.folder / "deployment.json"),
            "trust": str(made.folder / "trust.json"),
        },
    }


def serve(ways: dict[str, dict[str, str]], teller: Teller, as_json: bool) -> None:
    """Says the links, and waits for Ctrl-C or SIGTERM. The next ones are not heard: what runs is being ended."""
    owner, institution, auditor = ways["owner"], ways["institution"], ways["auditor"]
    teller.say(
        f"""
Open in a browser on this machine:
  owner        {owner["url"]}
               your number {owner["number"]}, your code {owner["code"]}; a passkey or a wallet
  institution  {institution["url"]}
               log in with what stands in {institution["credential_file"]}
  auditor      {auditor["url"]}
               drop the bundle {auditor["bundle"]}
               and your own files {auditor["deployment"]} and {auditor["trust"]}
Ctrl-C ends it, and nothing is left."""
    )
    if as_json:
        print(json.dumps(ways), flush=True)
    with contextlib.suppress(KeyboardInterrupt):
        while True:
            signal.pause()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    teller.say("ending")


def _interrupted(_: int, __: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


def main() -> int:
    """0 if the result is right, the trail intact and every attack refused; with `--serve` instead of the attacks, once
    it is told to end."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--serve", action="store_true", help="no attacks: leave it running for a browser, until Ctrl-C")
    parser.add_argument("--json", action="store_true", help="one JSON line at the end of stdout")
    parser.add_argument("--report", type=Path, default=Path("demo-report.html"), help="where the audit report goes")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, _interrupted)
    teller = Teller(sys.stderr if options.json else sys.stdout)
    balances, customers = tables()
    willing = {person for held in balances.values() for person in held if int(person[1:]) % 4}
    started = time.perf_counter()
    with (
        tempfile.TemporaryDirectory(prefix="placet-demo-") as folder,
        consortium(Path(folder), NAMES, Stock(balances, customers), say=teller.say) as made,
    ):
        teller.part("start")
        scene = Scene(made, balances, customers)
        number = asyncio.run(consents(made, balances, willing, scene))
        anchored(made, number)
        teller.say(f"{len(willing)} customers gave {number} consents; their relays anchored them in batches")
        teller.part("consents")
        time.sleep(2.5)
        job = made.begin(made.request())
        teller.say(f"job {job}: plan signed by four institutions")
        ended = made.ended(job)
        rows = made.members["consumer"].get(f"/v1/jobs/{job}/result")["rows"]
        expected = {c: sum(held.get(c, 0) for held in balances.values()) if c in willing else 0 for c in customers}
        right = {row["customer"]: int(row["total"]) for row in rows} == expected
        same = "exactly" if right else "NOT"
        teller.say(f"job {ended}: totals of {len(rows)} customers, {same} the plaintext answer")
        teller.part("job")
        report = options.report.absolute()
        verdict = audit(made, job, report)
        teller.say(f"audit: {verdict}; report in {report}")
        teller.part("audit")
        if options.serve and right and verdict == "intact":
            serve(links(made, job, next(c for c in sorted(made.codes) if c not in willing)), teller, options.json)
            return 0
        refused = 0
        for name, (attack, refusal) in ATTACKS.items():
            found = met(attack, scene)
            refused += found == refusal
            teller.say(f"attack: {name}: " + (f"refused ({found})" if found == refusal else f"NOT REFUSED ({found})"))
        teller.part("attacks")
    seconds = {"all": round(time.perf_counter() - started, 1), **teller.seconds}
    summary = {
        "job": job,
        "verdict": verdict,
        "customers": len(customers),
        "consenting": sum(1 for c in customers if c in willing),
        "attacks_refused": refused,
        "seconds": seconds,
    }
    if options.json:
        print(json.dumps(summary))
    else:
        teller.say(took(seconds))
    return 0 if right and verdict == "intact" and refused == len(ATTACKS) else 1


def audit(made: Consortium, job: str, report: Path) -> str:
    """The verdict of an auditor with nothing but the chain, the two files and his key."""
    answer = made.run(
        *("audit", job, "--url", made.chain.url, "--deployment", "deployment.json", "--trust", "trust.json"),
        *("--key", "auditor.json", "--html", report, "--save", BUNDLE, "--json"),
    )
    return str(json.loads(answer)["verdict"])


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
    except httpx.HTTPError as error:
        sys.exit(f"a process did not answer: {type(error).__name__}")
