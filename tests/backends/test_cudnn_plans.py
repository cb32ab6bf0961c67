"""cuDNN itself plans every graph of ours for a GPU that need not be there: it is told the properties of an H200.

It needs the front end, cuDNN's library and a driver's library, as on a machine with the `cuda` extra. Nothing is computed.
"""

from __future__ import annotations

import json

import numpy as np
import pytest

from taper.backends.cpu.convolution import conv_output_shape
from taper.backends.cuda import cudnn_problems as problems

from .test_convolution import CASES

cudnn = pytest.importorskip("cudnn", reason="needs nvidia-cudnn-frontend")

H200 = {
    "version": 1, "deviceName": "NVIDIA H200", "deviceVer": 900, "driverVer": 13000, "cudaDeviceId": 0, "pciDeviceId": 0,
    "multiProcessorCount": 132, "warpSize": 32, "regsPerBlock": 65536, "maxRegistersPerSM": 65536, "maxCtasPerSM": 32,
    "maxThreadsPerBlock": 1024, "maxThreadsPerSM": 2048, "maxSharedMemoryPerBlock": 49152,
    "maxSharedMemoryPerBlockOptin": 232448, "reservedSharedMemoryPerBlock": 1024, "totalGlobalMem": 150 * 10**9,
    "l2CacheSize": 52428800, "smClockRateKHz": 1980000, "memClockRateKHz": 3201000, "memoryBusWidth": 6144,
    "isTccDriver": 0, "supportCoopLaunch": 1, "maxGridSize": [2147483647, 65535, 65535], "maxBlockSize": [1024, 1024, 64],
}  # fmt: skip
WORKSPACE = 1 << 30
DTYPES = ["float32", "float64", "float16", "bfloat16"]


@pytest.fixture(scope="module")
def properties():
    try:
        return cudnn.create_device_properties(json.dumps(H200))
    except RuntimeError as error:
        pytest.skip(f"cuDNN's library, or the driver's, is not there: {error}")


def planned(problem, properties, exact=False, deterministic=False) -> int:
    """How many plans cuDNN has for a problem, of which it supports one."""
    graph, _ = problems.described(
        cudnn, problem, deterministic, device_property=properties, sm_version=900, sm_count=132
    )
    graph.validate()
    graph.build_operation_graph()
    graph.create_execution_plans([cudnn.heur_mode.A, cudnn.heur_mode.FALLBACK])
    if notes := problems.unwanted(cudnn, problem, not exact, deterministic):
        graph.deselect_numeric_notes(notes)
    graph.deselect_workspace_greater_than(WORKSPACE)
    graph.check_support()
    return graph.get_execution_plan_count()


@pytest.mark.parametrize("last", [False, True], ids=["NCHW", "channels-last"])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("case", [c for c in CASES if 0 not in c.x], ids=str)
def test_convolutions_have_plans(properties, case, dtype, last):
    output = conv_output_shape(case.x[2:], case.w[2:], *case.settings[:3])
    x, w, out = (problems.dense(s, dtype, last) for s in (case.x, case.w, (case.x[0], case.w[0], *output)))
    for op, operands in dict(conv=(x, w, out), conv_input=(out, w, x), conv_weight=(out, x, w)).items():
        problem = problems.convolution(op, *operands, *case.settings[:3])
        assert planned(problem, properties) > 0
        assert planned(problem, properties, deterministic=True) > 0
        if dtype == "float32":
            assert planned(problem, properties, exact=True) > 0


HEADS = {
    "gpt": ((8, 12, 1024, 64),) * 3,
    "few": ((2, 3, 5, 8),) * 3,
    "cross": ((2, 3, 5, 8), (2, 3, 7, 8), (2, 3, 7, 16)),
    "shared": ((2, 6, 64, 64), (2, 2, 64, 64), (2, 2, 64, 64)),
    "wide": ((2, 3, 256, 128),) * 3,
}


@pytest.mark.parametrize("form", ["plain", "causal", "bias", "biases"])
@pytest.mark.parametrize("turned", [False, True], ids=["BHLE", "BLHE"])
@pytest.mark.parametrize("dtype", DTYPES[2:])
@pytest.mark.parametrize("name", HEADS)
def test_attention_has_plans(properties, name, dtype, turned, form):

    def operand(shape):
        if not turned:
            return problems.dense(shape, dtype)
        batch, heads, length, features = shape
        return problems.Operand(shape, (heads * length * features, features, heads * features, 1), dtype)

    q, k, v = HEADS[name]
    bias = None
    if form.startswith("bias"):
        bias = problems.dense((*((1, 1) if form == "bias" else q[:2]), q[2], k[2]), dtype)
    q, k, v, out = (operand(s) for s in (q, k, v, (*q[:3], v[3])))
    scale = 1 / np.sqrt(q.shape[3])
    problem = problems.attention(q, k, v, bias, out, scale, form == "causal")
    assert planned(problem, properties) > 0
    problem = problems.attention_grad(q, k, v, bias, out, out, (q, k, v), scale, form == "causal")
    assert planned(problem, properties) > 0


def test_what_is_refused_says_so_by_the_exception_that_is_expected(properties):
    q = problems.dense((2, 3, 64, 1000), "float16")
    problem = problems.attention_grad(q, q, q, None, q, q, (q, q, q), 1.0, False)
    with pytest.raises(cudnn.cudnnGraphNotSupportedError):
        planned(problem, properties)
