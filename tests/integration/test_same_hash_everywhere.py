"""The same updates give the same hash whatever the threads, the order of nodes and the instruction set.

Each case is a process of its own that computes one fixed round by every rule. The plain passes are NumPy; torch is loaded
beside them, as in a node, so that its variables have something to act on. The compiled ones are compiled for several processors.
"""

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("fixed_round.py")
EXPECTED = "7123ceaa1813bd3e1885f091ed72a25ce51248f3d807d1885c88bb428bc40c85"
"""Written down, so that every machine that runs this is compared with every other."""


def _run(order, *arguments, **environment):
    command = [sys.executable, str(SCRIPT), order, *arguments]
    run = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, check=False, timeout=120)
    assert run.returncode == 0, run.stderr
    return run.stdout.split()


@pytest.mark.parametrize("order", ["01234", "43210", "20413"])
def test_any_order_of_nodes(order):
    assert _run(order)[0] == EXPECTED


@pytest.mark.parametrize("threads", ["1", "2", "4"])
def test_any_number_of_threads(threads):
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    assert _run("01234", **dict.fromkeys(names, threads))[0] == EXPECTED


def test_numpy_without_each_and_all_of_its_vector_kernels():
    hash_, *features = _run("01234")
    assert hash_ == EXPECTED
    assert features, "NumPy picks no kernels by processor here: there is nothing to compare."
    # A higher feature needs the lower ones, so the last alone goes first.
    for disabled in [features[position:] for position in range(len(features))]:
        hash_, *left = _run("01234", NPY_DISABLE_CPU_FEATURES=" ".join(disabled))
        assert hash_ == EXPECTED
        assert not set(left) & set(disabled)


@pytest.mark.parametrize(("aten", "onednn", "mkl"), [("default", "SSE41", "SSE4_2"), ("avx2", "AVX2", "AVX2")])
def test_any_instruction_set_of_torch(aten, onednn, mkl):
    variables = {"ATEN_CPU_CAPABILITY": aten, "ONEDNN_MAX_CPU_ISA": onednn, "MKL_ENABLE_INSTRUCTIONS": mkl, "OMP_NUM_THREADS": "1"}
    hash_, capability = _run("01234", "torch", **variables)
    assert hash_ == EXPECTED
    if aten == "default":
        assert capability == "DEFAULT"


@pytest.mark.parametrize("order", ["01234", "20413"])
@pytest.mark.parametrize("aten", ["default", "avx2"])
def test_the_passes_in_torch(order, aten):
    assert _run(order, "cpu", ATEN_CPU_CAPABILITY=aten) == [EXPECTED, "cpu"]


@pytest.mark.gpu
@pytest.mark.parametrize("order", ["01234", "20413"])
def test_the_passes_on_this_machines_gpu(order):
    assert _run(order, "cuda") == [EXPECTED, "cuda"]


@pytest.mark.parametrize("order", ["01234", "20413"])
def test_the_compiled_passes_on_this_processor(order):
    assert _run(order, "compiled")[0] == EXPECTED


@pytest.mark.skipif(platform.machine() != "x86_64", reason="the processors named here are x86's; the test above runs everywhere")
@pytest.mark.parametrize(("processor", "widest"), [("x86-64", "xmm"), ("x86-64-v2", "xmm"), ("x86-64-v3", "ymm")])
def test_the_compiled_passes_for_other_processors(processor, widest):
    hash_, *registers = _run("01234", "compiled", NUMBA_CPU_NAME=processor, NUMBA_CPU_FEATURES="")
    assert hash_ == EXPECTED
    assert max(registers) == widest
