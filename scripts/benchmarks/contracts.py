"""The comparison of contracts: precision and recall on edits that are known, and 200 pages against 200.

Edits (insert, delete, move, swap, number, duty, reword, split, merge, renumber, reformat) are made in real and in
generated contracts; each version is written as Markdown, text, DOCX or PDF with its own numbering and layout. A clause
counts on each side it is on. Flags are measured on values that are planted and changed, and on the real versions, whose
changes were read by hand. Thresholds were set on the seeds of TUNED; the figures are of the seeds of REPORTED.
"""

from __future__ import annotations

import json as _json
import random
import resource
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks._contracts import SHARED, Edited, edit, real, synthetic
from benchmarks._documents import FORMATS, Item, make
from benchmarks._flags import REAL, Truth, judged, only, plant, schedule, turned

from placet.comparison.compare import compare
from placet.comparison.normal import normal
from placet.comparison.result import Comparison

TUNED = range(0, 40)
REPORTED = range(100, 124)
TARGETS = {"precision": 0.99, "recall": 0.99, "flag_precision": 0.9, "flag_recall": 0.9}
WORDS_A_PAGE = 500

NOTES = {
    "precision": "of the clauses that it calls changed, those that were",
    "recall": "of the clauses that were changed, those that it calls changed",
    "kind_precision": "the same, with what happened to them (edited, moved, added, removed)",
    "kind_recall": "the same, with what happened to them",
    "pairs": "of the clauses that stayed, edited or not, those with the right counterpart",
    "values": "of numbers and duties that were changed, those flagged with the old and the new value",
    "flag_precision": "of the flags, those that are so: of values planted and changed, and of real versions",
    "flag_recall": "of the values that changed, came or went, those flagged",
    "pages_200_s": "seconds for 200 pages against 200 pages, DOCX, a tenth of the clauses edited",
    "pages_200_peak_mb": "memory at its peak in that process, MB",
    "pages_200_pdf_s": "the same as PDF",
}


