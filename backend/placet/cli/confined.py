"""A saved bundle is judged in a process of its own, whose memory is bounded by the file's size.

A bundle is a stranger's: whoever made it decides how much there is to read. This process never reads it. The other one
may have `ALLOWED` bytes of memory for each byte of the file besides what an empty one takes; it answers with one JSON
document, a report or an error. Whatever else happens to it (too much memory or time, a crash, a signal) is an error
here too, never a verdict.

Memory is watched from here, many times a second, and a limit of the system (`RLIMIT_DATA`) stands behind that, half as
high again: a library in Rust that gets no memory may wait for itself for ever instead of ending. So there is an end of
the time too, far beyond what an honest bundle takes.
"""

from __future__ import annotations

import gc
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

from pydantic import Field, model_validator

from placet.audit.outcome import AuditReport, Basis
from placet.chain.child import start_child
from placet.core.errors import ConfigError, DeploymentError, InputError, LimitError, PlacetError, unforeseen
from placet.core.trust import Deployment, TrustList
from placet.core.values import Value, parse

if TYPE_CHECKING:
    from placet.audit.bundle import Bundle
    from placet.audit.sections import Sections
    from placet.core.signatures import Verifiers

ALLOWED: Final = 10
"""Bytes of memory for each byte of the bundle."""
EMPTY: Final = 256 << 20
"""Bytes that the smallest bundle may take: the program itself, and its threads."""
SECONDS: Final = 600
PER_MEGABYTE: Final = 60
"""Seconds that the smallest bundle may take, and those for each megabyte more."""
_TICK = 0.05
MAX_REQUEST: Final = 16 << 20
_MOST = 4 << 10
_Short = Annotated[str, Field(max_length=_MOST)]


class AuditRequest(Value):
    """What to judge: the bundle's file, what the auditor has of his own, and where to keep the bundle."""

    file: _Short
    url: _Short | None = None
    deployment: Deployment | None = None
    trust: TrustList | None = None
    save: _Short | None = None


class AuditFailure(Value):
    """A `PlacetError`."""

    code: _Short
    message: _Short
    expected: _Short | None = None
    found: _Short | None = None
    remedy: _Short | None = None

    @classmethod
    def of(cls, error: PlacetError) -> AuditFailure:
        words = {name: getattr(error, name) for name in cls.model_fields}
        return cls.model_validate({name: word and word[:_MOST] for name, word in words.items()})


class Judgement(Value):
    """The answer: one of the two."""

    report: AuditReport | None = None
    failure: AuditFailure | None = None

    @model_validator(mode="after")
    def _one(self) -> Judgement:
        if (self.report is None) == (self.failure is None):
            raise ValueError("a report or a failure")
        return self


def judge(request: AuditRequest) -> AuditReport:
    """The report on a saved bundle. LimitError `audit.limits` where it can't be had within the limits, or whatever
    error the bundle is."""
    try:
        size = Path(request.file).stat().st_size
    except OSError as error:
        raise ConfigError("the bundle can't be read", found=f"{request.file}: {error.strerror}") from None
    most = EMPTY + ALLOWED * size
    process = start_child(
        [sys.executable, "-m", "placet.cli.confined", str(most + most // 2)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    try:
        answer = _watched(process, request.model_dump_json().encode(), size)
        judgement = parse(Judgement, answer, limit=most)
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


def _watched(process: subprocess.Popen[bytes], request: bytes, size: int) -> bytes:
    """What the process answers. LimitError once it takes too much."""
    until = time.monotonic() + SECONDS + PER_MEGABYTE * size / 1e6
    words: bytes | None = request
    while True:
        try:
            return process.communicate(words, timeout=_TICK)[0]
        except subprocess.TimeoutExpired:
            words = None
        if _data(process.pid) > EMPTY + ALLOWED * size:
            raise _beyond(size, "more")
        if time.monotonic() > until:
            raise _beyond(size, f"no verdict after {SECONDS + PER_MEGABYTE * size / 1e6:,.0f} seconds")


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
        "the bundle cannot be verified within the limits",
        expected=f"at most {(EMPTY + ALLOWED * size) >> 20:,} MiB of memory for its {size:,} bytes",
        found=found,
        remedy="nothing is decided about the job: collect the bundle yourself, from the chain and the parties",
        code="audit.limits",
    )


def main() -> None:
    """In the process of its own: the limit comes first, then the request on stdin."""
    most = int(sys.argv[1])
    resource.setrlimit(resource.RLIMIT_DATA, (most, most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        judgement = Judgement(report=_judged(parse(AuditRequest, sys.stdin.buffer.read(), limit=MAX_REQUEST)))
    except PlacetError as error:
        judgement = Judgement(failure=AuditFailure.of(error))
    except MemoryError:
        sys.exit(1)
    except Exception as error:
        failed = LimitError("the verifier failed over this bundle", found=unforeseen(error), code="audit.failed")
        judgement = Judgement(failure=AuditFailure.of(failed))
    sys.stdout.buffer.write(judgement.model_dump_json().encode())
    gc.freeze()  # nothing is worth collecting at the end


def _judged(request: AuditRequest) -> AuditReport:
    from placet.audit.bundle import bundle_pieces
    from placet.audit.sections import Sections
    from placet.audit.verify import verify
    from placet.cli.inputs import replace

    sections = Sections()
    bundle, verifiers, basis = _read(request, sections)
    if request.save is not None:
        replace(Path(request.save), bundle_pieces(bundle, sections))
    return verify(bundle, verifiers, basis, sections)


def _read(request: AuditRequest, sections: Sections) -> tuple[Bundle, Verifiers | None, Basis]:
    """A bundle from its file. What the auditor has himself must be what the bundle was made with."""
    from placet.audit.bundle import read_bundle

    try:
        with Path(request.file).open("rb") as source:
            bundle = read_bundle(source, sections)
    except OSError as error:
        raise ConfigError("the bundle can't be read", found=f"{request.file}: {error.strerror}") from None
    if request.deployment is not None and request.deployment != bundle.deployment:
        raise DeploymentError("the bundle was made for other contracts than your deployment file names")
    if request.trust is not None and request.trust != bundle.trust:
        raise InputError("the bundle was made with another trust list than yours", remedy="compare the two lists")
    own = request.deployment is not None and request.trust is not None
    if request.url is None:
        return bundle, None, Basis.OWN_FILES if own else Basis.BUNDLE
    from placet.audit.chain_facts import facts
    from placet.chain.client import Chain

    chain = Chain(request.url, bundle.deployment)
    shown = (entry.evidence.evidence.plan for entry in bundle.evidence if entry.evidence is not None)
    plan = next((plan for plan in shown if plan.job(bundle.deployment.jobs) == bundle.job), None)
    read_again = bundle.model_copy(update={"facts": facts(chain, bundle.job, plan)})
    return read_again, chain.verifiers, Basis.LIVE_CHAIN if own else Basis.BUNDLE


if __name__ == "__main__":
    main()
