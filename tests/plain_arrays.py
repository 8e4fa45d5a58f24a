"""Bodies of SPU's programs on plain arrays: traced and compiled as a whole, as SPU does it. Operation by operation, XLA
compiles each of hundreds, which takes ten times as long."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

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
