"""Founding a consortium with the `placet` program, as its users would: contracts, institutions, tables, offers."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from placet.catalogue.specs import NAMES
from placet.chain.local import LocalChain, free_port
from placet.core.csv_file import plain_cell, read_rows
from placet.core.trust import TrustList
from placet.core.values import parse
from placet.sandbox import program
from placet.sandbox.consortium import PURPOSE, Consortium, LocalEndpoint, SandboxInstitution

LIMITS = (
    "drafts_per_client_minute",
    "requests_per_client_minute",
    "consents_per_minute",
    "consents_per_owner_day",
    "consents_per_subject_day",
)
Say = Callable[[str], object]
AUDITOR = "Auditor"
_PATIENTLY = ("--timeout", 900)
"""A chain may take minutes until what was sent is final."""
DATASET_BUDGET = "1000000000"
"""Of each table of accounts, in nano-rho: what all jobs that add noise may spend of it."""


@dataclass(frozen=True)
class Stock:
    """What the institutions have: `balances` by provider and person, the consumer's `customers`; `registered` are known
    to the enroller: all that a provider knows, unless given. Balances count 10^-`decimals`."""

    balances: Mapping[str, Mapping[str, int]]
    customers: Sequence[str]
    registered: Sequence[str] | None = None
    decimals: int = 0

    def persons(self) -> Sequence[str]:
        """Whom the enroller knows."""
        if self.registered is not None:
            return self.registered
        return sorted({person for rows in self.balances.values() for person in rows})


@dataclass(frozen=True)
class Offering:
    """What the offers are for: a recipe, the shape of what it gives out, a purpose (a DPV IRI)."""

    recipe: str
    output: str
    purpose: str = PURPOSE


@dataclass(frozen=True)
class Supply:
    """What one institution brings, as options of `placet vault import` and of `placet offer make`, but for who takes
    part. `personal` false: its own rows, for which it consents itself."""

    table: Sequence[object]
    offer: Sequence[object]
    personal: bool = True


ASSET_VIEW = Offering("asset-view", "total")
MATCH = Offering("match", "matches")
ONE_BLOCK = ("--confirmations", 1)
"""What a sandbox's deployment goes by."""


@dataclass(frozen=True)
class Charter:
    """What a consortium is founded with: options of `placet deploy`; the auditors' names, of whom the first one
    audits; and by key the institutions whose address has a key that `recovery.json` can replace."""

    deploy: Sequence[object] = ONE_BLOCK
    auditors: Sequence[str] = (AUDITOR,)
    accounts: Sequence[str] = ()


USUAL = Charter()


@contextlib.contextmanager
def consortium(
    folder: Path,
    names: Mapping[str, str],
    stock: Stock,
    offering: Offering = ASSET_VIEW,
    *,
    block_time: float | None = 1,
    say: Say = lambda text: None,
) -> Iterator[Consortium]:
    """One for the length of a `with` block. `names` by key, with `consumer` among them."""
    with (
        LocalChain(block_time=block_time) as chain,
        consortium_on(chain, folder, names, stock, offering, say=say) as group,
    ):
        yield group


@contextlib.contextmanager
def consortium_on(
    chain: LocalEndpoint,
    folder: Path,
    names: Mapping[str, str],
    stock: Stock,
    offering: Offering = ASSET_VIEW,
    *,
    charter: Charter = USUAL,
    say: Say = lambda text: None,
) -> Iterator[Consortium]:
    """The same on a chain that runs already."""
    write_passphrase(folder)
    group = Consortium(folder, chain, recipe=offering.recipe)
    try:
        found(group, names, say, charter)
        supply(group, stock, offering, say)
        yield group
    finally:
        group.stop()


def write_passphrase(folder: Path) -> None:
    """The file that opens all keys of a consortium."""
    (folder / "passphrase").touch(0o600)
    (folder / "passphrase").write_text("only for this consortium\n")


def supply(group: Consortium, stock: Stock, offering: Offering, say: Say) -> None:
    """Start all servers of a founded consortium, fill the vaults, make the offers."""
    furnish(group, _supplies(group, stock, offering), stock.persons(), say)


