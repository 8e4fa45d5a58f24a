"""A job is judged in a process of its own, whose memory is bounded by the size of what there is to judge.

A bundle is a stranger's, and so is what parties answer to a live audit: whoever made it decides how much there is to
read. This process never reads it. The other one may have `ALLOWED` bytes of memory for each byte that came in (of a
file, the parties, the chain) besides what an empty one takes; it answers with one JSON document, a report or an error.
Whatever else happens to it (too much memory or time, a crash, a signal) is an error here too, never a verdict.

The other process sets itself a limit of the system (`RLIMIT_DATA`), half as high again, and raises it before it reads
what has come. Memory is watched from here by that limit, many times a second: a library in Rust that gets no memory
may wait for itself for ever instead of ending. So there is an end of the time too, far beyond what an honest job takes;
of a live audit it begins anew with every byte that comes, since it waits for parties.
"""

from __future__ import annotations

import gc
import os
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

from pydantic import Field

from placet.audit.facts import Count
from placet.audit.outcome import AuditFailure, AuditReport, Basis, Judgement
from placet.core.child import start_child
from placet.core.errors import ConfigError, InputError, LimitError, PlacetError, unforeseen
from placet.core.ids import JobId
from placet.core.noise_opening import SealedNoise
from placet.core.plan import MAX_PARTIES
from placet.core.trust import Deployment, Institution, TrustList
from placet.core.values import Address, Bytes32, Text, Value, parse

if TYPE_CHECKING:
    from placet.audit.bundle import Bundle
    from placet.audit.log_proof import ReadUntil
    from placet.audit.proof import TrustedBlocks
    from placet.audit.sections import Sections
    from placet.core.signatures import Verifiers

ALLOWED: Final = 10
"""Bytes of memory for each byte that came in."""
EMPTY: Final = 256 << 20
"""Bytes that the smallest job may take: the program itself, and its threads."""
SECONDS: Final = 720
PER_MEGABYTE: Final = 60
"""Seconds after the last byte that the smallest job may take, and those for each megabyte more. A party's node may say
nothing for almost as long (`collect.TIMEOUT`)."""
WAITING: Final = 8 * 3600
"""Seconds more of a whole live audit, in which parties may drip: each of them has its own end (`collect.LONGEST`)."""
_TICK = 0.05
MAX_REQUEST: Final = 16 << 20
MAX_REPORT: Final = 64 << 20
_Short = Annotated[str, Field(max_length=4 << 10)]


class ElsewhereEvidence(Value):
    """Where a party's evidence is, if not at the trust list's URL: a file or another URL, one of the two."""

    institution: Address
    url: _Short | None = None
    file: _Short | None = None


class LiveAudit(Value):
    """The job that is collected from the chain and the parties. `key`: the auditor's secret key, which goes through a
    pipe between two processes of one user and nowhere else. `at`: the block as of which the chain is read, if not the
    last confirmed one."""

    job: JobId
    key: Annotated[Bytes32, Field(repr=False)]
    at: Count | None = None
    elsewhere: tuple[ElsewhereEvidence, ...] = ()


class TrustedHashes(Value):
    """Hashes of blocks that the auditor trusts, and in words by whom he has them. `logs`: block, number of events up to
    it and root over them, where witnesses signed that."""

    blocks: Annotated[tuple[tuple[Count, Bytes32], ...], Field(min_length=1, max_length=4096)]
    whose: Text
    logs: Annotated[tuple[tuple[Count, Count, Bytes32], ...], Field(max_length=4096)] = ()

    @property
    def highest(self) -> int:
        """The number of the newest of them."""
        return max(number for number, _ in self.blocks)

    def known(self) -> TrustedBlocks:
        """As checks take them."""
        from placet.audit.log_proof import LogHead
        from placet.audit.proof import TrustedBlocks

        logs = {number: LogHead(size, root) for number, size, root in self.logs}
        return TrustedBlocks(dict(self.blocks), self.whose, logs)


class AuditRequest(Value):
    """What to judge: the bundle's `file`, or a job `live`; what the auditor has of his own, and where to keep the
    bundle. `noise`: what parties handed him of theirs; `secret` opens it, and then it is asked of all. `trusted`: what
    the facts must rest on; a live audit reads the chain as of the highest of these blocks."""

    file: _Short | None = None
    live: LiveAudit | None = None
    url: _Short | None = None
    deployment: Deployment | None = None
    trust: TrustList | None = None
    save: _Short | None = None
    noise: Annotated[tuple[SealedNoise, ...], Field(max_length=MAX_PARTIES)] = ()
    secret: Annotated[Bytes32 | None, Field(repr=False)] = None
    trusted: TrustedHashes | None = None


