"""JSON of strangers. One text means one thing: no key stands twice in an object, whichever of the two a reader took,
and no number is beyond all others, as `1e999` is, which readers take for infinity.

RFC 8259 leaves open what a key that stands twice says, and readers differ: who signs or reviews a document in one could
be shown another than who runs it. All JSON from outside comes in through here, or through `placet.core.values.parse`.
"""

from __future__ import annotations

import json
import math
from typing import Any

from pydantic_core import from_json

from placet.core.errors import InputError

_REMEDY = "write each key once in an object"


class _TwiceError(ValueError):
    """A key stands twice."""


def read_json(raw: bytes | str, what: str) -> Any:
    """The value of a text; `what` is named in errors. InputError `input.json` for what is none, is nested 200 deep or
    has numbers that are none, and what `demand_one_meaning` raises."""
    try:
        value = from_json(raw, allow_inf_nan=False)
    except ValueError:
        raise _no_json(what) from None
    demand_one_meaning(raw, what)
    return value


def demand_one_meaning(raw: bytes | str, what: str) -> None:
    """InputError `input.duplicate` where a key stands twice in an object, `input.json` for a number that is not finite.
    For text that pydantic's decoder has taken: it bounds the depth, which Python's own does not before the stack is
    full."""
    try:
        _READER.decode(raw if isinstance(raw, str) else raw.decode())
    except _TwiceError:
        raise InputError(
            f"{what} has a key twice in one object", expected="each key once", remedy=_REMEDY, code="input.duplicate"
        ) from None
    except (ValueError, RecursionError):
        raise _no_json(what) from None


def _once(pairs: list[tuple[str, Any]]) -> None:
    """Nothing is kept of an object, so that none of the document is in memory a second time."""
    if len(dict(pairs)) != len(pairs):
        raise _TwiceError


def finite(text: str) -> float:
    """A number as JSON and TOML write it; ValueError for one that is beyond all floats, infinite or none."""
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("not a finite number")
    return number


_READER = json.JSONDecoder(object_pairs_hook=_once, parse_float=finite, parse_constant=finite)


def _no_json(what: str) -> InputError:
    return InputError(
        f"{what} is not JSON",
        expected="JSON in UTF-8, with finite numbers, nested less than 200 deep",
        code="input.json",
    )
