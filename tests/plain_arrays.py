"""Bodies of SPU's programs on plain arrays: traced and compiled as a whole, as SPU does it. Operation by operation, XLA
compiles each of hundreds, which takes ten times as long. Where shapes differ each time, by numpy's functions instead.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import numpy as np
import pytest

Arrays = Mapping[str, Any]


def on_plain_arrays(body: Callable[..., Any], *parameters: Any, arrays: Arrays) -> list[np.ndarray]:
    """What `body(*parameters, arrays)` gives, in integers and floats of 64 bits."""
    return compiled(body, *parameters, arrays=arrays)(arrays)


def compiled(body: Callable[..., Any], *parameters: Any, arrays: Arrays) -> Callable[[Arrays], list[np.ndarray]]:
    """The same for any arrays of these shapes."""
    import jax
    from jax.experimental import enable_x64

    def traced(given: Arrays) -> Any:
        return body(*parameters, given)

    with enable_x64():
        program = jax.jit(traced).lower(_given(arrays)).compile({"xla_backend_optimization_level": 0})

    def run(others: Arrays) -> list[np.ndarray]:
        with enable_x64():
            return [np.asarray(array) for array in program(_given(others))]

    return run


def _given(arrays: Arrays) -> dict[str, Any]:
    import jax

    return {name: jax.numpy.asarray(array) for name, array in arrays.items()}


@contextmanager
def numpy_as_jax() -> Iterator[None]:
    """Bodies import jax when they are traced; over numpy's arrays, which have the same functions, they compute at
    once."""

    def fori_loop(low: int, high: int, body: Callable[[int, Any], Any], state: Any) -> Any:
        for step in range(low, high):
            state = body(step, state)
        return state

    jax, lax, nn = ModuleType("jax"), ModuleType("jax.lax"), ModuleType("jax.nn")
    jax.numpy, jax.lax, jax.nn = np, lax, nn  # type: ignore[attr-defined]
    lax.fori_loop, lax.rsqrt = fori_loop, lambda value: 1 / np.sqrt(value)  # type: ignore[attr-defined]
    lax.associative_scan = lambda add, numbers: np.cumsum(numbers)  # type: ignore[attr-defined]
    nn.sigmoid = lambda value: 1 / (1 + np.exp(-value))  # type: ignore[attr-defined]
    with pytest.MonkeyPatch.context() as patch:
        for name, module in {"jax": jax, "jax.numpy": np, "jax.lax": lax, "jax.nn": nn}.items():
            patch.setitem(sys.modules, name, module)
        yield