def judge(request: AuditRequest) -> AuditReport:
    """The report on a saved bundle or a job. LimitError `audit.limits` where it can't be had within the limits, or
    whatever error the bundle is."""
    size = 0 if request.file is None else _size(request.file)
    process = start_child(
        [sys.executable, "-m", "placet.cli.confined", str(EMPTY)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},  # which takes memory for each processor, used or not
    )
    try:
        answer = _watched(process, request, size)
        judgement = parse(Judgement, answer, limit=MAX_REPORT)
    except InputError:
        raise _beyond(size, f"its process ended with {process.returncode}") from None
    finally:
        process.kill()
        process.wait()
    if judgement.failure is not None:
        words = judgement.failure.model_dump()
        raise PlacetError(words.pop("message"), **words)
    if judgement.report is None:
        raise _beyond(size, "no report")
    return judgement.report


def _size(file: str) -> int:
    try:
        return Path(file).stat().st_size
    except OSError as error:
        raise ConfigError("the bundle can't be read", found=f"{file}: {error.strerror}") from None


def _watched(process: subprocess.Popen[bytes], request: AuditRequest, size: int) -> bytes:
    """What the process answers. LimitError once it takes too much; `size` is what is known to come in.

    A thread of its own writes the request and reads the answer: `communicate` with a time limit, called once more after
    it, writes nothing of what it had not written by then.
    """
    began = heard_at = time.monotonic()
    with ThreadPoolExecutor(1, "confined") as threads:
        answer = threads.submit(process.communicate, request.model_dump_json().encode())
        try:
            while True:
                try:
                    return answer.result(_TICK)[0]
                except TimeoutError:
                    now, received = time.monotonic(), _received(process.pid)
                if received > size:
                    size, heard_at = received, now
                if _data(process.pid) > EMPTY + ALLOWED * size:
                    raise _beyond(size, "more")
                seconds = SECONDS + PER_MEGABYTE * size / 1e6
                if now - heard_at > seconds:
                    raise _beyond(size, f"nothing more came, and no verdict within {seconds:,.0f} seconds")
                if now - began > seconds + WAITING:
                    raise _beyond(size, f"no verdict after {seconds + WAITING:,.0f} seconds")
        finally:
            process.kill()  # which ends the thread


def _received(process: int) -> int:
    """Bytes that have come in, by the limit that the process has set itself (`Allowance`). 0 where it has none yet, or
    where the system does not tell."""
    try:
        soft, _ = resource.prlimit(process, resource.RLIMIT_DATA)
    except (OSError, AttributeError):
        return 0
    return 0 if soft == resource.RLIM_INFINITY else max(soft - _half_more(EMPTY), 0) // _half_more(ALLOWED)


def _half_more(number: int) -> int:
    return number + number // 2


def _data(process: int) -> int:
    """Bytes of memory that `RLIMIT_DATA` counts; 0 where the system does not tell."""
    try:
        status = Path(f"/proc/{process}/status").read_text()
    except OSError:
        return 0
    line = next((line for line in status.splitlines() if line.startswith("VmData:")), "VmData: 0 kB")
    return int(line.split()[1]) << 10


def _beyond(size: int, found: str) -> LimitError:
    return LimitError(
        "the job cannot be judged within the limits",
        expected=f"at most {(EMPTY + ALLOWED * size) >> 20:,} MiB of memory for its {size:,} bytes",
        found=found,
        remedy="nothing is decided about the job: collect the bundle yourself, from the chain and the parties",
        code="audit.limits",
    )


class Allowance:
    """The limit that the process of its own sets itself, by what has come in; `empty` bytes where nothing has."""

    def __init__(self, empty: int) -> None:
        self._empty, self._received = empty, 0
        self._raising = threading.Lock()
        self.more(0)

    def more(self, size: int) -> None:
        """So many bytes more have come in."""
        with self._raising:
            self._received += size
            soft = _half_more(self._empty) + _half_more(ALLOWED) * self._received
            _, hard = resource.getrlimit(resource.RLIMIT_DATA)
            resource.setrlimit(
                resource.RLIMIT_DATA, (soft if hard == resource.RLIM_INFINITY else min(soft, hard), hard)
            )


