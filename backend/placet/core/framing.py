"""Bytes behind their own length: length(`width`, big-endian) ‖ content. The one rule wherever bytes follow each other.

The length is an unsigned number of 4 bytes unless a format in docs/reference/formats.md says
otherwise (1 or 8). The length is held to the reader's limit before a byte of the content is read,
and content that ends early is refused. Pure: whoever reads from a socket or a pipe takes `width`
bytes, asks `announced` how many follow, and takes these.
"""

from __future__ import annotations

from placet.core.errors import InputError, LimitError

WIDTH = 4
"""Bytes of a length where nothing else is said."""


def header(size: int, width: int = WIDTH) -> bytes:
    """What stands before `size` bytes, or a plain number of that width. LimitError if it does not fit."""
    if size >= 1 << 8 * width:
        raise LimitError(f"too large for {width} bytes", expected=f"less than {1 << 8 * width}", found=size)
    return size.to_bytes(width, "big")


def frame(content: bytes, width: int = WIDTH) -> bytes:
    """Content behind its length. LimitError if the length does not fit."""
    return header(len(content), width) + content


def announced(head: bytes, limit: int, what: str = "a frame") -> int:
    """How many bytes follow a header; LimitError if they are more than `limit`."""
    size = int.from_bytes(head, "big")
    if size > limit:
        raise LimitError(f"{what} is too large", expected=f"at most {limit} bytes", found=size)
    return size


class FrameReader:
    """A cursor over bytes that are all there. `what` names them in errors.

    InputError for what ends early or has a tail, LimitError for what is larger than it may be.
    """

    def __init__(self, raw: bytes, what: str) -> None:
        self._raw = raw
        self._what = what
        self._at = 0

    @property
    def left(self) -> int:
        """Bytes that are still to be read."""
        return len(self._raw) - self._at

    def take(self, count: int) -> bytes:
        """The next `count` bytes."""
        if count > self.left:
            raise InputError(f"{self._what} ends early", expected=f"{count} bytes more", found=f"{self.left} bytes")
        self._at += count
        return self._raw[self._at - count : self._at]

    def number(self, limit: int, width: int = WIDTH) -> int:
        """The next unsigned number, big-endian."""
        number = int.from_bytes(self.take(width), "big")
        if number > limit:
            raise LimitError(f"{self._what} holds too large a number", expected=f"at most {limit}", found=number)
        return number

    def frame(self, limit: int, width: int = WIDTH) -> bytes:
        """The content of the next frame."""
        return self.take(announced(self.take(width), limit, f"a part of {self._what}"))

    def rest(self) -> bytes:
        """All that follows."""
        return self.take(self.left)

    def end(self) -> None:
        """InputError unless all was read."""
        if self.left:
            raise InputError(f"{self._what} has a tail", expected="nothing more", found=f"{self.left} bytes")
