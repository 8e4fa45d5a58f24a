"""The alphabet of all typed values: fixed-length byte strings, bounded integers, and one door for JSON.

Byte strings are `bytes` in Python and lower-case `0x…` hex in JSON; every model is frozen and refuses unknown fields.
"""

from __future__ import annotations

import re
from binascii import unhexlify
from collections.abc import Callable, Mapping
from typing import Annotated, Any, ClassVar, Self, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    PlainSerializer,
    ValidationError,
    WithJsonSchema,
)
from pydantic_core import CoreSchema

from placet.core.addresses import is_mistyped
from placet.core.errors import InputError, LimitError
from placet.core.json_text import demand_one_meaning
from placet.core.text import flaw, visible

MAX_SIGNATURE = 4096


def to_hex(value: bytes) -> str:
    """`0x` and lower-case hex."""
    return "0x" + value.hex()


def _unhex(text: str) -> bytes | None:
    """In memory of the text's own size, which a pattern with repetitions is not: there are texts of many megabytes."""
    try:
        return unhexlify(text[2:]) if text.startswith("0x") else None
    except ValueError:
        return None


def from_hex(text: str, *, size: int | None = None) -> bytes:
    """Bytes of a `0x…` string; InputError if it is not hex or not `size` bytes long."""
    value = _unhex(text)
    if value is None:
        raise InputError("not a hex string", expected="0x and an even number of hex digits", found=text[:80])
    if size is not None and len(value) != size:
        raise InputError("hex string of the wrong length", expected=f"{size} bytes", found=f"{len(value)} bytes")
    return value


def address_of(text: str) -> bytes:
    """An address of 20 bytes from `0x…`; InputError for anything else, and for a wrong EIP-55 checksum."""
    value = from_hex(text, size=20)
    if is_mistyped(text):
        raise InputError("the address is mistyped", expected=_CHECKSUM, found=text, code="input.checksum")
    return value


_CHECKSUM = "an address whose EIP-55 checksum (the case of its letters) is right: copy it from where it stands"


def _bytes_of(lengths: Callable[[int], bool], described: str, *, checksum: bool) -> Callable[[object], bytes]:
    def parse(value: object) -> bytes:
        if isinstance(value, str):
            text, value = value, _unhex(value)
            if checksum and value is not None and len(value) == 20 and is_mistyped(text):
                raise ValueError(f"expected {_CHECKSUM}")
            if value is None:
                raise ValueError(f"expected {described} as 0x… hex")
        if not isinstance(value, bytes) or not lengths(len(value)):
            raise ValueError(f"expected {described}")
        return value

    return parse


def _hex_type(lengths: Callable[[int], bool], described: str, pattern: str, *, checksum: bool = False) -> Any:
    return (
        BeforeValidator(_bytes_of(lengths, described, checksum=checksum)),
        PlainSerializer(to_hex, return_type=str, when_used="json"),
        WithJsonSchema({"type": "string", "pattern": pattern, "description": described}),
    )


Bytes32 = Annotated[bytes, *_hex_type(lambda n: n == 32, "32 bytes", "^0x[0-9a-fA-F]{64}$")]
Bytes24 = Annotated[bytes, *_hex_type(lambda n: n == 24, "24 bytes", "^0x[0-9a-fA-F]{48}$")]
Bytes48 = Annotated[bytes, *_hex_type(lambda n: n == 48, "48 bytes", "^0x[0-9a-fA-F]{96}$")]
Address = Annotated[
    bytes, *_hex_type(lambda n: n == 20, "an address of 20 bytes", "^0x[0-9a-fA-F]{40}$", checksum=True)
]
Signer = Annotated[
    bytes,
    *_hex_type(
        lambda n: n == 20 or n == 84,
        "an ERC-7913 signer: an address, or the address of a verifier and a P-256 key (84 bytes)",
        "^0x([0-9a-fA-F]{40}|[0-9a-fA-F]{168})$",
        checksum=True,
    ),
]
Signature = Annotated[
    bytes,
    *_hex_type(lambda n: n <= MAX_SIGNATURE, f"a signature of at most {MAX_SIGNATURE} bytes", "^0x([0-9a-fA-F]{2})*$"),
]
Octets = Annotated[bytes, *_hex_type(lambda _: True, "bytes", "^0x([0-9a-fA-F]{2})*$")]
"""Any number of bytes; bounded by what they stand in."""
U32 = Annotated[int, Field(ge=0, lt=2**32, strict=True)]
U48 = Annotated[int, Field(ge=0, lt=2**48, strict=True)]
MAX_BUDGET = 2**53
NanoRho = Annotated[int, Field(ge=0, lt=MAX_BUDGET, strict=True)]
"""Of a privacy budget: 10^-9 of the rho of zero-concentrated differential privacy (Bun, Steinke 2016). On chain a
uint64; no more here than what every JSON reader counts exactly."""
BigUint = Annotated[
    int,
    BeforeValidator(lambda v: int(v) if isinstance(v, str) and re.fullmatch(r"[0-9]{1,39}", v, re.ASCII) else v),
    Field(strict=True),
    PlainSerializer(str, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "pattern": "^[0-9]{1,39}$"}),
]
U64 = Annotated[BigUint, Field(ge=0, lt=2**64)]
U96 = Annotated[BigUint, Field(ge=0, lt=2**96)]
ChainId = Annotated[BigUint, Field(ge=0, lt=2**256)]
MAX_BOUND = 2**100
Whole = Annotated[
    int,
    BeforeValidator(lambda v: int(v) if isinstance(v, str) and re.fullmatch(r"-?[0-9]{1,39}", v, re.ASCII) else v),
    Field(strict=True, ge=-MAX_BOUND, le=MAX_BOUND),
    PlainSerializer(str, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "pattern": "^-?[0-9]{1,39}$"}),
]
"""An integer that is a decimal string in JSON."""


