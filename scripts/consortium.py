"""A consortium on one machine: a chain, institutions with node and vault, an enroller; all real processes.

Made with the `placet` program alone, as its users would. Used by the demo, the benchmarks and the tests.
"""

from __future__ import annotations

import contextlib
import csv
import functools
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from placet.catalogue.specs import NAMES
from placet.chain.deploy import deploy_token
from placet.chain.local import LocalChain, dev_account, free_port
from placet.core.signatures import Key

PURPOSE = "https://w3id.org/dpv#CreditChecking"
PLACET = (sys.executable, "-m", "placet.cli")
REWARD = 1000
LIMITS = (
    "drafts_per_client_minute",
    "requests_per_client_minute",
    "consents_per_minute",
    "consents_per_owner_day",
    "consents_per_subject_day",
)


@dataclass(frozen=True)
class Member:
    """An institution: its folder, its address, where its API is, its token."""

    folder: Path
    name: str
    address: str
    api: str

    @property
    def authorization(self) -> dict[str, str]:
        return {"Authorization": "Bearer " + (self.folder / "credential").read_text().strip()}

    def get(self, path: str) -> Any:
        answer = httpx.get(self.api + path, headers=self.authorization, timeout=60, trust_env=False)
        return answer.raise_for_status().json()


@dataclass
class Consortium:
    """Three providers and a consumer. `tables` has one CSV file a member."""

    folder: Path
    chain: LocalChain
    members: dict[str, Member] = field(default_factory=dict)
    offers: dict[str, str] = field(default_factory=dict)
    codes: dict[str, str] = field(default_factory=dict)
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    enroller: str = ""
    auditor: str = ""
    token: str = ""
    own_consent: str = ""

    def run(self, *words: object, accept: Collection[int] = (0,), seconds: float = 300) -> str:
        """The program, as a user would run it; its stdout. RuntimeError for another exit code than these."""
        done = self._run([str(word) for word in words], seconds)
        if done.returncode not in accept:
            raise RuntimeError(f"placet {' '.join(map(str, words))}: {done.stderr}")
        return done.stdout

    def _env(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PLACET_")}
        return kept | {"NO_COLOR": "1", "PLACET_PASSPHRASE_FILE": str(self.folder / "passphrase")}

    def start(self, name: str, *words: str) -> None:
        self.processes[name] = self._spawn(words, self.folder / f"{name}.log")

    def _run(self, words: Sequence[str], seconds: float) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*PLACET, *words], cwd=self.folder, env=self._env(), capture_output=True, text=True, timeout=seconds
        )

    def _spawn(self, words: Sequence[str], log: Path) -> subprocess.Popen[bytes]:
        with log.open("ab") as sink:
            return subprocess.Popen(
                [*PLACET, *words], cwd=self.folder, env=self._env(), stdin=subprocess.DEVNULL, stdout=sink, stderr=sink
            )

    def start_vault(self, key: str) -> None:
        self.start(f"{key}-vault", "vault", "--config", f"{key}-vault/vault.toml")

    def start_node(self, key: str) -> None:
        self.start(f"{key}-node", "node", "--config", f"{key}/node.toml")

    def kill(self, name: str) -> None:
        """SIGKILL."""
        process = self.processes.pop(name)
        process.kill()
        process.wait()

    def stop(self) -> None:
        for process in self.processes.values():
            process.terminate()
        for process in self.processes.values():
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def wait_healthy(self, key: str) -> None:
        wait(lambda: _ok(f"{self.members[key].api}/healthz"), f"node {key}", self.folder / f"{key}-node.log")

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text()

    def request(self, **changes: Any) -> dict[str, Any]:
        """A request over all providers; for `asset-view` unless `changes` say otherwise."""
        providers = [k for k in self.members if k != "consumer"]
        wanted: dict[str, Any] = {
            "recipe": "asset-view",
            "purpose": PURPOSE,
            "parameters": {"identifier": "customer", "value": "balance"},
            "providers": [
                {"address": self.members[k].address, "offer": self.offers[k], "reward": str(REWARD)} for k in providers
            ],
            "own": {"offer": self.offers["consumer"], "consent": self.own_consent},
            "token": self.token,
        }
        return wanted | changes

    def begin(self, request: Mapping[str, Any]) -> str:
        """Start a job at the consumer's node; its id."""
        consumer = self.members["consumer"]
        answer = httpx.post(
            f"{consumer.api}/v1/jobs", json=request, headers=consumer.authorization, timeout=120, trust_env=False
        )
        if not answer.is_success:
            raise RuntimeError(answer.text)
        return str(answer.json()["id"])

    def ended(self, job: str, seconds: float = 180) -> str:
        """How a job ended at its consumer."""
        consumer = self.members["consumer"]
        wait(lambda: consumer.get(f"/v1/jobs/{job}")["ended"] is not None, "end of the job", None, seconds)
        return str(consumer.get(f"/v1/jobs/{job}")["ended"])


