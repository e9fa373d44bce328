"""Wire forms for the vectors, written out by hand, so that they depend on no encoder."""

from typing import Any

import numpy as np

_FIVE = bytes((3, 50, 51, 90, 255))
_SIGNS = bytes((9, 7, 7, *bytes(31), 5))
"""260 coordinates: two magnitudes, the first three of the first block negative, of the second the first and the third."""


def codec_vectors() -> dict[str, Any]:
    """Wire forms with their codes, and ones to be refused for a reason."""
    opens = [
        ("dense-int8", b"\x7f\x81\x00", [127, -127, 0]),
        ("int4", b"\x02\x29\x03\x07", [-14, 4, 6, 0, 14]),
        ("int4", b"\x01\x1f", [-1, 1]),
        ("int4", b"\x12\x97\x00", [126, -126, 0]),
        ("int4", b"\x00\x00", [0]),
        ("sign", b"\x03\x02\x01", [3, -3, 3, 3, 3, 3, 3, 3, -3]),
        ("sign", b"\x00\x00", [0, 0, 0]),
        ("sign", _SIGNS, [-9] * 3 + [9] * 253 + [-7, 7, -7, 7]),
        ("top-k", _FIVE + _bits(5, 0b10010), _at(256, {3: 5, 50: -5, 51: 5, 90: 5, 255: -5})),
        ("top-k", b"\0\1\2\0\0" + _bits(2, 0b100), [2, 2, -2]),
        ("top-k", bytes(7), [0] * 200),
        ("top-k", _FIVE + bytes(5) + _bits(127, 0, 0, 0), _at(260, dict.fromkeys(_FIVE, 127))),
    ]
    refused = [
        ("dense-int8", b"\x01\x80", 2, "code of -128"),
        ("dense-int8", b"\x01", 2, "1 bytes, not 2"),
        ("int4", b"\x01\x1f\x00", 2, "3 bytes, not 2"),
        ("int4", b"\x13\x17", 2, "unit above 18"),
        ("int4", b"\x81\x17", 2, "unit above 18"),
        ("int4", b"\x01\x17", 1, "unused bits"),
        ("int4", b"\x01\x18", 2, "multiple of -8"),
        ("int4", b"\x00\x17", 2, "or another has none"),
        ("int4", b"\x01\x00", 2, "block of zeros has a unit"),
        ("int4", b"\x02\x16", 2, "larger than its codes need"),
        ("sign", b"\x03\x02", 9, "2 bytes, not 3"),
        ("sign", b"\x80\x02\x01", 9, "magnitude above 127"),
        ("sign", b"\x03\x02\x03", 9, "unused bits"),
        ("sign", b"\x00\x02\x00", 9, "block of zeros has signs"),
        ("sign", b"\x00" + _SIGNS[1:], 260, "block of zeros has signs"),
        ("top-k", _FIVE, 256, "5 bytes, not 7"),
        ("top-k", bytes((3, 51, 50, 90, 255)) + _bits(5, 0), 256, "do not ascend"),
        ("top-k", bytes((3, 50, 50, 90, 255)) + _bits(5, 0), 256, "do not ascend"),
        ("top-k", _FIVE + _bits(5, 0), 255, "behind the last"),
        ("top-k", _FIVE + _bits(0, 0), 256, "holds no code"),
        ("top-k", bytes(5) + _bits(0, 1), 256, "holds no code"),
        ("top-k", b"\0\1\2\3\0" + _bits(2, 0), 3, "holds no code"),
        ("top-k", b"\0\1\2\0\0" + _bits(2, 0b1000), 3, "holds no code"),
        ("top-k", b"\0\1\2\0\0" + _bits(2, 0b100000), 3, "unused bits"),
    ]
    return {
        "codec": [name for name, _, _ in opens],
        "wire": [_hex(wire) for _, wire, _ in opens],
        "codes": [_hex(np.array(codes, np.int8).tobytes()) for _, _, codes in opens],
        "refused": {
            "codec": [name for name, _, _, _ in refused],
            "wire": [_hex(wire) for _, wire, _, _ in refused],
            "dimension": [dimension for _, _, dimension, _ in refused],
            "reason": [reason for _, _, _, reason in refused],
        },
    }


def _bits(*fields: int) -> bytes:
    """Magnitudes of 7 bits and signs of 5, one after the other, from the lowest bit on."""
    total = sum(field << 12 * (at // 2) + 7 * (at % 2) for at, field in enumerate(fields))
    return total.to_bytes(-(-12 * ((len(fields) + 1) // 2) // 8), "little")


def _at(dimension: int, codes: dict[int, int]) -> list[int]:
    return [codes.get(at, 0) for at in range(dimension)]


def _hex(data: bytes) -> str:
    return "0x" + data.hex()
