"""What numba compiles for Merkle trees: SHA-256 (FIPS 180-4) of many messages of one length, a message in each lane.

Nothing here is called but by :mod:`swarm_chain.learning.kernels`, which checks what it passes on. A processor's own instructions for
SHA-256 hash one message, each waiting for the one before, and a call for each message costs as much again where messages are small. Lanes
do not wait for each other.
"""

import math

import numba
import numpy as np
from numpy.typing import NDArray

LANES = 32
"""Messages hashed at once: two vectors of the widest kind, for one round's work waits for the round before."""
CHUNK = 64
"""Bytes that are compressed at once."""

Words = NDArray[np.uint32]

_word = np.uint32


def _roots(count: int, power: int) -> Words:
    """The first 32 bits of the fractional parts of the first primes' square or cube roots (FIPS 180-4, sections 4.2.2 and 5.3.3)."""
    primes = [number for number in range(2, 312) if all(number % divisor for divisor in range(2, math.isqrt(number) + 1))]
    return np.array([_root(prime << 32 * power, power) & 0xFFFF_FFFF for prime in primes[:count]], np.uint32)


def _root(number: int, power: int) -> int:
    """The largest integer whose power is at most ``number``."""
    low, high = 0, number
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if middle**power <= number else (low, middle - 1)
    return low


_K, _H = _roots(64, 3), _roots(8, 2)


@numba.njit(nogil=True)
def sha256_of_rows(prefix: NDArray[np.uint8], rows: NDArray[np.uint8], digests: NDArray[np.uint8]) -> None:
    """Writes into ``digests``, uint8[count, 32], the hash of ``prefix`` and each row of uint8[count, size]."""
    count, size = rows.shape
    begins, ends = len(prefix), len(prefix) + size
    chunks = (ends + 9 + CHUNK - 1) // CHUNK  # a bit, zeros, and 64 bits of length are added
    edge = np.empty(CHUNK, np.uint8)
    # Each round makes one new word at both ends of the state and moves the others, so the state is four words of each, further down.
    schedule, upper, lower = np.zeros((64, LANES), _word), np.empty((68, LANES), _word), np.empty((68, LANES), _word)
    for first in range(0, count, LANES):
        together = min(LANES, count - first)
        for place in range(4):
            upper[place, :], lower[place, :] = _H[3 - place], _H[7 - place]
        for chunk in range(chunks):
            start = chunk * CHUNK
            low, high = max(start, begins), min(start + CHUNK, ends)  # the row's bytes in it
            inside = high - low == CHUNK
            if not inside:
                _frame(edge, start, prefix, size, chunk == chunks - 1)
            for lane in range(together):
                row = rows[first + lane]
                if inside:
                    message = row[low - begins : high - begins]
                else:
                    message = edge
                    for at in range(low, high):
                        edge[at - start] = row[at - begins]
                for place in range(16):
                    at = 4 * place
                    schedule[place, lane] = _from_bytes(message[at], message[at + 1], message[at + 2], message[at + 3])
            _compress(schedule, upper, lower)
        for lane in range(together):
            digest = digests[first + lane]
            for place in range(4):
                _to_bytes(upper[3 - place, lane], digest[4 * place : 4 * place + 4])
                _to_bytes(lower[3 - place, lane], digest[16 + 4 * place : 20 + 4 * place])


@numba.njit(nogil=True)
def _frame(edge: NDArray[np.uint8], start: int, prefix: NDArray[np.uint8], size: int, last: bool) -> None:
    """What is around a row of ``size`` bytes in the chunk from ``start`` of its padded message."""
    ends = len(prefix) + size
    edge[:] = 0
    for at in range(start, min(len(prefix), start + CHUNK)):
        edge[at - start] = prefix[at]
    if start <= ends < start + CHUNK:
        edge[ends - start] = 0x80
    if last:
        for place in range(8):
            edge[CHUNK - 1 - place] = np.uint8((8 * ends) >> (8 * place))


@numba.njit(nogil=True, inline="always")
def _compress(schedule: Words, upper: Words, lower: Words) -> None:
    # Inlined, or the compiler could not know that these arrays do not overlap, and would make no vectors of the lanes.
    for step in range(16, 64):
        before, early, middle, late, new = schedule[step - 16], schedule[step - 15], schedule[step - 7], schedule[step - 2], schedule[step]
        for lane in range(LANES):
            # Said of every sum, or numba takes 64 bits, and half as many lanes.
            one, two = early[lane], late[lane]
            small = _word(_turned(one, 7) ^ _turned(one, 18) ^ _word(one >> _word(3)))
            large = _word(_turned(two, 17) ^ _turned(two, 19) ^ _word(two >> _word(10)))
            new[lane] = _word(_word(before[lane] + middle[lane]) + _word(small + large))
    for step in range(64):
        constant, word = _K[step], schedule[step]
        a, b, c, d, new_a = upper[step + 3], upper[step + 2], upper[step + 1], upper[step], upper[step + 4]
        e, f, g, h, new_e = lower[step + 3], lower[step + 2], lower[step + 1], lower[step], lower[step + 4]
        for lane in range(LANES):
            chosen = _word((e[lane] & f[lane]) ^ (~e[lane] & g[lane]))
            turned = _word(_turned(e[lane], 6) ^ _turned(e[lane], 11) ^ _turned(e[lane], 25))
            mixed = _word(_word(h[lane] + turned) + _word(chosen + _word(constant + word[lane])))
            most = _word((a[lane] & b[lane]) ^ (a[lane] & c[lane]) ^ (b[lane] & c[lane]))
            turned = _word(_turned(a[lane], 2) ^ _turned(a[lane], 13) ^ _turned(a[lane], 22))
            new_e[lane] = _word(d[lane] + mixed)
            new_a[lane] = _word(mixed + _word(turned + most))
    for place in range(4):
        for lane in range(LANES):
            upper[place, lane] = _word(upper[place, lane] + upper[64 + place, lane])
            lower[place, lane] = _word(lower[place, lane] + lower[64 + place, lane])


@numba.njit(nogil=True, inline="always")
def _turned(word: np.uint32, bits: int) -> np.uint32:
    """The word rotated to the right."""
    return _word(_word(word >> _word(bits)) | _word(word << _word(32 - bits)))


@numba.njit(nogil=True, inline="always")
def _from_bytes(first: np.uint8, second: np.uint8, third: np.uint8, fourth: np.uint8) -> np.uint32:
    return _word(_word(_word(first) << _word(24)) | _word(_word(second) << _word(16)) | _word(_word(third) << _word(8)) | _word(fourth))


@numba.njit(nogil=True, inline="always")
def _to_bytes(word: np.uint32, into: NDArray[np.uint8]) -> None:
    for place in range(4):
        into[place] = np.uint8(word >> _word(24 - 8 * place))
