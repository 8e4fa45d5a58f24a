"""A cursor over a binary structure of fixed order. What is short or left over is refused."""

from __future__ import annotations

from typing import Literal

from placet.protocols.enclave.evidence.refusals import refusal


class Reader:
    def __init__(self, data: bytes, order: Literal["big", "little"], what: str) -> None:
        self._data = data
        self._order = order
        self._what = what
        self._at = 0

    def take(self, count: int) -> bytes:
        if self._at + count > len(self._data):
            raise refusal(
                "format",
                f"{self._what} ends too early",
                expected=f"at least {self._at + count} bytes",
                found=f"{len(self._data)} bytes",
            )
        self._at += count
        return self._data[self._at - count : self._at]

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size), self._order)

    def sized(self, size: int, limit: int) -> bytes:
        """Bytes behind their own length, a number of `size` bytes."""
        count = self.number(size)
        if count > limit:
            raise refusal("format", f"a part of {self._what} is too long", expected=f"at most {limit}", found=count)
        return self.take(count)

    def must(self, value: object, expected: object, name: str) -> None:
        if value != expected:
            raise refusal("format", f"{self._what}: {name} is not what it must be", expected=expected, found=value)

    def rest(self) -> bytes:
        return self.take(len(self._data) - self._at)

    def end(self) -> None:
        left = len(self._data) - self._at
        if left:
            raise refusal("format", f"bytes after the end of {self._what}", expected="none", found=left)


def cut(size: int, begin: int, end: int, what: str) -> str:
    """A remedy: which bytes of so many to keep."""
    parts = [f"the first {begin:,} bytes"] * (begin > 0) + [f"the last {size - end:,} bytes"] * (end < size)
    return f"cut {' and '.join(parts)}: {what} is bytes {begin:,} to {end - 1:,} of these {size:,}"
