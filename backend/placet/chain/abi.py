"""The contracts' ABI from the artifacts: functions and custom errors; its events stand in
`placet.chain.event_types`. Addresses are 20 bytes, never text."""

from __future__ import annotations

import contextlib
import functools
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eth_abi.codec import ABICodec
from eth_abi.decoding import AddressDecoder, BytesDecoder
from eth_abi.encoding import AddressEncoder, BytesEncoder
from eth_abi.exceptions import DecodingError, EncodingError, ParseError
from eth_abi.registry import ABIRegistry, BaseEquals
from eth_abi.registry import registry as default_registry

from placet.core.errors import ChainError, ConfigError, InputError, Reverted
from placet.core.hashing import keccak

ARTIFACTS = Path(__file__).resolve().parent / "artifacts"
MOST_CALLS = 64


class _RawAddressDecoder(AddressDecoder):
    decoder_fn: Any = staticmethod(bytes)


class _ExactBytesEncoder(BytesEncoder):
    """Refuses a value that is shorter than its type instead of padding it."""

    def validate_value(self, value: Any) -> None:
        super().validate_value(value)  # type: ignore[no-untyped-call]
        size = (self.value_bit_size or 0) // 8
        if len(value) != size:
            self.invalidate_value(value, msg=f"expected exactly {size} bytes")


def _codec() -> ABICodec:
    registry: ABIRegistry = default_registry.copy()  # type: ignore[no-untyped-call]
    address, fixed = BaseEquals("address"), BaseEquals("bytes", with_sub=True)  # type: ignore[no-untyped-call]
    registry.unregister("address")
    registry.register(address, AddressEncoder, _RawAddressDecoder, label="address")
    registry.unregister("bytes<M>")
    registry.register(fixed, _ExactBytesEncoder, BytesDecoder, label="bytes<M>")
    return ABICodec(registry)


_CODEC = _codec()


def encode(types: Sequence[str], values: Sequence[Any]) -> bytes:
    """ABI encoding; InputError for a value that does not fit its type."""
    try:
        return _CODEC.encode(types, values)
    except (EncodingError, ParseError, TypeError) as error:
        raise InputError("a value does not fit the contract's type", found=str(error)[:200]) from None


def decode(types: Sequence[str], data: bytes) -> tuple[Any, ...]:
    """ABI decoding; ChainError `chain.answer` for data that are not of these types."""
    try:
        return tuple(_CODEC.decode(types, data))
    except (DecodingError, OverflowError, ValueError) as error:
        raise ChainError(
            "the endpoint's answer is not what the contract returns", found=str(error)[:200], code="chain.answer"
        ) from None


@dataclass(frozen=True)
class Function:
    """A contract's function: what to send and how to read the answer."""

    name: str
    selector: bytes
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]

    def encode(self, *values: Any) -> bytes:
        return self.selector + encode(self.inputs, values)

    def decode(self, data: bytes) -> tuple[Any, ...]:
        return decode(self.outputs, data)

    def arguments(self, data: bytes) -> Iterator[tuple[Any, ...]]:
        """With what a transaction's data may call this function, itself or through another contract: each place that
        reads as such a call, `MOST_CALLS` of them at the most."""
        place = data.find(self.selector)
        for _ in range(MOST_CALLS):
            if place < 0:
                return
            with contextlib.suppress(ChainError):
                yield decode(self.inputs, data[place + len(self.selector) :])
            place = data.find(self.selector, place + 1)


@dataclass(frozen=True)
class ErrorType:
    """A custom error."""

    name: str
    inputs: tuple[str, ...]


def _type(entry: dict[str, Any]) -> str:
    kind: str = entry["type"]
    if not kind.startswith("tuple"):
        return kind
    return f"({','.join(_type(c) for c in entry['components'])}){kind.removeprefix('tuple')}"


def _types(entries: list[dict[str, Any]]) -> tuple[str, ...]:
    return tuple(_type(e) for e in entries)


def _signature(entry: dict[str, Any]) -> bytes:
    return f"{entry['name']}({','.join(_types(entry['inputs']))})".encode()


@functools.cache
def artifact(contract: str) -> dict[str, Any]:
    """A contract's artifact; ConfigError if the package holds none."""
    file = ARTIFACTS / f"{contract}.json"
    try:
        loaded: dict[str, Any] = json.loads(file.read_bytes())
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"no artifact of the contract {contract}",
            found=type(error).__name__,
            remedy="run python -m placet.chain.compile in a checkout",
        ) from None
    return loaded


@functools.cache
def function(contract: str, name: str) -> Function:
    """A function by its name, which is unique within its contract."""
    entries = [e for e in artifact(contract)["abi"] if e["type"] == "function" and e["name"] == name]
    if len(entries) != 1:
        raise ConfigError(f"{contract}.{name} is not in the artifact", expected="one function", found=len(entries))
    entry = entries[0]
    return Function(name, keccak(_signature(entry))[:4], _types(entry["inputs"]), _types(entry["outputs"]))


def creation_code(contract: str, *arguments: Any) -> bytes:
    """What a deploying transaction carries: bytecode and constructor arguments."""
    compiled = artifact(contract)
    constructor = [e["inputs"] for e in compiled["abi"] if e["type"] == "constructor"]
    return bytes.fromhex(compiled["bytecode"][2:]) + encode(_types(constructor[0]) if constructor else (), arguments)


@functools.cache
def errors() -> dict[bytes, ErrorType]:
    """Selector to custom error, of all contracts in the package."""
    known = {keccak(b"Error(string)")[:4]: ErrorType("Error", ("string",))}
    known[keccak(b"Panic(uint256)")[:4]] = ErrorType("Panic", ("uint256",))
    for file in sorted(ARTIFACTS.glob("*.json")):
        for entry in artifact(file.stem)["abi"]:
            if entry["type"] == "error":
                known[keccak(_signature(entry))[:4]] = ErrorType(entry["name"], _types(entry["inputs"]))
    return known


def decode_revert(data: bytes) -> Reverted:
    """What a contract's revert data say."""
    known = errors().get(data[:4])
    if known is None:
        return Reverted("Unknown", (data[:100],) if data else ())
    try:
        return Reverted(known.name, decode(known.inputs, data[4:]))
    except ChainError:
        return Reverted(known.name)
