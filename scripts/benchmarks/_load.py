"""What the benchmark `api` sends, the client that sends it, and the bare endpoint beside the node.

Run as a program this module is the bare endpoint: the same framework, server and request, and nothing done but the
owner's signature checked.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import secrets
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import uvicorn
from fastapi import FastAPI, HTTPException

from placet.chain.client import Chain
from placet.chain.keystore import load_secret
from placet.core.consent import CompactConsent
from placet.core.enrolment import enrolment_hash, subject_commitment
from placet.core.languages import ENGLISH
from placet.core.offers import Offer, Scope
from placet.core.signatures import Key, Verifiers
from placet.core.trust import Deployment, TrustList
from placet.core.values import from_hex, parse, to_hex
from placet.node.consents.models import ConsentSubmission
from placet.sandbox.consortium import Consortium

CONNECTIONS = 128
PAUSE = 0.05
STEP = 250
FROM, UNTIL = 1_700_000_000, 4_000_000_000


def subject(i: int) -> str:
    return f"customer-{i:08d}"


@dataclass(frozen=True)
class Owners:
    """Whose consents, and to what."""

    offer: Offer
    scope: Scope
    trust: TrustList
    deployment: Deployment
    enroller: bytes

    def submissions(self, start: int, end: int) -> list[tuple[bytes, bytes]]:
        """Consent id and request body of the customers from `start` to `end`, each with a key of its own."""
        enroller, digest, made = Key(self.enroller), self.deployment.consents.digest, []
        for i in range(start, end):
            owner, salt = Key(), secrets.token_bytes(32)
            commitment = subject_commitment(subject(i), salt)
            enrolled = enroller.sign(digest(enrolment_hash(owner.address, self.scope.namespace, commitment)))
            consent = CompactConsent(
                owner=owner.address,
                not_before=FROM,
                not_after=UNTIL,
                first_opening=0,
                uses=9,
                enrolment=commitment,
                salt=secrets.token_bytes(32),
                language=ENGLISH,
            ).expand(self.offer, self.scope, self.trust.name)
            body = {
                "consent": consent.model_dump(mode="json", by_alias=True),
                "signature": to_hex(owner.sign(digest(consent.id))),
                "enrolment": {
                    "enroller": to_hex(enroller.address),
                    "subject": to_hex(commitment),
                    "signature": to_hex(enrolled),
                    "opening": {"subject": subject(i), "salt": to_hex(salt)},
                },
            }
            made.append((consent.id, json.dumps(body, separators=(",", ":")).encode()))
        return made


def submissions(group: Consortium, key: str, n: int) -> list[tuple[bytes, bytes]]:
    """Of `n` customers of a provider, made by as many processes as there are cores."""
    folder = group.folder
    deployment, trust = documents(folder)
    offer = Chain(group.chain.url, deployment).offer(from_hex(group.offers[key])).offer
    scopes = (parse(Scope, file.read_bytes()) for file in (folder / key / "scopes").glob("*.json"))
    scope = next(scope for scope in scopes if scope.hash == offer.scope)
    secret = load_secret(folder / "registry" / "enroller.json", (folder / "passphrase").read_text().strip())
    owners = Owners(offer, scope, trust, deployment, secret)
    starts = range(0, n, STEP)
    with ProcessPoolExecutor(mp_context=multiprocessing.get_context("spawn")) as pool:
        parts = pool.map(owners.submissions, starts, [min(start + STEP, n) for start in starts])
        return [one for part in parts for one in part]


def documents(folder: Path) -> tuple[Deployment, TrustList]:
    """A consortium's deployment file and trust list."""
    trust = parse(TrustList, (folder / "trust.json").read_bytes(), limit=8 << 20)
    return parse(Deployment, (folder / "deployment.json").read_bytes()), trust


@dataclass
class Client:
    """Sends bodies over so many connections. What is cut off, or told to come again, is sent again."""

    url: str
    patience: float
    connections: int = CONNECTIONS
    answers: Counter[int] = field(default_factory=Counter)
    cut: int = 0

    def send(self, bodies: Sequence[bytes], told: Callable[[int], None] = lambda _: None) -> None:
        """Until all are taken (a status of 2xx); `told` is called with the number of those, each time. RuntimeError for
        a refusal, TimeoutError after `patience` seconds."""
        asyncio.run(asyncio.wait_for(self._all(iter(bodies), told), self.patience))

    async def _all(self, bodies: Iterator[bytes], told: Callable[[int], None]) -> None:
        self._taken = 0
        async with asyncio.TaskGroup() as group:
            for _ in range(self.connections):
                group.create_task(self._one(bodies, told))

    async def _one(self, bodies: Iterator[bytes], told: Callable[[int], None]) -> None:
        where = urlsplit(self.url)
        head = f"POST {where.path} HTTP/1.1\r\nHost: {where.netloc}\r\nContent-Type: application/json\r\n"
        line: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        for body in bodies:
            request = f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
            status = 0
            while not 200 <= status < 300:
                try:
                    if line is None:
                        line = await asyncio.open_connection(where.hostname, where.port)
                    line[1].write(request)
                    status, answer = await _answer(line[0])
                except (OSError, EOFError):
                    self.cut += line is not None
                    line = None
                    await asyncio.sleep(PAUSE)
                    continue
                self.answers[status] += 1
                if status in (429, 503):
                    await asyncio.sleep(PAUSE)
                elif not 200 <= status < 300:
                    raise RuntimeError(f"{status}: {answer.decode()[:500]}")
            self._taken += 1
            told(self._taken)
        if line is not None:
            line[1].close()


async def _answer(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])
    return int(head.split(b" ", 2)[1]), await reader.readexactly(length)


def bare(deployment: Deployment) -> FastAPI:
    """An endpoint that only checks the owner's signature of a submission."""
    app = FastAPI()
    verifiers, domain = Verifiers(), deployment.consents

    @app.post("/v1/consents", status_code=202)
    async def check(submission: ConsentSubmission) -> dict[str, str]:
        consent = submission.consent
        if not verifiers.accepts(consent.owner, domain.digest(consent.id), submission.signature):
            raise HTTPException(403)
        return {"id": to_hex(consent.id)}

    return app


if __name__ == "__main__":
    app = bare(parse(Deployment, Path(sys.argv[1]).read_bytes()))
    uvicorn.run(app, port=int(sys.argv[2]), http="h11", ws="none", access_log=False, log_level="warning")
