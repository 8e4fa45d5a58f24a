"""A consortium on one machine: institutions with node and vault, an enroller, a chain; all real processes."""

from __future__ import annotations

import functools
import os
import socket
import subprocess
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import httpx

from placet.chain.anvil import tail
from placet.core.errors import StateError
from placet.sandbox import program

if TYPE_CHECKING:
    from placet.chain.client import Chain

NAMESPACE = "urn:example:person"
"""What kind of identifier all of a sandbox's institutions have for persons."""
PURPOSE = "https://w3id.org/dpv#CreditChecking"
REWARD = 1000
STOP_SECONDS = 20.0
FINAL_SECONDS = 1800.0
"""A chain may take minutes, and a busy one longer, until a block is final."""


class LocalEndpoint(Protocol):
    """A local chain that somebody else starts and ends."""

    @property
    def url(self) -> str: ...

    def rpc(self, method: str, *params: object) -> Any: ...

    def block_number(self) -> int: ...


class Process(Protocol):
    """What this module needs of `subprocess.Popen`."""

    @property
    def pid(self) -> int: ...

    def poll(self) -> int | None: ...

    def wait(self, timeout: float | None = None) -> int: ...

    def terminate(self) -> None: ...

    def kill(self) -> None: ...


@functools.cache
def http() -> httpx.Client:
    """One for all requests of this process, since each makes a TLS context that reads all of the system's certificates.
    It keeps no connection: servers here are killed and start again."""
    return httpx.Client(trust_env=False, limits=httpx.Limits(max_keepalive_connections=0))


@dataclass(frozen=True)
class SandboxInstitution:
    """An institution: its folder, its address, where its API is, its token."""

    folder: Path
    name: str
    address: str
    api: str

    @property
    def authorization(self) -> dict[str, str]:
        return {"Authorization": "Bearer " + (self.folder / "credential").read_text().strip()}

    def get(self, path: str) -> Any:
        answer = http().get(self.api + path, headers=self.authorization, timeout=60)
        return answer.raise_for_status().json()