def main() -> None:
    """In the process of its own: the limit comes first, then the request on stdin."""
    allowance = Allowance(int(sys.argv[1]))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        request = parse(AuditRequest, sys.stdin.buffer.read(), limit=MAX_REQUEST)
        judgement = Judgement(report=judge_here(request, allowance.more))
    except PlacetError as error:
        judgement = Judgement(failure=AuditFailure.of(error))
    except MemoryError:
        sys.exit(1)
    except Exception as error:
        failed = LimitError("the verifier failed over this job", found=unforeseen(error), code="audit.failed")
        judgement = Judgement(failure=AuditFailure.of(failed))
    sys.stdout.buffer.write(judgement.model_dump_json().encode())
    gc.freeze()  # nothing is worth collecting at the end


def judge_here(request: AuditRequest, heard: Callable[[int], object]) -> AuditReport:
    """The same in this process. `heard` is told how many bytes have come in, before anything is made of them."""
    from placet.audit.bundle import bundle_pieces
    from placet.audit.sections import Sections
    from placet.audit.verify import verify
    from placet.cli.inputs import replace
    from placet.core.noise_sealing import opened_by

    sections = Sections()
    if request.live is not None:
        bundle, verifiers, basis = _collected(request, request.live, sections, heard)
    else:
        bundle, verifiers, basis = _read(request, sections, heard)
    if request.noise:
        bundle = bundle.model_copy(update={"noise": request.noise})
    if request.save is not None:
        replace(Path(request.save), bundle_pieces(bundle, sections))
    noise = None if request.secret is None or not bundle.noise else opened_by(request.secret, bundle.noise)
    trusted = None if request.trusted is None else request.trusted.known()
    return verify(bundle, verifiers, basis, sections, noise, trusted)


def _collected(
    request: AuditRequest, live: LiveAudit, sections: Sections, heard: Callable[[int], object]
) -> tuple[Bundle, Verifiers | None, Basis]:
    """The bundle of a job, from the auditor's endpoint and the parties."""
    from placet.audit.collect import collect, fetcher
    from placet.audit.log_proof import ReadUntil
    from placet.chain.client import Chain
    from placet.chain.rpc import Rpc
    from placet.core.signatures import Key

    if request.url is None or request.deployment is None or request.trust is None:
        raise ConfigError("a live audit has an endpoint, a deployment file and a trust list of the auditor's own")
    chain = Chain(request.url, request.deployment, Rpc(request.url, heard=heard))
    elsewhere = {one.institution: one.url or Path(one.file or "") for one in live.elsewhere}
    fetch = fetcher(chain, Key(live.key), elsewhere)

    def counted(institution: Institution, job: JobId) -> Iterator[bytes]:
        for piece in fetch(institution, job):
            heard(len(piece))
            yield piece

    at = None if live.at is None else ReadUntil(live.at)
    until = at if request.trusted is None else _newest(request.trusted)
    bundle = collect(chain, request.trust, live.job, counted, sections, until=until, proving=True)
    return bundle, chain.verifiers, Basis.LIVE_CHAIN


def _newest(trusted: TrustedHashes) -> ReadUntil:
    """The newest block that is trusted, and what the events up to it come to."""
    from placet.audit.log_proof import ReadUntil

    return ReadUntil(trusted.highest, trusted.known().logs.get(trusted.highest))


def _read(
    request: AuditRequest, sections: Sections, heard: Callable[[int], object]
) -> tuple[Bundle, Verifiers | None, Basis]:
    """A bundle from its file. What the auditor has himself must be what the bundle was made with."""
    from placet.audit.bundle import compared, read_bundle

    try:
        with Path(request.file or "").open("rb") as source:
            heard(os.fstat(source.fileno()).st_size)
            bundle = read_bundle(source, sections)
    except OSError as error:
        raise ConfigError("the bundle can't be read", found=f"{request.file}: {error.strerror}") from None
    own = compared(bundle, request.deployment, request.trust)
    if request.url is None:
        return bundle, None, own
    from placet.audit.chain_facts import facts, proven_facts
    from placet.chain.client import Chain
    from placet.chain.rpc import Rpc

    chain = Chain(request.url, bundle.deployment, Rpc(request.url, heard=heard))
    shown = (entry.evidence.evidence.plan for entry in bundle.evidence if entry.evidence is not None)
    plan = next((plan for plan in shown if plan.job(bundle.deployment.jobs) == bundle.job), None)
    if request.trusted is None:
        again, proof = facts(chain, bundle.job, plan), None
    else:
        again, proof = proven_facts(chain, bundle.job, plan, _newest(request.trusted))
    read_again = bundle.model_copy(update={"facts": again, "proof": proof})
    return read_again, chain.verifiers, Basis.LIVE_CHAIN if own is Basis.OWN_FILES else own


if __name__ == "__main__":
    main()
