"""Every row of the operator tables on a GPU: values, gradients and errors are the CPU's, which the tables compare with
their oracles."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import taper

from ..ops.test_cases import ERRORS, _derivatives, each_case, outputs, same, tensors, values
from .gpus import PLACES, gpus


@pytest.fixture(scope="module", params=PLACES)
def gpu(request):
    with gpus(request.param):
        yield


DRAWN = {"bernoulli", "poisson", "normal_by_mean", "normal_by_deviation", "normal_by_both"}


LEAVES = "to_device"


class OnGPU:
    """Taper as the tables call it, with everything that is made made on a GPU."""

    def __getattr__(self, name):
        return getattr(taper, name)

    @staticmethod
    def from_numpy(array):
        return taper.from_numpy(array).cuda()


def on_gpu(case, run):
    with taper.device("cuda"):
        return run(case, OnGPU())


def value(case, dtype):
    return lambda case, T: outputs(case, T, tensors(T, case.inputs, dtype))


@each_case
def test_value_is_the_cpus(case, gpu):
    if case.name == LEAVES:
        pytest.skip("its result is the CPU's")
    for dtype in case.dtypes:
        expected = outputs(case, taper, tensors(taper, case.inputs, dtype))
        found = on_gpu(case, value(case, dtype))
        for f in found:
            assert not isinstance(f, taper.Tensor) or f.is_cuda or f.ndim == 0, (
                f"{case.name}: a result is on {f.device}"
            )
        if DRAWN & set(case.exercises):  # a GPU's numbers are its own; test_philox.py looks at them
            assert [(f.dtype, f.shape) for f in found] == [(e.dtype, e.shape) for e in expected]
        else:
            same(case, dtype, found, expected)


@each_case
def test_gradients_are_the_cpus(case, gpu):
    if not case.grad or case.name == LEAVES:
        pytest.skip("not differentiable, or not on the GPU")
    expected = list(_derivatives(case, taper))
    found = on_gpu(case, lambda case, T: list(_derivatives(case, T)))
    for order, (f, e) in enumerate(zip(found, expected), start=1):
        for i, (a, b) in enumerate(zip(f, e)):
            assert (a is None) == (b is None)
            if a is not None:
                assert a.is_cuda
                np.testing.assert_allclose(
                    values(a), values(b), rtol=case.slope_rtol, atol=1e-9, err_msg=f"derivative {order} of input {i}"
                )


HALF_IS_REFUSED_ON_THE_CPU = {
    f"refused.{name}"
    for name in (
        *("cdist", "pdist", "polar", "histogram", "histogramdd", "rrelu.half", "avg_pool3d", "multi_margin_loss"),
        "ctc_loss",
    )
}
"""Rows of half precision for which PyTorch has kernels on GPUs alone."""


@pytest.mark.parametrize("row", [e for e in ERRORS if e.name not in HALF_IS_REFUSED_ON_THE_CPU], ids=lambda e: e.name)
def test_error_is_the_cpus(row, gpu):
    with taper.device("cuda"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(Exception, match=row.words or None) as caught:
            row.call(OnGPU(), *tensors(OnGPU(), row.inputs))
    assert caught.type is row.error, f"{row.name}: {caught.type.__name__}, expected {row.error.__name__}"
