"""An institution's enclaves over HTTP, as a company asks for them: `docs/reference/api.md`, `/v1/enclave`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import httpx
from pydantic import BaseModel
from tenacity import AsyncRetrying, retry_if_exception, stop_after_delay, wait_exponential_jitter

from placet.core.eip712 import Domain
from placet.core.enclave_policy import Role
from placet.core.errors import PeerError, PlacetError, StateError
from placet.core.hashing import canonical
from placet.core.ids import JobId
from placet.core.signatures import Key
from placet.core.trust import Institution
from placet.core.values import to_hex
from placet.owner.wire import RequestSigner, ask, bounded, refusal
from placet.recipes.contract_compare.sessions import MAX_PIECE, Proof

PATIENCE = 120.0
"""Seconds for which an enclave that takes no documents yet is waited for."""
_SLOWEST = 0.5
"""Seconds between two tries at the most while the enclave starts."""
_OCTETS = "application/octet-stream"
M = TypeVar("M", bound=BaseModel)
_TIMEOUT = httpx.Timeout(120.0, connect=5.0)


class _Arrived(BaseModel):
    size: int


@dataclass(frozen=True)
class _Signer:
    """The company's key as requests name it."""

    key: Key

    @property
    def signer(self) -> bytes:
        return self.key.address

    def sign(self, digest: bytes, /) -> bytes:
        return self.key.sign(digest)


class HttpEnclaves:
    """One institution's. Every request is signed by the company's key, to that institution."""

    def __init__(self, institution: Institution, key: Key, domain: Domain) -> None:
        self._api = institution.api.rstrip("/")
        self.signer = RequestSigner(_Signer(key), domain, institution.address)

    async def prove(self, job: JobId, nonce: bytes) -> Proof:
        """What the job's enclave shows of itself, over this nonce."""
        async with self._client() as http:
            path = f"/v1/enclave/jobs/{to_hex(job)}/evidence"
            return await self._ask(http, Proof, "POST", path, canonical({"nonce": to_hex(nonce)}))

    async def upload(self, job: JobId, attempt: int, role: Role, file: Path) -> None:
        """The encrypted document, from where an upload was broken off. Waits for the enclave. StateError
        `enclave.upload` if the service takes less than it is sent."""
        offset, size = 0, file.stat().st_size
        retrying = AsyncRetrying(
            retry=retry_if_exception(_early),
            stop=stop_after_delay(PATIENCE),
            wait=wait_exponential_jitter(multiplier=0.1, max=_SLOWEST, jitter=0.1),
            reraise=True,
        )
        async with self._client() as http:
            with file.open("rb") as source:
                while offset < size:
                    source.seek(offset)
                    piece = source.read(MAX_PIECE)
                    path = f"/v1/enclave/jobs/{to_hex(job)}/documents/{role}?attempt={attempt}&offset={offset}"
                    arrived: _Arrived = await retrying(self._ask, http, _Arrived, "PUT", path, piece, media=_OCTETS)
                    here = arrived.size
                    if not offset < here <= size:
                        raise StateError("the service takes no more", found=f"{here} bytes", code="enclave.upload")
                    offset = here

    async def download(self, job: JobId, party: int, *, size: int) -> bytes:
        """A party's masked result of so many bytes; PeerError for more or fewer."""
        path = f"/v1/enclave/jobs/{to_hex(job)}/results/{party}"
        signed = self.signer.header("GET", path, b"")
        headers = {"Authorization": signed, "Accept-Encoding": "identity"}
        masked = bytearray()
        try:
            async with self._client() as http, http.stream("GET", self._api + path, headers=headers) as answer:
                if not answer.is_success:
                    raise refusal(answer.status_code, await bounded(answer), self._api)
                async for piece in answer.aiter_raw():
                    masked += piece
                    if len(masked) > size:
                        break
        except httpx.HTTPError as error:
            raise PeerError(
                "the service's result can't be fetched", found=type(error).__name__, code="peer.unreachable"
            ) from None
        if len(masked) != size:
            raise PeerError("a result of another size", expected=size, found=len(masked), code="enclave.result")
        return bytes(masked)

    async def _ask(
        self,
        http: httpx.AsyncClient,
        model: type[M],
        method: str,
        path: str,
        body: bytes,
        *,
        media: str = "application/json",
    ) -> M:
        return await ask(http, model, method, self._api, path, body, signer=self.signer, media=media)

    def _client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(timeout=_TIMEOUT, trust_env=False, follow_redirects=False)


def _early(error: BaseException) -> bool:
    return isinstance(error, PlacetError) and error.code == "enclave.early"
