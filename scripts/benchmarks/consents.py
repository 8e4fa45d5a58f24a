"""Consents by the million: gas of a batch, signatures checked a second, and the lawful set over it. Takes --n.

A real chain, a real vault folder and a real batch file, whose owners were enrolled in one batch. Checking is measured
in rounds, each followed by as many bare coincurve recoveries, one a consent, in as many processes; and once more where
each consent has an enroller's signature of its own.
"""

from __future__ import annotations

import contextlib
import itertools
import multiprocessing
import os
import resource
import secrets
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import psutil
from eth_account import Account
from web3 import HTTPProvider, Web3

from placet.chain.calls import Call, Calls
from placet.chain.deploy import deploy
from placet.chain.local import LocalChain
from placet.core.batch_check import RowCheck
from placet.core.batch_file import BatchRow
from placet.core.enrolment_batch import Enrolments, signed
from placet.core.offers import Offer, Scope, Subjects
from placet.core.purposes import purpose_id
from placet.core.signatures import Key, Verifiers
from placet.core.trust import Deployment, Enroller, Institution, TrustList
from placet.core.values import to_hex
from placet.sandbox.consortium import NAMESPACE
from placet.sandbox.signing import BulkSigner
from placet.vault.assembly import open_vault
from placet.vault.batch_making import make_batch
from placet.vault.batches import BatchCheck, BatchReader
from placet.vault.config import VaultSettings
from placet.vault.consent_table import TableWriter, read_consents
from placet.vault.setup import init_vault

sys.path.insert(0, str(Path(__file__).resolve().parent))
from _people import STEP, make_table, many, recover_bare

TARGETS = {"gas_each": 0.1, "lawful_set_s": 5.0, "peak_mb": 2_000.0, "verify_ratio_to_coincurve": 0.85}
"""At a million; the ratio is the one that must not be lower."""

NOTES = {
    "gas_each": "the anchor's gas, over all consents",
    "verify_per_s": "consents a second: the owner's signature, enrolment in a batch, words, order and tree",
    "verify_ratio_to_coincurve": "against one bare recovery a consent on as many processes, interleaved",
    "verify_cpu_ratio": "the same in processor time of all processes",
    "signed_each_per_s": "consents a second, where the enroller signed each: two signatures",
    "signed_each_ratio": "the same against one bare recovery a consent",
    "imported_s": "checked once more and taken into the vault, all or nothing",
    "imported_cpu_s": "the same in processor time",
    "anchored_s": "from the transaction to the vault's own view of it",
    "indexed_s": "the first lawful set after a start: opens every record and tags every row",
    "lawful_set_s": "every further one",
    "made_s": "the batch file, out of a table of signed consents",
    "file_mb": "the batch file",
    "peak_mb": "the vault's process; the checking ones are in worker_mb, each",
}

DEFAULT = 20_000
ROUNDS = 5
_BARE = 256
"""Recoveries that a process is given at a time."""
PURPOSE = "https://w3id.org/dpv#CreditChecking"


@dataclass(frozen=True)
class _Setup:
    """A provider with a vault, its offer on a chain, and an enroller."""

    folder: Path
    chain: LocalChain
    provider: Key
    enroller: Key
    deployment: Deployment
    trust: TrustList
    offer: Offer
    scope: Scope
    settings: VaultSettings


def main(*, json: bool, n: int = DEFAULT) -> dict[str, object]:
    """Measure and print; see `scripts/bench`."""
    with tempfile.TemporaryDirectory() as folder, LocalChain() as chain:
        figures = _measure(Path(folder), chain, n)
    out = sys.stderr if json else sys.stdout
    for name, note in NOTES.items():
        target = f"of {TARGETS[name]:>7,}" if name in TARGETS else ""
        print(f"{name:<26} {figures[name]:>13,} {target:<10}  {note}", file=out)
    return figures


