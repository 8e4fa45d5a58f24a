"""A consortium that lives as long as the test run: real processes, a real chain, customers who consented.

Tests share it, so each leaves it running and able to compute. `expected` always knows who consents now, because tests
give and withdraw through `LiveConsortium` alone (or mark a `Given` as ended themselves).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx

from judging import audited
from placet.chain import keystore
from placet.chain.client import Chain
from placet.chain.local import LocalChain
from placet.core.requests import Credential, request_hash
from placet.core.signatures import Key
from placet.core.trust import Deployment, TrustList
from placet.core.values import from_hex, to_hex
from placet.owner.client import OwnerClient
from placet.owner.drafts import SignedConsent
from placet.owner.keys import OwnerKey
from placet.sandbox import founding
from placet.sandbox.consortium import Consortium, LocalEndpoint, SandboxInstitution, wait

NAMES = {"north": "Bank North", "south": "Bank South", "fund": "Fund House", "consumer": "Family Office"}
PROVIDERS = ("north", "south", "fund")
BLOCK_TIME = 0.25
SEED = 20261123
ACCOUNTS = "customer,balance"
LASTING = 30 * 86_400
JOB_SECONDS = 120 + 900
"""From now to a job's deadline, unless its request says otherwise: so long a consent must last."""
CHAIN_AHEAD = 6 * 3600
"""Seconds that the chain's clock may run ahead of this machine's."""


@dataclass
class Given:
    """A consent, and the key that can withdraw it. `ended` once it is withdrawn or revoked."""

    provider: str
    subject: str
    key: OwnerKey
    signed: SignedConsent
    ended: bool = False

    @property
    def id(self) -> bytes:
        return self.signed.consent.id

    def covers(self, opening: int, now: int, deadline: int) -> bool:
        """Does it count for a job that is proposed now?"""
        consent = self.signed.consent
        in_uses = consent.first_opening <= opening < consent.first_opening + consent.uses
        in_time = consent.not_before <= now and consent.not_after >= deadline
        return in_uses and in_time and not self.ended


@dataclass(frozen=True)
class Done:
    """A job that has ended: its id, how, and the total of each customer if it completed."""

    job: str
    ended: str
    totals: dict[str, int] | None


