"""One tree of errors.

PlacetError
├── InputError            what came in is malformed, too large or of the wrong type
│   └── DataError         a table's content: missing column, duplicate id, NaN, overflow
├── SignatureError        a signature does not verify, or is by somebody else
├── ConsentError          a consent says no, or does not say what its offer says
├── PlanError             a plan that a party can't agree to
├── WarrantError          the chain does not hold the opened job that data are asked for
├── AttestationError      evidence of an enclave that proves nothing, or not what a plan asks for
├── ProtocolError         a peer's message breaks the protocol
│   └── PeerError         a peer is a stranger, unreachable, late or replaying
├── ChainError            the chain can't be reached, or answers something impossible
│   ├── Reverted          a contract said no; `name` is its custom error
│   └── DeploymentError   the chain does not hold the contracts that the deployment file names
├── StateError            an action that does not fit the present state
├── AccessError           the caller may not do this
├── LimitError            too many, too often, too large
├── NotFoundError         no such thing here
├── ConfigError           settings, keystores or files on this machine
└── StorageError          a disk or a database that can't be written to: full, read-only, busy, damaged

Each carries a stable `code`, what was expected, what was found and the remedy, and in `details` a line for each further
thing that is not right where there are several, so that a log line, an HTTP problem document (RFC 9457) and a terminal
message say the same.
"""

from __future__ import annotations

from collections.abc import Sequence


class PlacetError(Exception):
    """Base of all errors that Placet raises on purpose."""

    code = "placet"

    def __init__(
        self,
        message: str,
        *,
        expected: object = None,
        found: object = None,
        remedy: str | None = None,
        code: str | None = None,
        details: Sequence[str] = (),
    ) -> None:
        super().__init__(message)
        self.message = message
        self.details = tuple(details)
        self.expected = None if expected is None else str(expected)
        self.found = None if found is None else str(found)
        self.remedy = remedy
        if code is not None:
            self.code = code

    def __str__(self) -> str:
        parts = [self.message]
        if self.expected is not None:
            parts.append(f"expected: {self.expected}")
        if self.found is not None:
            parts.append(f"found: {self.found}")
        if self.remedy is not None:
            parts.append(f"remedy: {self.remedy}")
        if self.details:
            parts.append("also: " + ", ".join(self.details))
        return "; ".join(parts)


class InputError(PlacetError):
    code = "input"


class DataError(InputError):
    code = "data"


class SignatureError(PlacetError):
    code = "signature"


class ConsentError(PlacetError):
    code = "consent"


class PlanError(PlacetError):
    code = "plan"


class WarrantError(PlacetError):
    code = "warrant"


class AttestationError(PlacetError):
    code = "attestation"


class ProtocolError(PlacetError):
    code = "protocol"


class PeerError(ProtocolError):
    code = "peer"


class ChainError(PlacetError):
    code = "chain"


class Reverted(ChainError):  # noqa: N818 - the chain's own word
    """A contract refused. `name` is the custom error's name, `arguments` its decoded parameters."""

    code = "reverted"

    def __init__(self, name: str, arguments: tuple[object, ...] = (), *, remedy: str | None = None) -> None:
        shown = ", ".join(a.hex() if isinstance(a, bytes) else str(a) for a in arguments)
        super().__init__(f"the contract refused: {name}({shown})", remedy=remedy)
        self.name = name
        self.arguments = arguments


class DeploymentError(ChainError):
    code = "deployment"


class StateError(PlacetError):
    code = "state"


class AccessError(PlacetError):
    code = "access"


class LimitError(PlacetError):
    code = "limit"


class NotFoundError(PlacetError):
    code = "not-found"


class ConfigError(PlacetError):
    code = "config"


class StorageError(PlacetError):
    code = "storage"


def unforeseen(error: BaseException) -> str:
    """Type and place of an error that nobody meant to raise: its own text may hold what came in."""
    place = error.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    where = "?" if place is None else f"{place.tb_frame.f_code.co_filename}:{place.tb_lineno}"
    return f"unforeseen {type(error).__name__} at {where}"
