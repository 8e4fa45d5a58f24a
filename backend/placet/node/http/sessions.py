"""What a browser shows in place of a signature or of the credential, for a while. Where an institution has one process,
in its memory alone: a restart ends every session. Where it has several, in their database.

An owner's session is opened by one signed request, lives for 15 minutes in the memory of his page, and can read but not
write. The institution's is opened by its credential, lives for eight hours in a cookie that no script can read, and
counts only where the browser says that the request comes from the node's own pages.
"""

from __future__ import annotations

import secrets
import threading
import time
from dataclasses import dataclass
from typing import Protocol

import sqlalchemy as sa

from placet.core.errors import LimitError
from placet.core.hashing import sha256
from placet.node.state import sessions

OWNER_SECONDS = 15 * 60
INSTITUTION_SECONDS = 8 * 3600
MOST = 10_000
MOST_OF_ONE = 16


def cookie_of(institution: bytes) -> str:
    """The name of an institution's cookie: cookies know no ports, so two nodes of one host need two names. The prefix
    makes browsers demand Secure, no Domain, and the path / (RFC 6265bis, 4.1.3.2)."""
    return f"__Host-placet-{institution.hex()[:8]}"


@dataclass(frozen=True)
class Session:
    """Whose: an owner's or auditor's signer, or None for the institution. `expires`: Unix seconds."""

    signer: bytes | None
    expires: float


class SessionStore(Protocol):
    """By the hash of their tokens, so that neither memory dumps nor timing tell a token. Any thread may ask."""

    def open(self, signer: bytes | None) -> tuple[str, Session]:
        """A token of 43 characters. The oldest of who has `MOST_OF_ONE` makes room; LimitError beyond `MOST` of owners
        in all: anybody can make keys, and none of them keeps the institution out."""

    def of(self, token: str) -> Session | None:
        """The session of a token, while it lasts."""

    def close(self, token: str) -> None:
        """End it, if there is one."""


class Sessions:
    """Those of a process that is the only one."""

    def __init__(self) -> None:
        self._sessions: dict[bytes, Session] = {}
        self._opening = threading.Lock()

    def open(self, signer: bytes | None) -> tuple[str, Session]:
        at = time.time()
        with self._opening:
            self._sessions = {key: session for key, session in self._sessions.items() if session.expires > at}
            own = [key for key, session in self._sessions.items() if session.signer == signer]
            for key in own[: max(0, len(own) - MOST_OF_ONE + 1)]:
                del self._sessions[key]
            if signer is not None and sum(session.signer is not None for session in self._sessions.values()) >= MOST:
                raise _too_many()
            token, session = _fresh(signer, at)
            self._sessions[sha256(token.encode())] = session
        return token, session

    def of(self, token: str) -> Session | None:
        session = self._sessions.get(sha256(token.encode()))
        return None if session is None or session.expires <= time.time() else session

    def close(self, token: str) -> None:
        self._sessions.pop(sha256(token.encode()), None)


class SharedSessions:
    """Those of several processes, in their database. Two that are opened at once may both be the last that fits."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def open(self, signer: bytes | None) -> tuple[str, Session]:
        at = time.time()
        own = sa.select(sessions.c.token).where(sessions.c.signer.is_not_distinct_from(signer))
        owners = sa.select(sa.func.count()).select_from(sessions).where(sessions.c.signer.is_not(None))
        token, session = _fresh(signer, at)
        with self._engine.begin() as connection:
            connection.execute(sa.delete(sessions).where(sessions.c.expires <= at))
            # All of one lie equally long, so that the first to end is the oldest.
            oldest = own.order_by(sessions.c.expires.desc()).offset(MOST_OF_ONE - 1)
            connection.execute(sa.delete(sessions).where(sessions.c.token.in_(oldest)))
            if signer is not None and connection.execute(owners).scalar_one() >= MOST:
                raise _too_many()
            row = {"token": sha256(token.encode()), "signer": signer, "expires": session.expires}
            connection.execute(sa.insert(sessions).values(row))
        return token, session

    def of(self, token: str) -> Session | None:
        lasting = (sessions.c.token == sha256(token.encode())) & (sessions.c.expires > time.time())
        with self._engine.connect() as connection:
            row = connection.execute(sa.select(sessions.c.signer, sessions.c.expires).where(lasting)).one_or_none()
        return None if row is None else Session(None if row.signer is None else bytes(row.signer), row.expires)

    def close(self, token: str) -> None:
        with self._engine.begin() as connection:
            connection.execute(sa.delete(sessions).where(sessions.c.token == sha256(token.encode())))


def _fresh(signer: bytes | None, at: float) -> tuple[str, Session]:
    return secrets.token_urlsafe(32), Session(signer, at + (INSTITUTION_SECONDS if signer is None else OWNER_SECONDS))


def _too_many() -> LimitError:
    return LimitError("too many sessions", expected=f"at most {MOST}", remedy="try again later")
