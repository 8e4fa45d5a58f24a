"""Traces of jobs for OpenTelemetry, off unless the settings name a collector: who was at what when, in one picture.

Each institution's node tells its own part. All parts of a job are one trace without a word between the nodes: its id is
the first 16 bytes of the job's, which is a hash and so as good as random (W3C Trace Context, 3.2.2.3). A span is what a
node did from one moment of the job to the next, named after the moment that ended it. All of a node's have one parent:
the node's part of the job, which is told when the job ends there. Nothing else is told but job, institution, attempt
and the code of what went wrong. No rows, no owners, no values, no words of an error.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
from collections import OrderedDict
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from placet.chain.storage import storage_error
from placet.core.errors import ConfigError, unforeseen
from placet.core.installed import is_installed
from placet.core.values import from_hex, to_hex
from placet.jobs.following import all_happenings
from placet.jobs.settlement import ENDS
from placet.jobs.store import JobStore

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan

log = logging.getLogger("placet.traces")
_MOST = 10_000
_PATIENCE = 5.0
_LOOK = 3600.0
_CODE = re.compile(r"[a-z][a-z0-9.-]{0,63}")
_ENDS = frozenset({"refused", *(name for name, _ in ENDS.values())})
"""Statuses after which nothing of a job is expected here."""


@dataclass(frozen=True)
class TraceSpan:
    """A span: its own id, its parent's or None, its name, its times in nanoseconds, and what it says."""

    trace: int
    id: int
    parent: int | None
    name: str
    start: int
    end: int
    attributes: Mapping[str, str | int]


class JobSteps:
    """Turns moments into steps, for one institution. Jobs whose earlier moments it has not seen begin with the first
    that it sees."""

    def __init__(self, institution: bytes) -> None:
        self._institution = institution
        self._times: OrderedDict[bytes, tuple[int, int]] = OrderedDict()

    def take(self, number: int, moment: Mapping[str, Any]) -> Iterator[TraceSpan]:
        """The steps that a moment, as `all_happenings` has it, ends."""
        job, at, status = from_hex(moment["job"]), round(moment["at"] * 1e9), str(moment["status"])
        first, before = self._times.get(job, (at, at))
        about = self._attributes(job, moment)
        parent = _span_id(job, self._institution, 0)
        trace = int.from_bytes(job[:16], "big")
        yield TraceSpan(trace, _span_id(job, self._institution, number), parent, status, before, at, about)
        if status in _ENDS:
            self._times.pop(job, None)
            yield TraceSpan(trace, parent, None, f"job {status}", first, at, about)
            return
        self._times[job] = first, at
        while len(self._times) > _MOST:
            self._times.popitem(last=False)

    def _attributes(self, job: bytes, moment: Mapping[str, Any]) -> dict[str, str | int]:
        about: dict[str, str | int] = {"placet.job": to_hex(job), "placet.institution": to_hex(self._institution)}
        attempt, code = moment.get("attempt"), moment.get("code")
        if isinstance(attempt, int):
            about["placet.attempt"] = attempt
        if isinstance(code, str) and _CODE.fullmatch(code):
            about["error.type"] = code
        return about


def _span_id(job: bytes, institution: bytes, number: int) -> int:
    """8 bytes, not all zero but by a chance of 2^-64."""
    return int.from_bytes(sha256(b"placet.span/1" + job + institution + number.to_bytes(8, "big")).digest()[:8], "big")


@contextlib.asynccontextmanager
async def exporting(collector: str | None, institution: bytes, name: str, store: JobStore) -> AsyncIterator[None]:
    """Tell a collector, by OTLP over HTTP, what happens to jobs from now on. ConfigError where nothing here can. A
    collector that does not answer loses spans and keeps nobody waiting."""
    if collector is None:
        yield
        return
    if not all(map(is_installed, ("opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.http"))):
        remedy = "pip install 'placet[traces]'"
        raise ConfigError("nothing here tells traces", expected="OpenTelemetry", remedy=remedy, code="config.traces")
    task = asyncio.create_task(_export(collector, institution, name, store))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _export(collector: str, institution: bytes, name: str, store: JobStore) -> None:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    # What it logs names the collector with all that is in its URL.
    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
    exporter = OTLPSpanExporter(endpoint=collector, timeout=_PATIENCE)
    steps, after, silent = JobSteps(institution), None, False
    try:
        while True:
            try:
                after = await store.threaded.last_moment() if after is None else after
                async for number, moment in all_happenings(store, after, _LOOK):
                    after = number
                    spans = [_span(step, name) for step in steps.take(number, moment)]
                    lost = (await asyncio.to_thread(exporter.export, spans)).name != "SUCCESS"
                    if lost and not silent:
                        log.warning("the collector of traces does not take them; jobs go on")
                    silent = lost
            except Exception as error:  # as of a database that restarts: the next moments are told
                log.error("traces: %s", storage_error(error) or unforeseen(error))
                await asyncio.sleep(_PATIENCE)
    finally:
        exporter.shutdown()  # type: ignore[no-untyped-call]


def _span(step: TraceSpan, name: str) -> ReadableSpan:
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.trace import SpanContext, Status, StatusCode, TraceFlags

    def context(span: int) -> SpanContext:
        return SpanContext(step.trace, span, is_remote=False, trace_flags=TraceFlags(TraceFlags.SAMPLED))

    failed = "error.type" in step.attributes
    return ReadableSpan(
        name=step.name,
        context=context(step.id),
        parent=None if step.parent is None else context(step.parent),
        resource=Resource({"service.name": "placet-node", "service.instance.id": name}),
        attributes=step.attributes,
        start_time=step.start,
        end_time=step.end,
        status=Status(StatusCode.ERROR if failed else StatusCode.UNSET),
    )
