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


def noise_key(seed: int, *names: object) -> int:
    """The key of a noise (see uniforms) that depends on the seed and the names alone."""
    return int.from_bytes(_digest(seed, ("noise", *names))[:8], "big")


def _scramble(key: int, positions: np.ndarray) -> np.ndarray:
    """64 mixed bits per position (splitmix64's finaliser, Steele, Lea and Flood 2014)."""
    with np.errstate(over="ignore"):
        bits = positions.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(key)
        bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return np.asarray(bits ^ (bits >> np.uint64(31)))


def uniforms(key: int, positions: np.ndarray) -> np.ndarray:
    """A number in [0, 1) for each position (integers of any shape): the same for the same key and position, whatever
    window is asked for. That is what lets an account be extended without changing its past."""
    return (_scramble(key, positions) >> np.uint64(11)) * 2.0**-53


def normals(key: int, positions: np.ndarray) -> np.ndarray:
    """Like uniforms, near the standard normal: the sum of four 16-bit uniforms, so never beyond 3.5."""
    bits = _scramble(key, positions)
    parts = [(bits >> np.uint64(shift)) & np.uint64(0xFFFF) for shift in (0, 16, 32, 48)]
    total = (parts[0] + parts[1] + parts[2] + parts[3]).astype(np.float64)
    return np.asarray((total / 65536.0 - 2.0 + 2.0 / 65536.0) * np.sqrt(3.0))