def wait(ready: Any, what: str, log: Path | None = None, seconds: float = 180) -> None:
    """Until `ready` says yes; RuntimeError with the log after `seconds`."""
    end = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > end:
            raise RuntimeError(f"no {what} within {seconds} s\n{log.read_text() if log else ''}")
        time.sleep(0.1)


def _ok(url: str) -> bool:
    try:
        return httpx.get(url, trust_env=False, timeout=2).status_code == 200
    except httpx.HTTPError:
        return False


def write_table(file: Path, header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    with file.open("w", newline="") as sink:
        table = csv.writer(sink)
        table.writerow(header)
        table.writerows(rows)


@contextlib.contextmanager
def consortium(
    folder: Path,
    names: Mapping[str, str],
    balances: Mapping[str, Mapping[str, int]],
    customers: Sequence[str],
    *,
    purpose: str = PURPOSE,
    recipe: str = "asset-view",
    output: str = "total",
    registered: Sequence[str] | None = None,
    block_time: float | None = 1,
    confirmations: int = 1,
    say: Any = lambda text: None,
    kind: type[Consortium] = Consortium,
) -> Iterator[Consortium]:
    """`names` by key, with `consumer` among them; `balances` by provider; `customers` are the consumer's list; offers
    are for `recipe` and what it gives out; `registered` are known to the enroller: all that a provider knows, unless
    given."""
    (folder / "passphrase").touch(0o600)
    (folder / "passphrase").write_text("only for this consortium\n")
    with LocalChain(block_time=block_time) as chain:
        made = kind(folder, chain)
        try:
            found(made, names, confirmations, say)
            say("starting a node and a vault for each institution, and the identity service")
            for key in names:
                made.start_vault(key)
                made.start_node(key)
            made.start("enroller", "identity", "--config", "registry/identity.toml")
            everybody = sorted({c for held in balances.values() for c in held})
            _stock(made, balances, customers, everybody if registered is None else registered)
            for key in names:
                made.wait_healthy(key)
            wait(lambda: _ok(f"{made.enroller}/healthz"), "identity service", folder / "enroller.log")
            say("offers on chain")
            _offer(made, purpose, recipe, output)
            yield made
        finally:
            made.stop()


def found(made: Consortium, names: Mapping[str, str], confirmations: int, say: Any, sponsor: str = "consumer") -> None:
    """Contracts, an institution for each name, a registry, an auditor, the trust list, and money for `sponsor`."""
    url = made.chain.url
    say("deploying the contracts, founding the institutions")

    def deploy() -> None:
        made.run("deploy", "--url", url, "--out", "deployment.json", "--local-key", "--confirmations", confirmations)

    def found(key: str, name: str) -> None:
        api, peer = free_port(), free_port()
        made.run(
            *("init", key, "--name", name, "--chain-url", url, "--deployment", "deployment.json"),
            *("--trust", "trust.json", "--api-port", api, "--peer-port", peer),
        )
        entry = json.loads((made.folder / key / "entry.json").read_text())
        made.members[key] = Member(made.folder / key, name, entry["address"], entry["api"])
        settings = made.folder / key / "node.toml"
        limits = "\n[limits]\n" + "".join(f"{limit} = 1000000\n" for limit in LIMITS)
        policy = f"\n[policy]\nrecipes = {json.dumps(NAMES)}\n"
        settings.write_text("batch_seconds = 1\n" + settings.read_text() + limits + policy)

    def registry() -> None:
        port = free_port()
        made.enroller = f"http://127.0.0.1:{port}"
        words = ("--name", "Registry", "--deployment", "deployment.json", "--port", port)
        made.run("identity", "init", "registry", *words)

    def auditor() -> None:
        made.auditor = made.run("key", "new", "auditor.json").strip()

    _together(deploy, registry, auditor, *(functools.partial(found, key, name) for key, name in names.items()))
    made.members = {key: made.members[key] for key in names}
    rich = bytes.fromhex(made.members[sponsor].address[2:])

    def trust() -> None:
        made.run("trust", "add", "trust.json", *(f"{key}/entry.json" for key in names), "registry/entry.json")
        listed = json.loads((made.folder / "trust.json").read_text())
        listed["auditors"] = [{"address": made.auditor, "name": "Auditor"}]
        (made.folder / "trust.json").write_text(json.dumps(listed))

    def money() -> None:
        accounts = [account for key in names for account in _accounts(made.folder / key)]
        made.run("chain", "fund", "--url", url, *accounts)
        made.token = "0x" + deploy_token(url, Key(bytes(dev_account(0).key)), {rich: 10**9}).hex()

    _together(trust, money)


def _accounts(folder: Path) -> tuple[str, str]:
    """The accounts of a node that pay for gas: signer and recorder."""
    signer, recorder = re.findall(r'(?:address|recorder) = "(0x[0-9a-f]{40})"', (folder / "node.toml").read_text())
    return signer, recorder


def _together(*works: Callable[[], object]) -> None:
    """Several pieces of work at once; the first error counts."""
    with ThreadPoolExecutor(max_workers=len(works)) as pool:
        for done in [pool.submit(work) for work in works]:
            done.result()


def _stock(
    made: Consortium,
    balances: Mapping[str, Mapping[str, int]],
    customers: Sequence[str],
    registered: Sequence[str],
) -> None:
    for key, held in balances.items():
        write_table(made.folder / f"{key}.csv", ("customer", "value"), list(held.items()))
    write_table(made.folder / "consumer.csv", ("customer", "value"), [(c, 0) for c in customers])

    def import_(key: str) -> None:
        table = "accounts" if key in balances else "customers"
        made.run(
            *("vault", "import", "--config", f"{key}-vault/vault.toml", "--name", table, "--file", f"{key}.csv"),
            *("--identifier", "customer", "--column", "balance=value:integer"),
            *(() if key in balances else ("--own",)),
        )

    def register() -> None:
        (made.folder / "subjects").write_text("\n".join(registered) + "\n")
        many = ("--from", "subjects", "--codes", "codes.csv")
        made.run("identity", "add", "registry/register.csv", *many, seconds=3600)
        with (made.folder / "codes.csv").open() as source:
            made.codes = {row["subject"]: row["code"] for row in csv.DictReader(source)}

    _together(register, *(functools.partial(import_, key) for key in made.members))


def _offer(made: Consortium, purpose: str, recipe: str, output: str) -> None:
    parties = ",".join(m.address for m in made.members.values())
    consumer = made.members["consumer"].address

    def offer(key: str) -> None:
        own = key == "consumer"
        answer = made.run(
            *("offer", "make", "--config", f"{key}/node.toml", "--dataset", "customers" if own else "accounts"),
            *("--consumer", consumer, "--purpose", purpose, "--operations", "PSI,MPC", "--output", output),
            *("--columns", "customer" if own else "customer,balance", "--recipes", recipe),
            *("--parties", parties, "--json", *(("--own",) if own else ())),
        )
        made.offers[key] = json.loads(answer)["offer"]
        if own:
            words = ("--config", f"{key}/node.toml", "--offer", made.offers[key], "--uses", 1000, "--json")
            made.own_consent = json.loads(made.run("grant", *words))["consent"]

    _together(*(functools.partial(offer, key) for key in made.members))
