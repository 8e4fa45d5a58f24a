"""The register of persons: a CSV file `subject,code`, where `code` is the scrypt hash of a person's access code.

A hash reads `scrypt$N$r$p$salt$digest` (salt and digest in hex). Codes have 125 random bits and are shown once; nobody
guesses such a code at any cost, so the cost made here is the lowest that is read: registers have many persons. What is
hashed is the code in its normal form (`normal_code`): upper and lower case, blanks and hyphens make no difference.
"""

from __future__ import annotations

import fcntl
import hashlib
import hmac
import io
import os
import secrets
import tempfile
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from placet.core.csv_file import plain_cell, read_rows, written
from placet.core.encodings import text_of
from placet.core.errors import ConfigError, InputError
from placet.core.storage import system_error

MAX_REGISTER = 256 << 20
MAX_SUBJECT = 256
MAX_CODE = 256
_ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"  # 32 letters and digits without l, o, 0, 1
_COST = (2**12, 8, 1)
_HYPHENS = dict.fromkeys(map(ord, "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63\uff0d"), "-")


@dataclass(frozen=True)
class CodeHash:
    """A stored access code: scrypt (RFC 7914) with cost n, r, p."""

    n: int
    r: int
    p: int
    salt: bytes
    digest: bytes

    def __str__(self) -> str:
        return f"scrypt${self.n}${self.r}${self.p}${self.salt.hex()}${self.digest.hex()}"

    @classmethod
    def parse(cls, text: str) -> CodeHash:
        """InputError for anything but such a hash within sane costs."""
        parts = text.split("$")
        try:
            name, n, r, p = parts[0], int(parts[1]), int(parts[2]), int(parts[3])
            salt, digest = bytes.fromhex(parts[4]), bytes.fromhex(parts[5])
        except (IndexError, ValueError):
            raise InputError("an access code's hash is malformed", expected="scrypt$N$r$p$salt$digest") from None
        power = n >= 2**12 and n & (n - 1) == 0
        sane = power and n <= 2**18 and 1 <= r <= 16 and 1 <= p <= 4 and n * r <= 2**21
        if len(parts) != 6 or name != "scrypt" or not sane or len(salt) < 16 or len(digest) != 32:
            raise InputError("an access code's hash is out of bounds", expected="scrypt, N 2^12..2^18, 32-byte digest")
        return cls(n, r, p, salt, digest)

    @classmethod
    def of(cls, code: str) -> CodeHash:
        salt = secrets.token_bytes(16)
        return cls(*_COST, salt, _scrypt(code, salt, *_COST))

    def fits(self, code: str) -> bool:
        """Constant-time comparison with a code."""
        return hmac.compare_digest(_scrypt(code, self.salt, self.n, self.r, self.p), self.digest)


def _scrypt(code: str, salt: bytes, n: int, r: int, p: int) -> bytes:
    return hashlib.scrypt(
        normal_code(code).encode(), salt=salt, n=n, r=r, p=p, maxmem=256 * n * r + (1 << 20), dklen=32
    )


def normal_code(code: str) -> str:
    """A code as it is hashed, however it is typed or pasted: in lower case, without blanks, with plain hyphens."""
    plain = unicodedata.normalize("NFKC", code).translate(_HYPHENS)
    return "".join(c for c in plain if not c.isspace() and unicodedata.category(c) != "Cf").lower()


def new_code() -> str:
    """A fresh access code: five groups of five letters and digits, 125 bits."""
    return "-".join("".join(secrets.choice(_ALPHABET) for _ in range(5)) for _ in range(5))


_NOBODY = CodeHash.of(new_code())


class Register:
    """Persons by subject. `refresh` reads the file anew when it has changed on disk."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: tuple[int, int, int] | None = None
        self._codes: dict[str, CodeHash] = {}
        self.refresh()

    def __len__(self) -> int:
        return len(self._codes)

    def __contains__(self, subject: object) -> bool:
        return subject in self._codes

    def code_of(self, subject: str) -> CodeHash:
        """The stored hash, as of the last `refresh`; for somebody unknown one that no code fits, at the same cost."""
        return self._codes.get(subject, _NOBODY)

    def refresh(self) -> None:
        """ConfigError `config.register` where the file can't be read, InputError where it is no register."""
        try:
            stat = self._path.stat()
            seen = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
            if seen != self._seen:
                self._codes = read_register(self._path)
                self._seen = seen
        except OSError as error:
            raise ConfigError(
                "the register of persons can't be read",
                found=f"{self._path}: {error.strerror}",
                remedy="make it with: placet identity add",
                code="config.register",
            ) from None


def read_register(path: Path) -> dict[str, CodeHash]:
    """Parse the register; InputError with line number, never with a person's name."""
    codes: dict[str, CodeHash] = {}
    with path.open("rb") as file:
        if os.fstat(file.fileno()).st_size > MAX_REGISTER:
            raise InputError("the register is too large", expected=f"at most {MAX_REGISTER} bytes")
        rows = read_rows(io.BytesIO(text_of(file.read(), "register").encode()))
        if next(rows, (1, []))[1] != ["subject", "code"]:
            raise InputError("the register has another header", expected="subject,code", found="line 1")
        for line, row in rows:
            if len(row) != 2 or not 1 <= len(plain_cell(row[0])) <= MAX_SUBJECT:
                raise InputError("a bad line in the register", expected="subject,code", found=f"line {line}")
            subject = plain_cell(row[0])
            if subject in codes:
                raise InputError("a person stands in the register twice", found=f"line {line}")
            try:
                codes[subject] = CodeHash.parse(row[1])
            except InputError as error:
                raise InputError(error.message, expected=error.expected, found=f"line {line}") from None
    return codes


def add_persons(
    path: Path, subjects: Sequence[str], hand_out: Callable[[Mapping[str, str]], object] = lambda _: None
) -> dict[str, str]:
    """Add persons (or give known ones a new code) and return their fresh access codes, by subject.

    `hand_out` is given the codes before the register has them: where that fails, everybody's old code still holds.
    StorageError where the register can't be written: it stays as it was.
    """
    for subject in subjects:
        if not 1 <= len(subject) <= MAX_SUBJECT:
            raise InputError("a subject has a bad length", expected=f"1 to {MAX_SUBJECT} characters")
        if subject.encode(errors="ignore").decode() != subject:
            raise InputError("a subject that is no text in UTF-8", expected="UTF-8")
    fresh = {subject: new_code() for subject in subjects}
    try:
        with _locked(path):
            codes = read_register(path) if path.exists() else {}
            with ThreadPoolExecutor() as pool:
                codes.update(zip(fresh, pool.map(CodeHash.of, fresh.values()), strict=True))
            hand_out(fresh)
            _write(path, codes)
    except OSError as error:
        raise system_error(error) or error from None
    return fresh


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_name(path.name + ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _write(path: Path, codes: dict[str, CodeHash]) -> None:
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    fresh = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as sink:
            sink.write(written([("subject", "code"), *codes.items()]))
            sink.flush()
            os.fsync(sink.fileno())
        fresh.replace(path)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise
