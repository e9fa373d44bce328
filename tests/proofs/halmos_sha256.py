"""Halmos, with SHA-256 of symbolic data: halmos 0.3.3 gives its stand-in function an argument of as many bits as the data has bytes."""

import sys

import z3
from halmos import sevm
from halmos.__main__ import main

_PREFIX = "f_sha256_"
_make = sevm.Function


def _function(name: str, *signature: z3.SortRef) -> z3.FuncDeclRef:
    if name.startswith(_PREFIX):
        signature = (z3.BitVecSort(8 * int(name.removeprefix(_PREFIX))), *signature[1:])
    return _make(name, *signature)


sevm.Function = _function
sys.exit(main())