def cases(seeds: Sequence[int]) -> Iterator[tuple[str, Edited, random.Random]]:
    """Name, versions and truth, and what draws their layout."""
    names = [path.name for path in sorted(SHARED.glob("*.md"))] if SHARED.is_dir() else []
    for seed in seeds:
        rng = random.Random(seed)
        source = names[seed // 2 % len(names)] if names and seed % 2 else ""
        items = real(source) if source else synthetic(rng.choice((2_000, 6_000, 12_000)), rng)
        yield source or "generated", edit(items, rng.choice((0.05, 0.1, 0.2)), rng), rng


def _found(items: Sequence[Item], texts: Sequence[str]) -> list[int | None]:
    """Which item each clause is: by its words, the first with the first."""
    places: dict[str, list[int]] = defaultdict(list)
    for n, item in reversed(list(enumerate(items))):
        places[normal(item.text)].append(n)
    return [places[text].pop() if places.get(text) else None for text in texts]


def score(edited: Edited, comparison: Comparison) -> Counter[str]:
    """Counts of hits, false alarms and misses, plain and by kind."""
    of = (
        _found(edited.before, [clause.text for clause in comparison.before.clauses]),
        _found(edited.after, [clause.text for clause in comparison.after.clauses]),
    )
    counts: Counter[str] = Counter()
    seen: tuple[set[int], set[int]] = (set(), set())
    pairs: set[tuple[int, int]] = set()
    for entry in comparison.entries:
        for side, places in ((0, entry.before), (1, entry.after)):
            truth = (edited.gone, edited.came)[side]
            for place in places:
                item = of[side][place]
                if item is not None:
                    seen[side].add(item)
                true = truth.get(item, set()) if item is not None else set()
                said = set(entry.statuses) - {"same"}
                counts["hit"] += bool(true and said)
                counts["false"] += bool(said and not true)
                counts["miss"] += bool(true and not said)
                counts["kind hit"] += len(true & said)
                counts["kind false"] += len(said - true)
                counts["kind miss"] += len(true - said)
        pairs |= {
            (i, j)
            for a in entry.before
            for b in entry.after
            if (i := of[0][a]) is not None and (j := of[1][b]) is not None
        }
    for side, truth in ((0, edited.gone), (1, edited.came)):
        lost = [item for item in truth if item not in seen[side]]
        counts["miss"] += len(lost)
        counts["kind miss"] += sum(len(truth[item]) for item in lost)
    counts["paired"], counts["pairs"] = len(pairs & edited.pairs), len(edited.pairs)
    flagged = {
        (item, flag.before.value, flag.after.value)
        for entry in comparison.entries
        for place in entry.after
        if (item := of[1][place]) is not None
        for flag in entry.flags
        if flag.before and flag.after
    }
    for place, old, new in edited.values:
        counts["values"] += 1
        counts["valued"] += any(
            item == place and old in was.split() and set(new.split()) <= set(now.split()) for item, was, now in flagged
        )
    return counts


def rates(counts: Counter[str]) -> dict[str, float]:
    def share(part: int, whole: int) -> float:
        return round(part / whole, 4) if whole else 1.0

    return {
        "precision": share(counts["hit"], counts["hit"] + counts["false"]),
        "recall": share(counts["hit"], counts["hit"] + counts["miss"]),
        "kind_precision": share(counts["kind hit"], counts["kind hit"] + counts["kind false"]),
        "kind_recall": share(counts["kind hit"], counts["kind hit"] + counts["kind miss"]),
        "pairs": share(counts["paired"], counts["pairs"]),
        "values": share(counts["valued"], counts["values"]),
    }


def quality(seeds: Sequence[int]) -> dict[str, float]:
    """Rates over all cases of the seeds together."""
    total: Counter[str] = Counter()
    for _, edited, rng in cases(seeds):
        forms = (rng.choice(FORMATS), rng.choice(FORMATS))
        one, other = make(edited.before, forms[0], rng), make(edited.after, forms[1], rng)
        total += score(edited, compare(one, f"before.{forms[0]}", other, f"after.{forms[1]}"))
    return rates(total)


def flag_quality(seeds: Sequence[int]) -> dict[str, float]:
    """Precision and recall of flags, over derived pairs of the seeds and the real versions, both ways."""
    hits = missed = false = 0
    for truth, comparison in _flag_cases(seeds):
        left, wrong, right = judged(truth, comparison)
        hits, missed, false = hits + right, missed + len(left), false + len(wrong)
    return {
        "flag_precision": round(hits / (hits + false), 4) if hits + false else 1.0,
        "flag_recall": round(hits / (hits + missed), 4) if hits + missed else 1.0,
    }


def _flag_cases(seeds: Sequence[int]) -> Iterator[tuple[Sequence[Truth], Comparison]]:
    names = [path.name for path in sorted(SHARED.glob("*.md"))] if SHARED.is_dir() else []
    for seed in seeds:
        rng = random.Random(seed)
        source = names[seed // 2 % len(names)] if names and seed % 2 else ""
        planted = plant(real(source) if source else synthetic(3_000, rng), 0.25, rng)
        forms = (rng.choice(FORMATS), rng.choice(FORMATS))
        one, other = make(planted.before, forms[0], rng), make(planted.after, forms[1], rng)
        yield planted.truth, compare(one, f"before.{forms[0]}", other, f"after.{forms[1]}")
        one, other, truth = schedule(rng)
        yield truth, compare(one, "before.md", other, "after.md")
    for (before, after), (kinds, known) in REAL.items() if names else ():
        texts = ((SHARED / before).read_bytes(), (SHARED / after).read_bytes())
        yield known, only(compare(texts[0], before, texts[1], after), kinds)
        yield turned(known), only(compare(texts[1], after, texts[0], before), kinds)


def large(form: str) -> dict[str, float]:
    """Seconds and megabytes for 200 pages a side, in a process of its own."""
    command = [sys.executable, str(Path(__file__).resolve()), form]
    environment = {"PYTHONPATH": str(Path(__file__).resolve().parents[1])}
    answer = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    measured: dict[str, float] = _json.loads(answer.stdout)
    return measured


def _measure(form: str) -> None:
    rng = random.Random(200)
    edited = edit(synthetic(200 * WORDS_A_PAGE, rng), 0.1, rng)
    one, other = make(edited.before, form, rng), make(edited.after, form, rng)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.process_time()
    found = compare(one, f"before.{form}", other, f"after.{form}")
    seconds = time.process_time() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    figures = {"seconds": seconds, "peak": peak / 1024, "base": before / 1024, "clauses": len(found.after.clauses)}
    print(_json.dumps(figures | rates(score(edited, found))))


def main(*, json: bool) -> dict[str, object]:
    """Measure and print; see `scripts/bench`."""
    figures: dict[str, float] = quality(REPORTED) | flag_quality(REPORTED)
    word, pdf = large("docx"), large("pdf")
    figures |= {
        "pages_200_s": round(word["seconds"], 1),
        "pages_200_peak_mb": round(word["peak"]),
        "pages_200_pdf_s": round(pdf["seconds"], 1),
    }
    out = sys.stderr if json else sys.stdout
    for name, note in NOTES.items():
        target = f"at least {TARGETS[name]}" if name in TARGETS else ""
        print(f"{name:<18} {figures[name]:>8} {target:<14}  {note}", file=out)
    if not SHARED.is_dir():
        print("The real contracts are not here: generated ones only.", file=out)
    return dict(figures)


if __name__ == "__main__":
    _measure(sys.argv[1])