def _clean(text: str) -> str:
    fault = flaw(text)
    if fault is not None:
        raise ValueError(f"expected one line of visible characters (NFC), not {fault}")
    return text


def line(longest: int) -> Any:
    """What makes a `str` a line of 1 to `longest` characters: `Annotated[str, *line(400)]`."""
    return Field(min_length=1, max_length=longest), AfterValidator(_clean)


def quotation(longest: int) -> Any:
    """What makes a `str` the words of another party about an error: written out as `visible` has them, and cut."""
    return (AfterValidator(lambda text: visible(text)[:longest]),)


Text = Annotated[str, *line(400)]
"""A name, a title, a reason: one line that people read (`placet.core.text`)."""
NAME_PATTERN = r"^[a-z0-9][a-z0-9._-]{0,63}$"
Name = Annotated[str, Field(pattern=NAME_PATTERN)]

ZERO32 = bytes(32)
ZERO20 = bytes(20)


_NO_FIELDS: set[str] = set()


class Value(BaseModel):
    """Base of all values: immutable, no unknown fields.

    Which fields were given and which are a default is not kept: that is up to 700 bytes a value, and a document of
    strangers may have a million.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
        populate_by_name=True,
        defer_build=True,  # most programs use a few of hundreds: each is built when it is first
    )

    tells_all_faults: ClassVar[bool] = False
    """Of a small file that a person writes: all that is wrong in it is told at once."""

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Lists are refused at their first bad entry: else each of a million takes a kilobyte to be complained of."""
        schema = handler(source)
        if not cls.tells_all_faults:
            _fail_fast(cls, schema)
        return schema

    def model_post_init(self, context: Any, /) -> None:
        object.__setattr__(self, "__pydantic_fields_set__", _NO_FIELDS)

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """As pydantic's, but for what was worked out from the fields: a hash is the copy's own."""
        copy = super().model_copy(update=update, deep=deep)
        for name in copy.__dict__.keys() - type(self).model_fields.keys():
            del copy.__dict__[name]
        return copy

    def to_json(self) -> dict[str, Any]:
        """Plain JSON object, as it is hashed and sent."""
        return self.model_dump(mode="json")


def _fail_fast(own: type[Value], schema: Any) -> None:
    """In every list of a value's schema, but for those of other values in it, which have seen to that themselves."""
    waiting = [schema]
    while waiting:
        part = waiting.pop()
        if isinstance(part, list | tuple):
            waiting += part
        elif isinstance(part, dict) and part.get("cls") in (None, own):
            if part.get("type") in _LISTS:
                part["fail_fast"] = True
            waiting += [inner for name, inner in part.items() if name not in _NO_SCHEMA and type(inner) in _NESTED]


_LISTS = ("list", "tuple", "set", "frozenset")
_NESTED = frozenset({dict, list, tuple})
_NO_SCHEMA = frozenset({"metadata", "serialization", "config"})


def build_values(base: type[Value] = Value) -> None:
    """Build all kinds of values that are defined by now, which else happens as each is first used: for a program that
    can import nothing later."""
    for kind in base.__subclasses__():
        kind.model_rebuild()
        build_values(kind)


V = TypeVar("V", bound=BaseModel)


def parse(model: type[V], raw: bytes | str | dict[str, Any], *, limit: int = 1 << 20, what: str | None = None) -> V:
    """The one door: bytes, text or a JSON object to a typed value; InputError or LimitError, never anything else. No
    key stands twice in an object, and no number is infinite (`placet.core.json_text`)."""
    name = what or model.__name__
    if not isinstance(raw, dict) and len(raw) > limit:
        raise LimitError(f"{name} is too large", expected=f"at most {limit} bytes", found=len(raw))
    try:
        if isinstance(raw, dict):
            return model.model_validate(raw)
        value = model.model_validate_json(raw)
    except ValidationError as error:
        raise invalid(name, error) from None
    demand_one_meaning(raw, name)
    return value


def invalid(what: str, error: ValidationError) -> InputError:
    """A pydantic error as ours; the input itself is left out, since it may hold personal data."""
    if error.error_count() > _SPELT_OUT:
        return InputError(f"{what} is malformed", expected="another form", found=f"{error.error_count()} bad values")
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    where = ".".join(str(part) for part in first["loc"]) or "the whole"
    words = _WORDS.get(first["type"], first["msg"].removeprefix("Value error, "))
    return InputError(f"{what} is malformed", expected=words, found=f"a bad value at {where}")


_SPELT_OUT = 200
"""Faults of which pydantic may make a list, of which the first is told."""
_WORDS = {"string_pattern_mismatch": "text of another form"}
"""What pydantic says in its own terms, in plain ones."""