def _measure(folder: Path, chain: LocalChain, n: int) -> dict[str, object]:
    processes = os.cpu_count() or 1
    with ProcessPoolExecutor(processes, multiprocessing.get_context("spawn")) as pool:
        setup = _set_up(folder, chain, n, pool)
        parts, enrolments = _at_once(setup, pool, n)
        each = [_signed_each(setup, pool, n)]
        figures: dict[str, float] = {"n": n, "processes": processes}
        with _timed(figures, "made_s"):
            whole = _joined(setup, parts)
        times = _rounds(setup, parts, enrolments, pool, processes)
        figures["verify_per_s"] = n / times.checked
        figures["verify_ratio_to_coincurve"] = times.bare / times.checked
        figures["verify_cpu_ratio"] = times.bare_cpu / times.checked_cpu
        times = _rounds(setup, each, (), pool, processes)
        figures["signed_each_per_s"] = n // ROUNDS / times.checked
        figures["signed_each_ratio"] = times.bare / times.checked
    figures["file_mb"] = whole.stat().st_size / 1e6
    with open_vault(setup.settings) as vault:
        with whole.open("rb", buffering=1 << 20) as file, _timed(figures, "imported_s"):
            reader, start_cpu = BatchReader(file), _ended_seconds()
            vault.admit_batch(reader, lambda _: None, 0, enrolments)
            figures["imported_cpu_s"] = _ended_seconds() - start_cpu
        with _timed(figures, "anchored_s"):
            gas = _send(setup, Calls(setup.deployment).anchor(setup.offer.id, reader.header.root))
            block = int(str(chain.rpc("eth_blockNumber")), 16)
        figures["gas_each"] = gas / n
        deadline = int(time.time()) + 1000
        for name in ("indexed_s", "lawful_set_s"):
            with _timed(figures, name):
                lawful = vault.lawful(setup.offer.id, block, deadline)
            if lawful.count != n:
                raise RuntimeError(f"{lawful.count} rows are lawful, not {n}")
    figures["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    figures["worker_mb"] = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    return {name: round(value, 3) if value % 1 else int(value) for name, value in figures.items()}


class _timed:  # noqa: N801 - used as a block's word
    """Seconds of a block, under a name."""

    def __init__(self, figures: dict[str, float], name: str) -> None:
        self._figures, self._name = figures, name

    def __enter__(self) -> None:
        self._start = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        self._figures[self._name] = time.perf_counter() - self._start


def _set_up(folder: Path, chain: LocalChain, n: int, pool: ProcessPoolExecutor) -> _Setup:
    provider, consumer, enroller = Key(), Key(), Key()
    chain.rpc("anvil_setBalance", to_hex(provider.address), hex(10**24))
    deployment = deploy(chain.url, provider, 0)
    named = {"First Bank": provider, "Credit House": consumer}
    trust = TrustList(
        institutions=tuple(
            Institution(
                address=key.address,
                name=name,
                api="http://127.0.0.1:1",
                peer="https://127.0.0.1:2",
                certificate="-----BEGIN CERTIFICATE-----",
            )
            for name, key in named.items()
        ),
        enrollers=(Enroller(address=enroller.address, name="Register", namespaces=(NAMESPACE,)),),
    )
    files = {"deployment": deployment.model_dump_json(), "trust": trust.model_dump_json(), "passphrase": "benchmark\n"}
    for name, text in files.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o600)
    settings = init_vault(
        folder / "vault",
        institution=provider.address,
        chain_url=chain.url,
        deployment=folder / "deployment",
        trust=folder / "trust",
        passphrase_file=folder / "passphrase",
    )
    dataset = pool.submit(make_table, settings, folder / "table.csv", n).result()
    scope = Scope(
        title="Accounts",
        provider=provider.address,
        purpose=PURPOSE,
        columns=("balance",),
        identifier="customer",
        namespace=NAMESPACE,
        output="total",
        recipes=("asset-view",),
        parties=(provider.address, consumer.address),
        enrollers=(enroller.address,),
        salt=secrets.token_bytes(32),
    )
    offer = Offer(
        dataset=dataset[0], consumer=consumer.address, purpose=purpose_id(PURPOSE), operations=3, scope=scope.hash
    )
    setup = _Setup(folder, chain, provider, enroller, deployment, trust, offer, scope, settings)
    calls = Calls(deployment)
    _send(setup, calls.register(dataset[0], Subjects.PERSONS, *dataset[1:]))
    _send(setup, calls.offer(offer))
    return setup


def _send(setup: _Setup, call: Call) -> int:
    """Gas of a transaction of the provider."""
    web3 = Web3(HTTPProvider(setup.chain.url))
    transaction = {
        "type": 2,
        "chainId": setup.chain.chain_id,
        "nonce": web3.eth.get_transaction_count(web3.to_checksum_address(setup.provider.address)),
        "to": web3.to_checksum_address(call.to),
        "value": 0,
        "data": call.data,
        "gas": 1_000_000,
        "maxFeePerGas": 10**10,
        "maxPriorityFeePerGas": 1,
    }
    signed = Account.sign_transaction(transaction, setup.provider.secret)
    receipt = web3.eth.wait_for_transaction_receipt(
        web3.eth.send_raw_transaction(signed.raw_transaction), poll_latency=0.01
    )
    if receipt["status"] != 1:
        raise RuntimeError(f"reverted: {call.what}")
    return int(receipt["gasUsed"])


def _signer(setup: _Setup) -> BulkSigner:
    return BulkSigner(setup.offer, setup.scope, setup.trust, setup.deployment, setup.enroller.secret)


