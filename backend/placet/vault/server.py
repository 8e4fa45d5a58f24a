"""The vault's only door: a local socket that one user may open. One request at a time is worked on."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import logging
import os
import socket
import struct
import traceback
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

from placet.chain.storage import storage_error
from placet.core.errors import AccessError, ConfigError, LimitError, NotFoundError, PlacetError, StateError
from placet.core.values import Value, parse
from placet.vault import frames
from placet.vault.gate import RowRequest
from placet.vault.rows import Rows
from placet.vault.service import Vault

log = logging.getLogger(__name__)

MAX_CONNECTIONS = 128
READ_SECONDS = 30.0
WRITE_SECONDS = 120.0
STOP_SECONDS = 10.0
_MAX_PATH = 103

Handler = Callable[[Any], Value | Rows]


class Server:
    """Serves one vault on a unix socket. `node_uid`: whose processes may connect besides this user's own."""

    def __init__(self, vault: Vault, path: Path, node_uid: int | None = None) -> None:
        self._path = path
        self._uids = {os.getuid()} if node_uid is None else {os.getuid(), node_uid}
        self._calls = _calls(vault)
        self._connections: set[asyncio.Task[None]] = set()

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        """Listen while in the block; afterwards finish what is being worked on (at most `STOP_SECONDS`)."""
        with _listener(self._path, shared=len(self._uids) > 1) as listener:
            server = await asyncio.start_unix_server(self._connected, sock=listener, limit=1 << 16)
            try:
                yield
            finally:
                server.close()
                if self._connections:
                    _, late = await asyncio.wait(self._connections, timeout=STOP_SECONDS)
                    for task in late:
                        task.cancel()
                    await asyncio.gather(*late, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a connection is served in a task")
        self._connections.add(task)
        try:
            await self._serve(reader, writer)
        except (ConnectionError, TimeoutError, asyncio.IncompleteReadError) as error:
            log.warning("a connection ended early: %s", type(error).__name__)
        finally:
            self._connections.discard(task)
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            _demand_peer(writer.get_extra_info("socket"), self._uids)
            if len(self._connections) > MAX_CONNECTIONS:
                raise LimitError("too many connections", expected=f"at most {MAX_CONNECTIONS}", code="vault.busy")
            async with asyncio.timeout(READ_SECONDS):
                content = await frames.read_frame(reader, frames.MAX_REQUEST)
            answer = await asyncio.to_thread(self._answer, content)
        except PlacetError as error:
            answer = [_failure(error)]
        if (size := max(map(len, answer))) > frames.MAX_ANSWER:
            answer = [_failure(LimitError("the answer is too large", expected=frames.MAX_ANSWER, found=size))]
        async with asyncio.timeout(WRITE_SECONDS):
            for frame in answer:
                await frames.write_frame(writer, frame)

    def _answer(self, content: bytes) -> list[bytes | memoryview]:
        """Its frames."""
        try:
            request = parse(frames.Request, content, limit=frames.MAX_REQUEST, what="request")
            try:
                model, handle = self._calls[request.call]
            except KeyError:
                raise NotFoundError("the vault has no such call", found=request.call) from None
            result = handle(parse(model, request.arguments, what=request.call))
            if isinstance(result, Rows):
                return [_result(frames.Nothing()), memoryview(result.encode())]
            return [_result(result)]
        except PlacetError as error:
            log.info("refused: %s (%s)", error.message, error.code)
            return [_failure(error)]
        except Exception as error:
            if (full := storage_error(error)) is not None:
                log.error("%s", full)
                return [_failure(full)]
            # The message could quote data; the place in the code does not.
            place = traceback.extract_tb(error.__traceback__)[-1]
            log.error("%s at %s:%s", type(error).__name__, Path(place.filename).name, place.lineno)
            return [_failure(StateError("the vault failed", found=type(error).__name__, code="vault.internal"))]


def _result(result: Value) -> bytes:
    return b'{"result":' + result.model_dump_json().encode() + b"}"


def _failure(error: PlacetError) -> bytes:
    return b'{"failure":' + frames.Failure.of(error).model_dump_json().encode() + b"}"


def _row_request(a: frames.RowsArguments) -> RowRequest:
    return RowRequest(a.job, a.plan, a.terms, a.attempt, a.input)


def _calls(vault: Vault) -> dict[str, tuple[type[Value], Handler]]:
    def admit_many(a: frames.AdmitManyArguments) -> Value:
        outcomes = vault.admit_many(a.offer, a.scope, a.submissions)
        return frames.Outcomes(
            outcomes=tuple(
                frames.Outcome(failure=frames.Failure.of(o))
                if isinstance(o, PlacetError)
                else frames.Outcome(consent=o)
                for o in outcomes
            )
        )

    def note_batch(a: frames.BatchArguments) -> Value:
        vault.note_batch(a.offer, a.root, a.leaves)
        return frames.Nothing()

    def matched(a: frames.MatchedArguments) -> Value:
        vault.matched(_row_request(a), a.matched)
        return frames.Nothing()

    def keep_model(a: frames.KeepArguments) -> Value:
        vault.keep_model(a.job, a.plan, a.terms, a.model)
        return frames.Nothing()

    def settle_model(a: frames.JobArguments) -> Value:
        vault.settle_model(a.job)
        return frames.Nothing()

    return {
        "datasets": (frames.Nothing, lambda _: frames.DatasetInfos(datasets=tuple(vault.datasets()))),
        "endpoint": (frames.Nothing, lambda _: vault.endpoint()),
        "admit": (
            frames.AdmitArguments,
            lambda a: frames.Identity(consent=vault.admit(a.consent, a.scope, a.signature, a.enrolment, a.opening)),
        ),
        "admit_many": (frames.AdmitManyArguments, admit_many),
        "note_batch": (frames.BatchArguments, note_batch),
        "lawful": (frames.LawfulArguments, lambda a: vault.lawful(a.offer, a.block, a.deadline, a.sign)),
        "without": (frames.WithoutArguments, lambda a: vault.without(a.offer, a.root, a.sign)),
        "dead": (frames.SetArguments, lambda a: vault.dead(a.offer, a.root)),
        "leaves": (frames.PartArguments, lambda a: vault.leaves(a.offer, a.root, a.start)),
        "batch": (frames.AnchoredArguments, lambda a: vault.batch(a.offer, a.root)),
        "enrolments": (frames.EnrolmentsArguments, lambda a: vault.enrolments(a.enroller, a.root)),
        "consent": (frames.OneConsentArguments, lambda a: vault.consent(a.consent, a.owner)),
        "consents_of": (frames.OwnersArguments, lambda a: vault.consents_of(a.owner, a.after)),
        "named_evidence": (frames.ConsentArguments, lambda a: vault.named_evidence(a.consent)),
        "rows": (frames.RowsArguments, lambda a: vault.rows(_row_request(a))),
        "rows_again": (frames.RowsArguments, lambda a: vault.rows_again(_row_request(a))),
        "open_rows": (frames.OpenRowsArguments, lambda a: vault.open_rows(_row_request(a), a.consents)),
        "matched": (frames.MatchedArguments, matched),
        "keep_model": (frames.KeepArguments, keep_model),
        "settle_model": (frames.JobArguments, settle_model),
        "model": (frames.RowsArguments, lambda a: vault.model(_row_request(a))),
        "mark": (frames.PersonMarkArguments, lambda a: frames.PersonMark(mark=vault.mark(a.consent, a.salt))),
        "erase": (frames.ConsentArguments, lambda a: frames.Erased(erased=vault.erase(a.consent))),
    }


def _demand_peer(connection: socket.socket, uids: set[int]) -> None:
    """AccessError unless the process at the other end runs as one of `uids`, where the system tells."""
    option = getattr(socket, "SO_PEERCRED", None)
    if option is None:
        return
    credentials = connection.getsockopt(socket.SOL_SOCKET, option, struct.calcsize("3i"))
    _, uid, _ = struct.unpack("3i", credentials)
    if uid not in uids:
        raise AccessError("this user may not use the vault", found=f"uid {uid}", code="access.user")


@contextlib.contextmanager
def alone(path: Path) -> Iterator[None]:
    """StateError if another process serves the socket; none does while in the block."""
    with path.with_name(path.name + ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise StateError("another vault serves this socket", found=path, remedy="stop it first") from None
        yield


@contextlib.contextmanager
def _listener(path: Path, *, shared: bool) -> Any:
    """A bound socket of mode 0600 (0666 if `shared`: then each peer's user is checked); one vault a socket."""
    if len(os.fsencode(path)) > _MAX_PATH:
        raise ConfigError(
            "the socket's path is too long",
            expected=f"at most {_MAX_PATH} bytes",
            found=len(os.fsencode(path)),
            remedy="set `socket` to a shorter path",
        )
    if shared and not hasattr(socket, "SO_PEERCRED"):
        raise ConfigError(
            "this system can't tell who connects", remedy="run node and vault as one user: leave node_uid out"
        )
    with alone(path):
        path.unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
            before = os.umask(0o177)
            try:
                listener.bind(str(path))
            finally:
                os.umask(before)
            if shared:
                path.chmod(0o666)
            listener.setblocking(False)
            try:
                yield listener
            finally:
                path.unlink(missing_ok=True)
