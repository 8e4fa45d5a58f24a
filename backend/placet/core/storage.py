"""Why something could not be stored: the codes, their words, and what a file system's errors are of them."""

from __future__ import annotations

import errno

from placet.core.errors import StorageError

FULL, READ_ONLY, BUSY, DAMAGED, FAILED = (
    "storage.full",
    "storage.read-only",
    "storage.busy",
    "storage.damaged",
    "storage",
)
_WORDS = {
    FULL: ("the disk is full", "make room, or raise the quota; nothing that was promised is lost"),
    READ_ONLY: ("the folder can't be written to", "mount it for writing, and let this user write there"),
    BUSY: ("the database is busy", "try again"),
    DAMAGED: ("the database is damaged", "restore it from a backup"),
    FAILED: ("the database can't be used", "look after the disk or the database server"),
}
_SYSTEM = {errno.ENOSPC: FULL, errno.EDQUOT: FULL, errno.EROFS: READ_ONLY, errno.EACCES: READ_ONLY, errno.EIO: FAILED}


def failure(code: str, found: object) -> StorageError:
    """The error of one of the codes."""
    message, remedy = _WORDS[code]
    return StorageError(message, found=found, remedy=remedy, code=code)


def system_error(error: OSError) -> StorageError | None:
    """A file system's error as ours; None if it is about something else."""
    code = _SYSTEM.get(error.errno or 0)
    found = f"{error.filename}: {error.strerror}" if error.filename else str(error.strerror)
    return None if code is None else failure(code, found)