@dataclass
class LiveConsortium:
    """Three providers (north, south, fund), a consumer, and their customers.

    `balances` is all that the providers hold, `customers` the consumer's list, `silent` those of both who have not
    consented to anything yet, `given` all consents so far.
    """

    made: Consortium
    balances: dict[str, dict[str, int]]
    customers: list[str]
    silent: list[str]
    deployment: Deployment
    trust: TrustList
    chain: Chain
    http: httpx.Client
    given: list[Given] = field(default_factory=list)
    _keys: dict[Path, Key] = field(default_factory=dict, repr=False)

    @property
    def consumer(self) -> SandboxInstitution:
        return self.made.members["consumer"]

    def ask(self, who: str, path: str, *, method: str = "GET", body: Any = None, **headers: str) -> httpx.Response:
        """A request to a member's API with its own credential, unless `headers` hold another Authorization."""
        member = self.made.members[who]
        return self.http.request(method, member.api + path, json=body, headers=member.authorization | headers)

    def key(self, who: str, name: str) -> Key:
        """A member's own key: `signer` or `recorder`. For attackers who have stolen it."""
        return self._secret(self.made.members[who].folder / "keys" / f"{name}.json")

    @property
    def auditor(self) -> Key:
        """The key of the auditor whom the trust list names."""
        return self._secret(self.made.folder / "auditor.json")

    def _secret(self, file: Path) -> Key:
        if file not in self._keys:
            passphrase = (self.made.folder / "passphrase").read_text().strip()
            self._keys[file] = Key(keystore.load_secret(file, passphrase))
        return self._keys[file]

    def signed(self, key: Key | OwnerKey, path: str, receiver: str, method: str = "GET") -> dict[str, str]:
        """The header of an owner's or auditor's signed request without a body to a member, good once."""
        nonce, expiry = secrets.token_bytes(32), int(time.time()) + 60
        address = from_hex(self.made.members[receiver].address)
        digest = self.deployment.consents.digest(request_hash(address, method, path, b"", nonce, expiry))
        signer = key.signer if isinstance(key, OwnerKey) else key.address
        credential = Credential(signer=signer, nonce=nonce, expiry=expiry, signature=key.sign(digest))
        return {"Authorization": credential.header()}

    def offering(
        self,
        recipes: str,
        output: str,
        operations: str,
        providers: Sequence[str],
        smallest_group: int = 1,
        tables: Mapping[str, tuple[str, str]] | None = None,
        *,
        own: bool = True,
        budget: int = 0,
        told: Sequence[str] = (),
    ) -> LiveConsortium:
        """The same consortium under other offers of these providers, to which its customers, but the silent, consent.
        `tables` has the table and columns of those that offer something else than accounts and their balances, or than
        the consumer's list. `own`: that is the consumer's own, and it consents to it. `budget`: each provider's.
        `told`: whose owners are told of random audits by the auditor."""
        made = self.made
        parties = ",".join(m.address for m in made.members.values())
        offers = {}
        for key in (*providers, "consumer"):
            usual = ("customers", "customer") if key == "consumer" else ("accounts", ACCOUNTS)
            table, columns = (tables or {}).get(key, usual)
            answer = made.run(
                *("offer", "make", "--config", f"{key}/node.toml", "--dataset", table),
                *("--consumer", made.members["consumer"].address, "--purpose", "CreditChecking"),
                *("--operations", operations, "--output", output, "--recipes", recipes, "--parties", parties),
                *("--smallest-group", smallest_group, "--budget", 0 if key == "consumer" else budget),
                *("--columns", columns, "--json", *(("--own",) if own and key == "consumer" else ())),
                *(("--auditors", "Auditor") if key in told else ()),
            )
            offers[key] = json.loads(answer)["offer"]
        words = ("--config", "consumer/node.toml", "--offer", offers["consumer"], "--uses", 1000, "--json")
        consent = json.loads(made.run("grant", *words))["consent"] if own else ""
        other = replace(self, made=replace(made, offers=made.offers | offers, own_consent=consent), given=[])
        held = [(key, who) for key in providers for who in sorted(self.balances[key]) if who not in self.silent]
        other.give_many([(key, who, 1000, LASTING) for key, who in held])
        return other

    def result(self, **changes: Any) -> tuple[str, dict[str, Any]]:
        """Run a job that must complete; its id, and its result."""
        job = self.made.begin(self.made.request(**changes))
        assert self.made.ended(job) == "completed"
        return job, self.consumer.get(f"/v1/jobs/{job}/result")

    def audited(self, job: str) -> dict[str, Any]:
        """The auditor's report."""
        return audited(self.made.folder, job, url=self.made.chain.url)

    def job(self, **changes: Any) -> Done:
        """Run a job over all providers to its end; `changes` are of the request."""
        return self.done(self.made.begin(self.made.request(**changes)))

    def done(self, job: str, seconds: float = 120) -> Done:
        """Wait for a job's end."""
        ended = self.made.ended(job, seconds)
        if ended != "completed":
            return Done(job, ended, None)
        rows = self.consumer.get(f"/v1/jobs/{job}/result")["rows"]
        return Done(job, ended, {row["customer"]: int(row["total"]) for row in rows})

    def expected(
        self, providers: Sequence[str] = PROVIDERS, *, deadline: int | None = None, opening: int | None = None
    ) -> dict[str, int]:
        """The plaintext answer for a job that is proposed now, or was proposed for `deadline` at that `opening`."""
        now = self.chain.now()
        until = now + JOB_SECONDS if deadline is None else deadline
        totals = dict.fromkeys(self.customers, 0)
        for key in providers:
            number = self.openings(key) if opening is None else opening
            consenting = {g.subject for g in self.given if g.provider == key and g.covers(number, now, until)}
            for subject in consenting & totals.keys():
                totals[subject] += self.balances[key][subject]
        return totals

    def pass_time(self, moment: int) -> None:
        """The chain's clock, and so everybody's, goes on at once until that moment is over. It never goes back."""
        ahead = moment + 1 - self.chain.head().timestamp
        assert moment < time.time() + CHAIN_AHEAD
        if ahead > 0:
            self.made.chain.rpc("evm_increaseTime", ahead)
        wait(lambda: self.chain.block(self.chain.confirmed()).timestamp > moment, f"confirmed block after {moment}")

    def openings(self, provider: str) -> int:
        """How many jobs have opened on a provider's offer."""
        return self.chain.offer(from_hex(self.made.offers[provider])).openings

    def give(self, provider: str, subject: str, *, uses: int = 1000, lasting: int = LASTING) -> Given:
        """A fresh consent of one customer at one provider, until a job may use it. At most four a customer, provider
        and run."""
        (given,) = self.give_many([(provider, subject, uses, lasting)])
        return given

    def give_many(self, wanted: Sequence[tuple[str, str, int, int]]) -> list[Given]:
        """Several at once: provider, subject, uses and for how many seconds."""
        new = asyncio.run(self._give(wanted))
        self.settled(new)
        return new

    async def _give(self, wanted: Sequence[tuple[str, str, int, int]]) -> list[Given]:
        made, at = self.made, self.chain.now()
        async with OwnerClient(self.deployment, self.trust) as client:
            offers = {
                key: await client.offer(made.members[key].api, from_hex(made.offers[key]))
                for key in {provider for provider, *_ in wanted}
            }
            answers = await asyncio.gather(
                *(
                    client.give(offers[key], who, made.codes[who], made.enroller, not_after=at + lasting, uses=uses)
                    for key, who, uses, lasting in wanted
                )
            )
        new = [Given(key, who, *answer) for (key, who, *_), answer in zip(wanted, answers, strict=True)]
        self.given += new
        return new

    def settled(self, given: Sequence[Given], status: str = "given") -> None:
        """Wait until these consents have this status at their nodes, in a confirmed block."""
        last = 0
        for one in given:

            def there(one: Given = one) -> bool:
                nonlocal last
                found = self.ask(one.provider, f"/v1/consents/{to_hex(one.id)}").json()
                last = max(last, found["block"] or 0)
                return bool(found["status"] == status and found["block"] is not None)

            wait(there, f"{status} consent at {one.provider}", self.made.folder / f"{one.provider}-node.log")
        wait(lambda: self.chain.confirmed() >= last, "confirmed block")

    def withdraw(self, *given: Given) -> None:
        """Withdraw consents as their owners do, until the chain has it."""
        asyncio.run(self._withdraw(given))
        for one in given:
            one.ended = True
        self.settled(given, "withdrawn")

    async def _withdraw(self, given: Sequence[Given]) -> None:
        async with OwnerClient(self.deployment, self.trust) as client:
            for one in given:
                await client.withdraw(one.signed.api, one.key, one.signed.consent)

    def of(self, subject: str, provider: str | None = None) -> list[Given]:
        """A customer's consents that have not ended."""
        return [
            g for g in self.given if g.subject == subject and g.provider in (provider or g.provider) and not g.ended
        ]


def roster() -> tuple[dict[str, dict[str, int]], list[str]]:
    """Seeded balances in minor units by provider, below zero too, and the consumer's list with a few strangers."""
    chance = random.Random(SEED)
    people = [f"P{number:02}" for number in range(24)]
    balances = {key: {p: chance.randrange(-50_000, 5_000_000) for p in chance.sample(people, 16)} for key in PROVIDERS}
    return balances, sorted([*chance.sample(people, 18), "nobody-1", "nobody-2"])


@contextlib.contextmanager
def live(
    folder: Path,
    chain: LocalEndpoint | None = None,
    charter: founding.Charter = founding.USUAL,
) -> Iterator[LiveConsortium]:
    """Found the consortium, let three of four customers consent, and end all of its processes afterwards. `chain`: one
    that runs already."""
    balances, customers = roster()
    people = sorted({subject for held in balances.values() for subject in held})
    silent = [subject for number, subject in enumerate(people) if number % 4 == 0]
    with (
        httpx.Client(timeout=60, trust_env=False) as http,
        contextlib.nullcontext(chain) if chain is not None else LocalChain(block_time=BLOCK_TIME) as endpoint,
        founding.consortium_on(endpoint, folder, NAMES, founding.Stock(balances, customers), charter=charter) as made,
    ):
        deployment = Deployment.model_validate_json((folder / "deployment.json").read_bytes())
        trust = TrustList.model_validate_json((folder / "trust.json").read_bytes())
        chain = Chain(made.chain.url, deployment)
        unheard = [subject for subject in silent if subject in customers]
        consortium = LiveConsortium(made, balances, customers, unheard, deployment, trust, chain, http)
        consortium.give_many(
            [(key, who, 1000, LASTING) for key, held in balances.items() for who in held if who not in silent]
        )
        yield consortium
