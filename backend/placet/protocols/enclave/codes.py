"""The only words in which an enclave says why there is no result. A closed set; they tell nothing of the text."""

from __future__ import annotations

from typing import Final

from placet.core.errors import DataError, InputError, PlacetError, ProtocolError

DOCUMENT: Final = frozenset(
    f"data.{reason}"
    for reason in (
        "format", "large", "bomb", "macros", "entities", "deep", "encrypted", "encoding", "no-text", "empty", "broken",
    )
) | {"input.name"}  # fmt: skip
"""Of the comparison: `docs/explanation/comparison.md`."""
SEALED: Final = frozenset({"enclave.task", "enclave.key", "enclave.release-key", "enclave.document"})
"""What was sealed or encrypted is not what the task names."""
OWN: Final = frozenset({"enclave.protocol", "enclave.memory", "enclave.large", "enclave.failed"})
_TOLD: Final = {
    "enclave.task": "the task is malformed",
    "enclave.key": "sealed keys do not open in this enclave, for this task",
    "enclave.release-key": "a release key is not the one that the task names",
    "enclave.document": "a document is not the one that the task names",
    "enclave.protocol": "the enclave was sent something else than was due",
    "enclave.memory": "the enclave's memory is not enough for these documents",
    "enclave.large": "the result is larger than an enclave gives out",
    "enclave.failed": "the comparison failed in a way that nobody foresaw",
}


def of(error: BaseException) -> str:
    """The code for whatever happened inside."""
    if isinstance(error, MemoryError):
        return "enclave.memory"
    if not isinstance(error, PlacetError):
        return "enclave.failed"
    if error.code in DOCUMENT | SEALED | OWN:
        return error.code
    return "enclave.document" if error.code.startswith("document.") else "enclave.failed"


def error(code: str) -> PlacetError:
    """What the host raises for a code; an unknown one is no code."""
    if code in DOCUMENT:
        return DataError("a document can't be compared", code=code)
    if code in SEALED:
        return InputError(_TOLD[code], code=code)
    return ProtocolError(_TOLD.get(code, _TOLD["enclave.failed"]), code=code if code in OWN else "enclave.failed")