def _consents(setup: _Setup, pool: ProcessPoolExecutor, first: int, last: int) -> Iterator[BatchRow]:
    """Of the customers from `first` to `last`, each enrolled by a signature."""
    starts = range(first, last, STEP)
    ends = [min(i + STEP, last) for i in starts]
    return itertools.chain.from_iterable(pool.map(many, [_signer(setup)] * len(starts), starts, ends))


def _signed_each(setup: _Setup, pool: ProcessPoolExecutor, n: int) -> Path:
    """A batch file of a fifth of the customers, whom the enroller signed for one by one."""
    out = setup.folder / "batch-each"
    _batch(setup, _consents(setup, pool, 0, n // ROUNDS), out)
    return out


def _at_once(setup: _Setup, pool: ProcessPoolExecutor, n: int) -> tuple[list[Path], list[Enrolments]]:
    """Batch files of all customers, and the one batch of enrolments that all of them rely on."""
    pairs, tables = list[tuple[bytes, bytes]](), []
    for part in range(ROUNDS):
        tables.append(setup.folder / f"table-{part}")
        with TableWriter(tables[-1]) as table:
            rows = _consents(setup, pool, n * part // ROUNDS, n * (part + 1) // ROUNDS)
            table.add(_noted(rows, pairs))  # in one call: each would begin a row group
    enrolments = signed(pairs, NAMESPACE, setup.enroller, setup.deployment.consents)
    outs = []
    for table in tables:
        outs.append(table.with_suffix(".batch"))
        with table.open("rb") as source:
            rows = (row._replace(enrolled=enrolments.batch.root) for row in read_consents(source))
            _batch(setup, rows, outs[-1])
    return outs, [enrolments]


def _noted(rows: Iterable[BatchRow], pairs: list[tuple[bytes, bytes]]) -> Iterator[BatchRow]:
    """The rows, and their pairs for the enroller on the way."""
    for row in rows:
        pairs.append((row.consent.owner, row.consent.enrolment))
        yield row


def _joined(setup: _Setup, parts: list[Path]) -> Path:
    """One batch file of all."""
    out = setup.folder / "batch"
    with contextlib.ExitStack() as opened:
        files = [opened.enter_context(part.open("rb")) for part in parts]
        _batch(setup, itertools.chain.from_iterable(map(read_consents, files)), out)
    return out


def _batch(setup: _Setup, rows: Iterable[BatchRow], out: Path) -> None:
    check = RowCheck(setup.offer, setup.scope, setup.deployment.consents, Verifiers(), setup.trust)
    make_batch(check, setup.offer, setup.scope, rows, out)


@dataclass
class _Times:
    """Seconds by the clock, and of processors, of checking and of as many bare recoveries."""

    checked: float = 0.0
    bare: float = 0.0
    checked_cpu: float = 0.0
    bare_cpu: float = 0.0


def _rounds(
    setup: _Setup, parts: list[Path], enrolments: Sequence[Enrolments], pool: ProcessPoolExecutor, processes: int
) -> _Times:
    """Of checking all parts, and of as many bare recoveries, one after the other in each round."""
    times = _Times()
    for warm, part in ((True, parts[0]), *((False, part) for part in parts)):
        with part.open("rb", buffering=1 << 20) as file:
            reader = BatchReader(file)
            with BatchCheck(reader, setup.deployment, setup.trust, processes, enrolments) as check:
                _start_workers(check, processes)
                start, start_cpu = time.perf_counter(), _processor_seconds()
                for _ in check.run():
                    pass
                seconds, processor = time.perf_counter() - start, _processor_seconds() - start_cpu
            # The check's processes have ended: what they took is not in what follows.
            start, start_cpu = time.perf_counter(), _processor_seconds()
            full, rest = divmod(reader.header.count, _BARE)
            for _ in pool.map(recover_bare, [_BARE] * full + [rest]):
                pass
            if not warm:
                times.checked += seconds
                times.checked_cpu += processor
                times.bare += time.perf_counter() - start
                times.bare_cpu += _processor_seconds() - start_cpu
    return times


def _start_workers(check: BatchCheck, processes: int) -> None:
    """Each is up once it has slept; none is while another sleeps for it."""
    if check._pool is not None:
        for _ in check._pool.map(time.sleep, [2.0] * processes):
            pass


def _ended_seconds() -> float:
    """Processor seconds of this process and its children that have ended."""
    used = (resource.getrusage(which) for which in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in used)


def _processor_seconds() -> float:
    """Of this process and its living children."""
    here = psutil.Process()
    spent = (one.cpu_times() for one in (here, *here.children(recursive=True)))
    return sum(one.user + one.system for one in spent)