def furnish(group: Consortium, supplies: Mapping[str, Supply], persons: Sequence[str], say: Say) -> None:
    """The same of any tables, by key; `persons` are known to the enroller."""
    say("starting a node and a vault for each institution, and the identity service")
    for key in group.members:
        group.start_vault(key)
        group.start_node(key)
    group.start_enroller()
    _fill(group, supplies, persons)
    for key in group.members:
        group.wait_healthy(key)
    group.wait_enroller()
    say("offers on chain")
    _offer(group, supplies)


def found(group: Consortium, names: Mapping[str, str], say: Say, charter: Charter = USUAL) -> None:
    """Contracts, an institution for each name, a registry, the auditors, the trust list, and money for the
    consumer."""
    url, accounts, auditors = group.chain.url, charter.accounts, charter.auditors
    recovery = group.run("key", "new", "recovery.json").strip() if accounts else ""
    say("deploying the contracts, founding the institutions")

    def deploy() -> None:
        group.run("deploy", "--url", url, "--out", "deployment.json", "--local-key", *charter.deploy)

    def institution(key: str, name: str) -> None:
        api, peer = free_port(), free_port()
        group.run(
            *("init", key, "--name", name, "--chain-url", url, "--deployment", "deployment.json"),
            *("--trust", "trust.json", "--api-port", api, "--peer-port", peer),
            *(("--recovery", recovery) if key in accounts else ()),
        )
        entry = json.loads((group.folder / key / "entry.json").read_text())
        group.members[key] = SandboxInstitution(group.folder / key, name, entry["address"], entry["api"])
        _settle(group.folder / key / "node.toml")

    def registry() -> None:
        port = free_port()
        group.enroller = f"http://localhost:{port}"
        words = ("--name", "Registry", "--namespace", group.namespace, "--deployment", "deployment.json")
        group.run("identity", "init", "registry", *words, "--port", port)

    entries = ["auditor-entry.json", *(f"auditor-{number}-entry.json" for number in range(2, len(auditors) + 1))]

    def auditor() -> None:
        for name, entry in zip(auditors, entries, strict=True):
            key = entry.replace("-entry", "")
            address = group.run("key", "new", key).strip()
            group.auditor = group.auditor or address
            group.run("trust", "auditor", entry, "--name", name, "--key", key)

    together(deploy, registry, auditor, *(functools.partial(institution, key, name) for key, name in names.items()))
    group.members = {key: group.members[key] for key in names}
    with (group.folder / "registry" / "identity.toml").open("a") as enroller:
        enroller.write(f"page_origins = {json.dumps([member.api for member in group.members.values()])}\n")

    def trust() -> None:
        group.run("trust", "add", "trust.json", *(f"{key}/entry.json" for key in names), "registry/entry.json")
        file = group.folder / "trust.json"
        listed = parse(TrustList, file.read_bytes(), limit=8 << 20)
        for entry in entries:
            listed = listed.with_entry("auditors", json.loads((group.folder / entry).read_text()))
        file.write_text(listed.model_dump_json(indent=2))

    def money() -> None:
        payers = [account for key in names for account in _accounts(group.folder / key)]
        signers = [group.run("key", "show", f"{key}/keys/signer.json").strip() for key in accounts]
        group.run("chain", "fund", "--url", url, *payers, *signers, *([recovery] if recovery else []))
        for key in accounts:
            group.run("account", "open", "--config", f"{key}/node.toml", "--recovery", recovery)
        holders = [group.members[key].address for key in names]
        group.token = group.run(url, *holders, module="placet.sandbox.token")

    together(trust, money)


def _settle(settings: Path) -> None:
    """What a sandbox's node has for itself: no limits that a test would reach, all recipes without asking people."""
    limits = "\n[limits]\n" + "".join(f"{limit} = 1000000\n" for limit in LIMITS)
    policy = f"\n[policy]\nrecipes = {json.dumps(NAMES)}\n"
    flower = os.environ.get("PLACET_NODE_FLOWER_PYTHON")
    engine = f"flower_python = {json.dumps(flower)}\n" if flower else ""
    settings.write_text(f"batch_seconds = 1\n{engine}" + settings.read_text() + limits + policy)


