"""What a browser shows in place of a signature or of the credential, for a while. In this process's memory alone: a
restart ends every session.

An owner's session is opened by one signed request, lives for 15 minutes in the memory of his page, and can read but not
write. The institution's is opened by its credential, lives for eight hours in a cookie that no script can read, and
counts only where the browser says that the request comes from the node's own pages.
"""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass

from placet.core.errors import LimitError
from placet.core.hashing import sha256

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


class Sessions:
    """By the hash of their tokens, so that neither memory dumps nor timing tell a token."""

    def __init__(self) -> None:
        self._sessions: dict[bytes, Session] = {}

    def open(self, signer: bytes | None) -> tuple[str, Session]:
        """A token of 43 characters. The oldest of who has `MOST_OF_ONE` makes room; LimitError beyond `MOST` of owners
        in all: anybody can make keys, and none of them keeps the institution out."""
        at = time.time()
        self._sessions = {key: session for key, session in self._sessions.items() if session.expires > at}
        own = [key for key, session in self._sessions.items() if session.signer == signer]
        for key in own[: max(0, len(own) - MOST_OF_ONE + 1)]:
            del self._sessions[key]
        if signer is not None and sum(session.signer is not None for session in self._sessions.values()) >= MOST:
            raise LimitError("too many sessions", expected=f"at most {MOST}", remedy="try again later")
        token = secrets.token_urlsafe(32)
        session = Session(signer, at + (INSTITUTION_SECONDS if signer is None else OWNER_SECONDS))
        self._sessions[sha256(token.encode())] = session
        return token, session

    def of(self, token: str) -> Session | None:
        """The session of a token, while it lasts."""
        session = self._sessions.get(sha256(token.encode()))
        return None if session is None or session.expires <= time.time() else session

    def close(self, token: str) -> None:
        """End it, if there is one."""
        self._sessions.pop(sha256(token.encode()), None)
