"""What a check says: passed, failed (expected, found), disputed, breached, or skipped with the reason.

A check is a function of a case that writes into `Findings`; `Check` gives it its name, group and title.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Generic, TypeVar

from placet.core.values import Value, to_hex

if TYPE_CHECKING:
    from placet.audit.case import Case

SHOWN = 20
"""Problems that a result spells out; the rest are counted."""
T = TypeVar("T")


@dataclass
class Truncated(Generic[T]):
    """The first `SHOWN` of something, and how many there were."""

    shown: list[T] = field(default_factory=list)
    total: int = 0

    def add(self, one: T) -> None:
        self.total += 1
        if len(self.shown) < SHOWN:
            self.shown.append(one)

    def join(self, more: Truncated[T]) -> None:
        self.shown += more.shown[: SHOWN - len(self.shown)]
        self.total += more.total


class Uncheckable(BaseException):
    """What can't be checked where the verifier runs, in words: the check lacks it, whoever wrote the bundle. No
    `Exception`, so that no rule on its way takes it for a refusal."""


class CheckStatus(StrEnum):
    PASSED = "passed"
    FAILED = "failed"
    DISPUTED = "disputed"
    BREACHED = "breached"
    SKIPPED = "skipped"


BAD = (CheckStatus.FAILED, CheckStatus.DISPUTED, CheckStatus.BREACHED)
"""In which something is not as it should be."""


class Discrepancy(Value):
    """One thing that is not as it should be. `parties` are those whom it names: a culprit, or two that disagree. A
    `breach` takes nothing from the trail: a party did not do what it had signed to do afterwards."""

    expected: str
    found: str
    parties: tuple[str, ...] = ()
    disputed: bool = False
    breach: bool = False


class Result(Value):
    """A check's answer. `incomplete` means that evidence which it needs could not be had; `erased`, that some of it was
    erased as it may be."""

    name: str
    group: str
    title: str
    rule: str
    status: CheckStatus
    looked_at: int
    reason: str | None = None
    incomplete: bool = False
    problems: tuple[Discrepancy, ...] = ()
    more_problems: int = 0
    named: tuple[str, ...] = ()
    disputed: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    erased: bool = False


@dataclass
class Findings:
    """Where a check writes. `looked` counts what it compared, so that an empty check can't pose as a thorough one."""

    name_of: Callable[[int], str]
    looked: int = 0
    problems: list[Discrepancy] = field(default_factory=list)
    notes: dict[str, None] = field(default_factory=dict)
    erased: bool = False
    not_applicable: str | None = None
    missing: dict[str, None] = field(default_factory=dict)
    named: dict[str, None] = field(default_factory=dict)
    disputed: dict[str, None] = field(default_factory=dict)
    total: int = 0

    def fail(self, expected: object, found: object, *culprits: int) -> None:
        """The rule is broken; `culprits` are the parties whose own word or signature shows it."""
        names = tuple(self.name_of(p) for p in culprits)
        self.named.update(dict.fromkeys(names))
        self._add(Discrepancy(expected=shown(expected), found=shown(found), parties=names))

    def few(self, faults: Truncated[T], say: Callable[[T], tuple[object, object]], *culprits: int) -> None:
        """`fail` for each of some that were counted already; `say` gives what was expected and found."""
        for one in faults.shown:
            self.fail(*say(one), *culprits)
        self.total += faults.total - len(faults.shown)

    def dispute(self, expected: object, found: object, *between: int) -> None:
        """Parties tell different stories and none contradicts its own signature."""
        names = tuple(self.name_of(p) for p in between)
        self.disputed.update(dict.fromkeys(names))
        self._add(Discrepancy(expected=shown(expected), found=shown(found), parties=names, disputed=True))

    def same(self, what: str, expected: object, found: object, *culprits: int) -> None:
        """Fails unless the two are equal."""
        self.looked += 1
        if expected != found:
            self.fail(f"{what} {shown(expected)}", f"{what} {shown(found)}", *culprits)

    def breach(self, expected: object, found: object, culprit: int) -> None:
        """The trail stands, and a party did not keep a promise of its own beyond the job's end."""
        name = self.name_of(culprit)
        self.named[name] = None
        self._add(Discrepancy(expected=shown(expected), found=shown(found), parties=(name,), breach=True))

    def lack(self, what: str) -> None:
        """Evidence that the rule needs is not there: the check can't pass."""
        self.missing[what] = None

    def note(self, text: str) -> None:
        self.notes[text] = None

    def erase(self, text: str) -> None:
        """Evidence is gone that may be gone; `text` says what."""
        self.erased = True
        self.note(text)

    def skip(self, reason: str) -> None:
        """The rule does not apply to this job."""
        self.not_applicable = reason

    def _add(self, problem: Discrepancy) -> None:
        self.total += 1
        if len(self.problems) < SHOWN:
            self.problems.append(problem)


@dataclass(frozen=True)
class Check:
    """One small rule."""

    name: str
    group: str
    title: str
    rule: str
    run: Callable[[Case, Findings], None]

    def result(self, case: Case) -> Result:
        findings = Findings(case.name)
        try:
            self.run(case, findings)
        except Uncheckable as limit:
            findings.lack(str(limit))
        status, reason, incomplete = _status(findings)
        return Result(
            name=self.name,
            group=self.group,
            title=self.title,
            rule=self.rule,
            status=status,
            looked_at=findings.looked,
            reason=reason,
            incomplete=incomplete,
            problems=tuple(findings.problems),
            more_problems=findings.total - len(findings.problems),
            named=tuple(findings.named),
            disputed=tuple(findings.disputed),
            notes=tuple(findings.notes),
            erased=findings.erased,
        )


def _status(findings: Findings) -> tuple[CheckStatus, str | None, bool]:
    lacking = "; ".join(findings.missing) or None
    if any(not (p.disputed or p.breach) for p in findings.problems):
        return CheckStatus.FAILED, lacking, lacking is not None
    if findings.problems:
        status = CheckStatus.DISPUTED if any(p.disputed for p in findings.problems) else CheckStatus.BREACHED
        return status, lacking, lacking is not None
    if lacking is not None:
        return CheckStatus.SKIPPED, lacking, True
    if findings.not_applicable is not None:
        return CheckStatus.SKIPPED, findings.not_applicable, False
    return CheckStatus.PASSED, None, False


def check(group: str, name: str, title: str) -> Callable[[Callable[[Case, Findings], None]], Check]:
    """Makes a function a check; its docstring is the rule."""

    def made(run: Callable[[Case, Findings], None]) -> Check:
        return Check(f"{group}.{name}", group, title, " ".join((run.__doc__ or "").split()), run)

    return made


def shown(value: object) -> str:
    """A value as a report shows it: bytes as hex, long ones cut."""
    if isinstance(value, bytes):
        return to_hex(value)
    if isinstance(value, tuple | list):
        return _cut("[" + ", ".join(shown(v) for v in value) + "]")
    return _cut(str(value))


def _cut(text: str, limit: int = 400) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"


def listed(words: Iterable[str]) -> str:
    """ "a, b and c"."""
    all_words = list(words)
    return all_words[0] if len(all_words) == 1 else ", ".join(all_words[:-1]) + " and " + all_words[-1]
