"""What a verifier trusts, in one file that its signers replace together: TUF's roles root and targets.

https://theupdateframework.github.io/specification/latest/, by these rules:

1. A *root* names two roles, each some keys and how many of them must sign: `roots` sign roots, `lists` sign lists. A
   key is an address, whose signature over the document's hash is ECDSA. It has one vote, however often it has signed.
2. Root 1 is signed under its own `roots`; root n + 1 by as many as root n demands of its keys, and as many as root
   n + 1 demands of its own. The file has all roots from the first on.
3. A *list* says which deployment, who is whom, which witnesses and how many of them. It is signed under the last root's
   `lists` and names that root by its hash: a list of before a change of keys, and one for another root, is refused.
4. Last root and list end at `expires`; from then on nothing is trusted. Older roots may have ended.
5. A verifier's own copy is its memory. Another file takes its place (`demand_extends`) only if it has all of its roots,
   and, under the same root, no older list and no other one of the same version. Under a new root lists are counted
   anew, so that whoever stole the keys of lists can't use up their numbers.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field, model_validator

from placet.core.ecdsa import recover
from placet.core.errors import InputError, SignatureError, StateError
from placet.core.hashing import document_hash
from placet.core.signatures import Key
from placet.core.signed_note import WitnessKey, parse_vkey
from placet.core.times import UnixTime
from placet.core.trust import Deployment, TrustList
from placet.core.values import Address, Bytes32, Signature, Value, parse, to_hex

MAX_SIGNED_TRUST: Final = 8 << 20
"""Bytes of a file."""
MAX_ROOTS: Final = 256
_MAX_KEYS = 32
_Version = Annotated[int, Field(ge=1, lt=2**32, strict=True)]
_Signatures = Annotated[tuple[Signature, ...], Field(max_length=2 * _MAX_KEYS)]


def _vkey(line: str) -> str:
    try:
        return parse_vkey(line).vkey
    except InputError as error:
        raise ValueError(f"expected a witness's key: {error.message}") from None


_Vkey = Annotated[str, Field(max_length=400), AfterValidator(_vkey)]


class SigningRole(Value):
    """Some keys, each once, and how many of them must sign."""

    keys: Annotated[tuple[Address, ...], Field(min_length=1, max_length=_MAX_KEYS)]
    threshold: Annotated[int, Field(ge=1, strict=True)]

    @model_validator(mode="after")
    def _reachable(self) -> SigningRole:
        if len(set(self.keys)) != len(self.keys):
            raise ValueError("a role names each key once")
        if self.threshold > len(self.keys):
            raise ValueError("a role's threshold is at most the number of its keys")
        return self

    def signed_by(self, digest: bytes, signatures: Iterable[bytes]) -> frozenset[bytes]:
        """Which of its keys signed that."""
        return frozenset(recover(digest, signature) or b"" for signature in signatures) & frozenset(self.keys)

    def demand(self, what: str, digest: bytes, signatures: Iterable[bytes]) -> None:
        """SignatureError `trust.signatures` unless enough of its keys signed that."""
        signers = self.signed_by(digest, signatures)
        if len(signers) < self.threshold:
            raise SignatureError(
                f"{what} is not signed by enough of its keys",
                expected=f"{self.threshold} of {len(self.keys)}",
                found=f"{len(signers)}: {', '.join(sorted(map(to_hex, signers)))}" if signers else "none of them",
                remedy="placet trust show says who is missing",
                code="trust.signatures",
            )


class TrustRoot(Value):
    """Who signs the next root, and who signs lists."""

    type: Literal["placet.trust-root"] = "placet.trust-root"
    version: _Version
    expires: UnixTime
    roots: SigningRole
    lists: SigningRole


class SignedRoot(Value):
    """A root with signatures of its own keys and of those of the root before it."""

    root: TrustRoot
    signatures: _Signatures = ()

    @cached_property
    def hash(self) -> bytes:
        return document_hash(self.root)


class TrustVersion(Value):
    """What is trusted: contracts, who is whom, and of whose checkpoints `quorum` must agree. `root`: the hash of the
    root under whose keys it is signed."""

    type: Literal["placet.trust-version"] = "placet.trust-version"
    version: _Version
    expires: UnixTime
    root: Bytes32
    deployment: Deployment
    trust: TrustList
    witnesses: Annotated[tuple[_Vkey, ...], Field(max_length=64)] = ()
    quorum: Annotated[int, Field(ge=0, strict=True)] = 0

    @model_validator(mode="after")
    def _reachable(self) -> TrustVersion:
        if len({key.public for key in self.witness_keys}) != len(self.witnesses):
            raise ValueError("a list names each witness's key once")
        if not min(1, len(self.witnesses)) <= self.quorum <= len(self.witnesses):
            raise ValueError("the quorum is at least one and at most the number of witnesses")
        return self

    @cached_property
    def hash(self) -> bytes:
        return document_hash(self)

    @cached_property
    def witness_keys(self) -> tuple[WitnessKey, ...]:
        return tuple(map(parse_vkey, self.witnesses))


class SignedTrust(Value):
    """The file: all roots from the first on, and the list under the last one."""

    type: Literal["placet.signed-trust"] = "placet.signed-trust"
    version: Literal[1] = 1
    roots: Annotated[tuple[SignedRoot, ...], Field(min_length=1, max_length=MAX_ROOTS)]
    content: TrustVersion
    signatures: _Signatures = ()

    @model_validator(mode="after")
    def _numbered(self) -> SignedTrust:
        if [one.root.version for one in self.roots] != list(range(1, len(self.roots) + 1)):
            raise ValueError("roots are numbered from 1 on, without a gap")
        if self.content.root != self.last.hash:
            raise ValueError("the list is under the last root, which it names by its hash")
        return self

    @property
    def last(self) -> SignedRoot:
        return self.roots[-1]

    def signing_roles(self, place: int) -> tuple[tuple[str, SigningRole], ...]:
        """By whom the root at that place is signed: in words, and the role."""
        own = self.roots[place].root
        roles = (f"root {own.version}", own.roots)
        if place == 0:
            return (roles,)
        before = self.roots[place - 1].root
        return (f"root {own.version} by the keys of root {before.version}", before.roots), roles

    def demand_signed(self) -> None:
        """SignatureError unless every root and the list have their signatures (rules 2 and 3)."""
        for place, one in enumerate(self.roots):
            for what, role in self.signing_roles(place):
                role.demand(what, one.hash, one.signatures)
        self.last.root.lists.demand(f"list {self.content.version}", self.content.hash, self.signatures)

    def demand_valid(self, now: int) -> None:
        """The same, and StateError `trust.expired` where the last root or the list has ended by Unix time `now`."""
        self.demand_signed()
        for what, end in (("root", self.last.root.expires), ("list", self.content.expires)):
            if now >= end:
                raise StateError(
                    f"the trust list's {what} has expired",
                    expected=f"before {end} (Unix seconds)",
                    found=now,
                    remedy="get the newest list from those who sign it, and: placet trust update",
                    code="trust.expired",
                )

    def demand_extends(self, known: SignedTrust, now: int) -> None:
        """May it take the place of the verifier's own copy, which may have expired? As `demand_valid`; and StateError
        `trust.root` where it does not go on from that copy's roots, `trust.rollback` for an older list, `trust.fork`
        for another one of the same version."""
        self.demand_valid(now)
        if [one.hash for one in self.roots[: len(known.roots)]] != [one.hash for one in known.roots]:
            raise StateError(
                "the file does not go on from the root that you trust",
                expected=f"root {known.last.root.version} {to_hex(known.last.hash)}",
                found=f"{len(self.roots)} roots, the last one {to_hex(self.last.hash)}",
                remedy="ask those who sign it, over another way, which one is theirs",
                code="trust.root",
            )
        if len(self.roots) > len(known.roots):
            return
        if self.content.version < known.content.version:
            raise StateError(
                "the list is older than the one you have",
                expected=f"version {known.content.version} or later",
                found=self.content.version,
                remedy="keep the one you have",
                code="trust.rollback",
            )
        if self.content.version == known.content.version and self.content.hash != known.content.hash:
            raise StateError(
                "two lists of one version are signed",
                expected=to_hex(known.content.hash),
                found=to_hex(self.content.hash),
                remedy="show both to those who sign it: their keys are stolen, or they tell you and others two stories",
                code="trust.fork",
            )

    def signed(self, key: Key) -> SignedTrust:
        """With the key's signature wherever its role signs what is not signed by it yet. StateError where it signs
        nothing of it. Only the last root and the list are ever signed: older roots have theirs."""
        roles = [role for _, role in self.signing_roles(len(self.roots) - 1)]
        changes = dict[str, object]()
        if any(key.address in role.keys for role in roles):
            changes["roots"] = (*self.roots[:-1], _root_with(self.last, key))
        if key.address in self.last.root.lists.keys:
            changes["signatures"] = _with(self.signatures, key, self.content.hash)
        if not changes:
            raise StateError("this key signs nothing of this file", found=to_hex(key.address), code="trust.no-role")
        return self.model_copy(update=changes)


def _root_with(signed: SignedRoot, key: Key) -> SignedRoot:
    return SignedRoot(root=signed.root, signatures=_with(signed.signatures, key, signed.hash))


def _with(signatures: tuple[bytes, ...], key: Key, digest: bytes) -> tuple[bytes, ...]:
    """ECDSA is deterministic here, so a second signature of a key is its first."""
    return tuple(dict.fromkeys((*signatures, key.sign(digest))))


def parse_signed_trust(raw: bytes | str) -> SignedTrust:
    """The file's content. InputError or LimitError for anything else; nothing is said of its signatures."""
    return parse(SignedTrust, raw, limit=MAX_SIGNED_TRUST, what="signed trust list")