def _accounts(folder: Path) -> tuple[str, str]:
    """The accounts of a node that pay for gas: signer and recorder."""
    signer, recorder = re.findall(r'(?:address|recorder) = "(0x[0-9a-f]{40})"', (folder / "node.toml").read_text())
    return signer, recorder


def together(*works: Callable[[], object]) -> None:
    """Several pieces of work at once; the first error counts, and ends the commands of the others."""
    with ThreadPoolExecutor(max_workers=len(works)) as pool:
        try:
            for future in [pool.submit(work) for work in works]:
                future.result()
        except BaseException:
            program.end_commands()
            raise


def _supplies(group: Consortium, stock: Stock, offering: Offering) -> dict[str, Supply]:
    """Small tables as files, one an institution."""
    supplies = {}
    for key in group.members:
        own = key not in stock.balances
        rows, decimals = (dict.fromkeys(stock.customers, 0), 0) if own else (stock.balances[key], stock.decimals)
        write_table(group.folder / f"{key}.parquet", rows, decimals)
        name, mark = ("customers", ["--own"]) if own else ("accounts", [])
        table = ["--name", name, "--file", f"{key}.parquet", "--identifier", "customer", "--namespace", group.namespace]
        table += ["--column", "balance=value:integer", *(("--decimals", f"balance={decimals}") if decimals else ())]
        offer = ["--dataset", name, "--purpose", offering.purpose, "--operations", "PSI,MPC"]
        offer += ["--output", offering.output, "--recipes", offering.recipe]
        offer += ["--columns", "customer" if own else "customer,balance"]
        offer += mark or ["--dataset-budget", DATASET_BUDGET]
        if offering.recipe == ASSET_VIEW.recipe and not own:
            offer += ["--auditors", AUDITOR]
        supplies[key] = Supply(table + mark, offer, personal=not own)
    return supplies


def _fill(group: Consortium, supplies: Mapping[str, Supply], persons: Sequence[str]) -> None:
    def import_(key: str) -> None:
        group.run("vault", "import", "--config", f"{key}-vault/vault.toml", *supplies[key].table, seconds=3600)

    def register() -> None:
        if not persons:
            return
        (group.folder / "subjects").write_text("\n".join(persons) + "\n")
        many = ("--from", "subjects", "--codes", "codes.csv")
        group.run("identity", "add", "registry/register.csv", *many, seconds=3600)
        _, *rows = read_rows((group.folder / "codes.csv").open("rb"))
        group.codes = {plain_cell(subject): code for _, (subject, code) in rows}

    together(register, *(functools.partial(import_, key) for key in group.members))


def write_table(file: Path, rows: Mapping[str, int], decimals: int = 0) -> None:
    """Customers and their values, counted in 10^-`decimals`, as Parquet: identifiers stay as they are, whatever they
    begin with."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    amounts = pa.array([Decimal(value).scaleb(-decimals) for value in rows.values()], pa.decimal128(38, decimals))
    columns = {"customer": pa.array([*rows], pa.string()), "value": amounts}
    pq.write_table(pa.table(columns), file)


def _offer(group: Consortium, supplies: Mapping[str, Supply]) -> None:
    parties = ",".join(m.address for m in group.members.values())
    consumer = group.members[group.consumer].address

    def offer(key: str) -> None:
        who = ("--consumer", consumer, "--parties", parties)
        words = ("--config", f"{key}/node.toml", *supplies[key].offer, *who, "--json", *_PATIENTLY)
        group.offers[key] = json.loads(group.run("offer", "make", *words))["offer"]
        if not supplies[key].personal:
            grant = (
                "--config",
                f"{key}/node.toml",
                "--offer",
                group.offers[key],
                "--uses",
                1000,
                "--json",
                *_PATIENTLY,
            )
            group.own_consent = json.loads(group.run("grant", *grant))["consent"]

    together(*(functools.partial(offer, key) for key in group.members))