@dataclass
class Consortium:
    """Providers and a consumer, each under a key that is also its folder's name. `codes`: the registered persons'."""

    folder: Path
    chain: LocalEndpoint
    members: dict[str, SandboxInstitution] = field(default_factory=dict)
    offers: dict[str, str] = field(default_factory=dict)
    codes: dict[str, str] = field(default_factory=dict)
    processes: dict[str, Process] = field(default_factory=dict)
    consumer: str = "consumer"
    recipe: str = "asset-view"
    namespace: str = NAMESPACE
    enroller: str = ""
    auditor: str = ""
    token: str = ""
    own_consent: str = ""
    lasting: bool = False
    """Do the servers outlive this process?"""

    @property
    def providers(self) -> dict[str, SandboxInstitution]:
        """All members but the consumer."""
        return {key: member for key, member in self.members.items() if key != self.consumer}

    def run(
        self,
        *words: object,
        accept: Collection[int] = (0,),
        seconds: float = 300,
        module: str = "placet.cli",
        stdin: str = "",
    ) -> str:
        """The program, as a user would run it; its stdout. RuntimeError for another exit code than these."""
        answer = program.run(words, self.folder, self._env(), stdin, seconds, module)
        if answer.returncode not in accept:
            raise RuntimeError(f"{module} {' '.join(map(str, words))}: {answer.stderr}")
        return answer.stdout

    def _env(self) -> dict[str, str]:
        own = {name: value for name, value in os.environ.items() if not name.startswith("PLACET_")}
        return own | {"NO_COLOR": "1", "PLACET_PASSPHRASE_FILE": str(self.folder / "passphrase")}

    def start(self, name: str, *words: str) -> None:
        """Start `placet WORDS…` as a server of that name; its log is NAME.log."""
        log = self.folder / f"{name}.log"
        self.processes[name] = program.serve(self.folder, name, words, self._env(), log, lasting=self.lasting)

    def start_vault(self, key: str) -> None:
        self.start(f"{key}-vault", "vault", "--config", f"{key}-vault/vault.toml")

    def start_node(self, key: str) -> None:
        self.start(f"{key}-node", "node", "--config", f"{key}/node.toml")

    def start_enroller(self) -> None:
        self.start("enroller", "identity", "--config", "registry/identity.toml")

    def kill(self, name: str) -> None:
        """SIGKILL."""
        process = self.processes.pop(name)
        process.kill()
        process.wait()

    def end(self, *names: str) -> None:
        """End some processes as an operator would; by SIGKILL those that do not end in time."""
        processes = [self.processes.pop(name) for name in names]
        for process in processes:
            process.terminate()
        for process in processes:
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def stop(self) -> None:
        """End all processes."""
        self.end(*self.processes)

    def wait_healthy(self, key: str) -> None:
        self._wait_answer(f"{key}-node", self.members[key].api)

    def wait_vault(self, key: str) -> None:
        """Until the vault takes connections of its node."""
        name = f"{key}-vault"
        self._wait(name, lambda: _listens(self.folder / name / "vault.sock"))

    def wait_enroller(self) -> None:
        self._wait_answer("enroller", self.enroller)

    def _wait_answer(self, name: str, url: str) -> None:
        self._wait(name, lambda: healthy(url))

    def _wait(self, name: str, ready: Callable[[], bool]) -> None:
        """Until a server is ready; StateError at once if it has ended."""
        log = self.folder / f"{name}.log"

        def there() -> bool:
            process = self.processes.get(name)
            if process is not None and (code := process.poll()) is not None:
                raise StateError(f"{name} ended at once", found=f"exit code {code}: {tail(log)}", remedy=f"see {log}")
            return ready()

        wait(there, name, log)

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text()

    def request(self, **changes: Any) -> dict[str, Any]:
        """A request over all providers for the recipe of the offers, unless `changes` say otherwise."""
        parameters = {"value": "balance"} if self.recipe == "asset-view" else {"psi": "ecdh", "receiver": "consumer"}
        request: dict[str, Any] = {
            "recipe": self.recipe,
            "purpose": PURPOSE,
            "parameters": {"identifier": "customer", "namespace": self.namespace} | parameters,
            "providers": [
                {"address": member.address, "offer": self.offers[key], "reward": str(REWARD)}
                for key, member in self.providers.items()
            ],
            "own": {"offer": self.offers[self.consumer], "consent": self.own_consent},
            "token": self.token,
        }
        return request | changes

    def begin(self, request: Mapping[str, Any]) -> str:
        """Start a job at the consumer's node; its id."""
        consumer = self.members[self.consumer]
        answer = http().post(f"{consumer.api}/v1/jobs", json=request, headers=consumer.authorization, timeout=120)
        if not answer.is_success:
            raise RuntimeError(answer.text)
        return str(answer.json()["id"])

    def ended(self, job: str, seconds: float = 180) -> str:
        """How a job ended at its consumer."""
        consumer = self.members[self.consumer]
        wait(lambda: consumer.get(f"/v1/jobs/{job}")["ended"] is not None, "end of the job", None, seconds)
        return str(consumer.get(f"/v1/jobs/{job}")["ended"])

    def wait_confirmed(self, chain: Chain) -> None:
        """Wait until the newest block of now counts, as the deployment says."""
        reached = chain.head().number
        wait(lambda: chain.confirmed() >= reached, "block that counts", None, FINAL_SECONDS)


def wait(ready: Callable[[], object], what: str, log: Path | None = None, seconds: float = 180) -> None:
    """Until `ready` says yes; RuntimeError with the log after `seconds`."""
    end = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > end:
            raise RuntimeError(f"no {what} within {seconds} s\n{log.read_text() if log else ''}")
        time.sleep(0.1)


def _listens(socket_: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(socket_))
        except OSError:
            return False
        return True


def healthy(api: str) -> bool:
    """Does a node or enroller answer?"""
    try:
        return http().get(f"{api}/healthz", timeout=2).status_code == 200
    except httpx.HTTPError:
        return False
