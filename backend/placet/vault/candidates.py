"""What lawfulness needs to know of the consents that a vault has accepted, without anything personal."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from placet.core.ids import BatchRoot, ConsentId
from placet.vault.columns import Column32, RowSubjects, column, find, place_of, value

Places = tuple[NDArray[np.intp], NDArray[np.bool_]]

_NOBODY = bytes(32)


@dataclass(frozen=True, slots=True)
class Candidate:
    """One accepted consent; `subject` is a keyed tag, None for a named consent."""

    consent: ConsentId
    not_before: int
    not_after: int
    first_opening: int
    opens_before: int
    subject: bytes | None


class Candidates(Mapping[ConsentId, Candidate]):
    """An offer's accepted consents by id, as columns that ascend by id: some 130 bytes a consent."""

    def __init__(self, candidates: Iterable[Candidate] = ()) -> None:
        ids, subjects, windows = bytearray(), bytearray(), bytearray()
        for one in candidates:
            ids += one.consent
            subjects += one.subject or _NOBODY
            windows += struct.pack("<4q", one.not_before, one.not_after, one.first_opening, one.opens_before)
        numbers = np.frombuffer(windows, dtype="<i8").reshape(-1, 4)
        self._set(column(ids), column(subjects), numbers)

    def _set(self, ids: Column32, subjects: Column32, windows: NDArray[np.int64]) -> None:
        self.ids, first = np.unique(ids, return_index=True)
        self.subjects = subjects[first]
        self._windows = windows[first]
        self.not_before, self.not_after, self.first_opening, self.opens_before = self._windows.T
        self._places: tuple[RowSubjects, Places] | None = None
        self._batches: tuple[tuple[BatchRoot, ...], NDArray[np.intp]] | None = None

    def places_in(self, subjects: RowSubjects) -> Places:
        """For each consent its row's place among `subjects`, and whether it has one. Kept: tags are in no order, so
        that looking for a million of them costs more than all the rest of a lawful set."""
        if self._places is None or self._places[0] is not subjects:
            self._places = (subjects, find(subjects.tags, self.subjects))
        return self._places[1]

    def batches_in(self, roots: tuple[BatchRoot, ...], batches: Mapping[BatchRoot, bytes]) -> NDArray[np.intp]:
        """For each consent the number of the first of these roots whose batch holds it, -1 for none; `batches` are
        joined leaves by root, which a root fixes. Kept as `places_in`."""
        if self._batches is None or self._batches[0] != roots:
            numbers = np.full(len(self), -1)
            for number, root in reversed(list(enumerate(roots))):
                places, there = find(self.ids, column(batches[root]))
                numbers[places[there]] = number
            self._batches = (roots, numbers)
        return self._batches[1]

    def covering(self, *, now: int, deadline: int, opening: int) -> NDArray[np.bool_]:
        """For each consent: is it valid from now until the deadline, and for this opening?"""
        in_time = (self.not_before <= now) & (self.not_after >= deadline)
        covered: NDArray[np.bool_] = in_time & (self.first_opening <= opening) & (opening < self.opens_before)
        return covered

    def among(self, consents: Iterable[ConsentId]) -> NDArray[np.bool_]:
        """For each consent: is it one of these?"""
        marked = np.zeros(len(self), np.bool_)
        places, there = find(self.ids, column(b"".join(consents)))
        marked[places[there]] = True
        return marked

    def with_(self, more: Iterable[Candidate]) -> Candidates:
        """These and some more; of one that is there already nothing changes."""
        added, both = Candidates(more), Candidates()
        both._set(
            np.concatenate((self.ids, added.ids)),
            np.concatenate((self.subjects, added.subjects)),
            np.concatenate((self._windows, added._windows)),
        )
        return both

    def without(self, consent: ConsentId) -> Candidates:
        """These less one."""
        place = place_of(self.ids, consent)
        if place is None:
            return self
        left = Candidates()
        left._set(np.delete(self.ids, place), np.delete(self.subjects, place), np.delete(self._windows, place, axis=0))
        return left

    def __getitem__(self, consent: ConsentId) -> Candidate:
        place = place_of(self.ids, consent)
        if place is None:
            raise KeyError(consent)
        subject = value(self.subjects, place)
        return Candidate(
            consent,
            int(self.not_before[place]),
            int(self.not_after[place]),
            int(self.first_opening[place]),
            int(self.opens_before[place]),
            None if subject == _NOBODY else subject,
        )

    def __contains__(self, consent: object) -> bool:
        return place_of(self.ids, consent) is not None

    def __iter__(self) -> Iterator[ConsentId]:
        return (ConsentId(value(self.ids, place)) for place in range(len(self.ids)))

    def __len__(self) -> int:
        return len(self.ids)
