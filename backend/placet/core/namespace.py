"""Kinds of identifiers. A number says who somebody is only together with its kind: which numbers these are, and who
gives them out (FHIR's `Identifier.system`).

    urn:oid:2.16.756.5.32      a register's (RFC 8141), one and the same at all institutions
    0x1b54…a77c/customer       an institution's own, by its address: nobody else's are of this kind
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated

from pydantic import Field

from placet.core.errors import InputError
from placet.core.languages import ENGLISH, Language, words_of
from placet.core.values import address_of, to_hex

NAMESPACE_PATTERN = (
    r"^(urn:[a-z0-9][a-z0-9-]{0,30}[a-z0-9](:[a-z0-9._-]{1,64}){1,8}|0x[0-9a-f]{40}/[a-z0-9][a-z0-9._-]{0,63})$"
)
"""Small letters alone, so that a kind has one spelling."""
Namespace = Annotated[str, Field(pattern=NAMESPACE_PATTERN, max_length=200)]


def parse_namespace(text: str) -> str:
    """A kind as people write it: an address may have the capitals of EIP-55. InputError for anything else."""
    issuer, slash, name = text.partition("/")
    namespace = own_namespace(address_of(issuer), name) if slash and issuer.startswith("0x") else text
    if len(namespace) > 200 or re.fullmatch(NAMESPACE_PATTERN, namespace) is None:
        raise InputError(
            "no kind of identifier",
            expected="urn:… of a register in small letters, or an institution's address and a name as in 0x…/customer",
            found=repr(text[:200]),
            code="input.namespace",
        )
    return namespace


def own_namespace(institution: bytes, name: str) -> str:
    """The kind of the identifiers that an institution gives out itself, and calls `name`."""
    return f"{to_hex(institution)}/{name}"


def namespace_words(namespace: str, names: Callable[[bytes], str], language: Language = ENGLISH) -> str:
    """For people. NotFoundError for the numbers of an institution that has no name in `names`."""
    issuer, slash, name = namespace.partition("/")
    words = words_of(language)
    if not slash:
        return words.say("kind-everywhere", namespace=namespace)
    return words.say("kind-of", name=name, issuer=names(address_of(issuer)))
