"""Independent random streams named by what they are for, so that a new draw never shifts an old one."""

from __future__ import annotations

import hashlib

import numpy as np

HEX = "0123456789abcdef"
BASE32 = "abcdefghijklmnopqrstuvwxyz234567"


def _digest(seed: int, names: tuple[object, ...]) -> bytes:
    return hashlib.sha256("/".join([str(seed), *map(str, names)]).encode()).digest()


def stream(seed: int, *names: object) -> np.random.Generator:
    """A generator that depends on the seed and the names alone."""
    return np.random.Generator(np.random.PCG64(int.from_bytes(_digest(seed, names)[:16], "big")))


def identifier(seed: int, *names: object, length: int, alphabet: str = HEX) -> str:
    """A made-up identifier of ``length`` characters that depends on the seed and the names alone."""
    number = int.from_bytes(_digest(seed, names) + _digest(seed, (*names, "more")), "big")
    letters = []
    for _ in range(length):
        number, remainder = divmod(number, len(alphabet))
        letters.append(alphabet[remainder])
    return "".join(letters)


def uuid_like(seed: int, *names: object) -> str:
    """An identifier in the shape of a UUID."""
    text = identifier(seed, *names, length=32)
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
