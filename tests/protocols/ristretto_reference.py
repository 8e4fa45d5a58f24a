"""ristretto255 in Python, written from RFC 9496 and RFC 9380: what the package's points are held against."""

from __future__ import annotations

import hashlib

P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
SQRT_M1 = pow(2, (P - 1) // 4, P)
SQRT_AD_MINUS_ONE = 25063068953384623474111414158702152701244531502492656460079210482610430750235
INVSQRT_A_MINUS_D = 54469307008909316920995813868745141605393597292927456921205312896311721017578
assert SQRT_AD_MINUS_ONE**2 % P == (-D - 1) % P and INVSQRT_A_MINUS_D**2 * (-1 - D) % P == 1

Point = tuple[int, int]
"""x and y on -x² + y² = 1 + d·x²·y²."""


def size(value: int) -> int:
    """CT_ABS: of a value and its negative the even one."""
    value %= P
    return P - value if value & 1 else value


def sqrt_ratio(u: int, v: int) -> tuple[bool, int]:
    """SQRT_RATIO_M1, section 4.2."""
    root = u * v**3 * pow(u * v**7, (P - 5) // 8, P) % P
    check = v * root * root % P
    if check in (-u % P, -u * SQRT_M1 % P):
        root = root * SQRT_M1 % P
    return check in (u % P, -u % P), size(root)


def decode(encoding: bytes) -> Point | None:
    """Section 4.3.1; None where it fails."""
    s = int.from_bytes(encoding, "little")
    if s >= P or s & 1:
        return None
    u1, u2 = (1 - s * s) % P, (1 + s * s) % P
    v = (-D * u1 * u1 - u2 * u2) % P
    square, inverse = sqrt_ratio(1, v * u2 * u2 % P)
    x = size(2 * s * inverse * u2)
    y = u1 * inverse * inverse * u2 * v % P
    return (x, y) if square and not x * y % P & 1 and y else None


def encode(point: Point) -> bytes:
    """Section 4.3.2, with z = 1."""
    x, y = point
    t = x * y % P
    u1, u2 = (1 - y * y) % P, t
    _, inverse = sqrt_ratio(1, u1 * u2 * u2 % P)
    den1, den2 = inverse * u1 % P, inverse * u2 % P
    z = den1 * den2 * t % P
    if t * z % P & 1:
        x, y, den2 = y * SQRT_M1 % P, x * SQRT_M1 % P, den1 * INVSQRT_A_MINUS_D % P
    if x * z % P & 1:
        y = -y % P
    return size(den2 * (1 - y)).to_bytes(32, "little")


def add(one: Point, two: Point) -> Point:
    (x1, y1), (x2, y2) = one, two
    common = D * x1 * x2 * y1 * y2 % P
    return (
        (x1 * y2 + x2 * y1) * pow(1 + common, -1, P) % P,
        (y1 * y2 + x1 * x2) * pow(1 - common, -1, P) % P,
    )


def multiply(scalar: int, point: Point) -> Point:
    total = (0, 1)
    for bit in f"{scalar:b}":
        total = add(total, total)
        if bit == "1":
            total = add(total, point)
    return total


def one_way_map(half: bytes) -> Point:
    """MAP of section 4.3.4."""
    t = int.from_bytes(half, "little") % 2**255 % P
    r = SQRT_M1 * t * t % P
    u = (r + 1) * (1 - D * D) % P
    v = (-1 - r * D) * (r + D) % P
    square, s = sqrt_ratio(u, v)
    c = -1
    if not square:
        s, c = -size(s * t) % P, r
    n = (c * (r - 1) * (D - 1) ** 2 - v) % P
    w0, w1, w2, w3 = 2 * s * v, n * SQRT_AD_MINUS_ONE, 1 - s * s, 1 + s * s
    return w0 * pow(w1, -1, P) % P, w2 * pow(w3, -1, P) % P


def hash_to_group(message: bytes, tag: bytes) -> Point:
    """hash_to_ristretto255 of RFC 9380, appendix B, with expand_message_xmd of section 5.3.1."""
    suffix = tag + bytes([len(tag)])
    b0 = hashlib.sha512(bytes(128) + message + b"\0\x40" + b"\0" + suffix).digest()
    uniform = hashlib.sha512(b0 + b"\1" + suffix).digest()
    return add(one_way_map(uniform[:32]), one_way_map(uniform[32:]))
