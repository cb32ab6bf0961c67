"""Products with epilogues by cuBLASLt: what is told to the library, on a strict stand-in for it and, where NVIDIA's wheel is
installed, on the library itself, whose descriptors need no GPU; what eager `linear` makes of it."""

from __future__ import annotations

import ctypes
import importlib
import importlib.util
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest

import taper
import taper.nn.functional as F
from taper.backends.cuda.cublaslt import DESCRIPTION, LAYOUT, PREFERENCE, Algorithm, Failure, Found, Library
from taper.backends.cuda.cublaslt_products import EPILOGUES, WORKSPACE, Described, Product
from taper.compiler.epilogues import Finished

from .gpus import gpus
from .standin.lt import Lt

DTYPES = {"float32": np.float32, "float16": np.float16, "bfloat16": ml_dtypes.bfloat16}


def product(epilogue="bias", dtype="float32", a_across=False, b_across=True, m=5, n=24, k=9, out=None) -> Product:
    leading = m if a_across else k, k if b_across else n
    return Product(m, n, k, a_across, b_across, *leading, dtype, out or dtype, epilogue)


def real() -> Library:
    """cuBLASLt of NVIDIA's wheel."""
    for package, name in (("nvidia.cublas", "libcublasLt.so.12"), ("nvidia.cu13", "libcublasLt.so.13")):
        try:
            spec = importlib.util.find_spec(package)
        except ModuleNotFoundError:
            continue
        for folder in spec.submodule_search_locations or () if spec else ():
            if (Path(folder) / "lib" / name).exists():
                return Library(ctypes.CDLL(str(Path(folder) / "lib" / name)))
    pytest.skip("needs nvidia-cublas-cu12, or nvidia-cublas")


LIBRARIES = {"stand-in": lambda: Library(Lt().loaded), "cuBLASLt": real}


# Descriptors.


def test_structures_have_the_sizes_of_the_header():
    assert ctypes.sizeof(Algorithm) == 64 and ctypes.sizeof(Found) == 96
    assert (Found.workspace.offset, Found.state.offset, Found.waves.offset) == (64, 72, 76)


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("epilogue", EPILOGUES)
def test_descriptors_say_what_was_told(library, epilogue):
    lt = LIBRARIES[library]()
    what = product(epilogue, "bfloat16", m=6, n=200, k=16)
    d = Described(lt, what, tf32=False)
    d.point(1 << 20, 1 << 21)
    told = {name: lt.get("MatmulDesc", d.operation, form) for name, form in DESCRIPTION.items()}
    leading = 0 if not what.keeps else 256 if "relu" in epilogue else 200
    assert told == {
        "scale_type": 0, "trans_a": 1, "trans_b": 0, "epilogue": EPILOGUES[epilogue], "bias": 1 << 20, "aux": 1 << 21,
        "aux_leading": leading,
    }  # fmt: skip
    # b lies as (n, k): in columns k by n. The result, (m, n), is n by m.
    for layout, rows, columns in ((d.first, 16, 200), (d.second, 16, 6), (d.out, 200, 6)):
        told = {name: lt.get("MatrixLayout", layout, form) for name, form in LAYOUT.items()}
        assert told == {"type": 14, "rows": rows, "columns": columns, "leading": rows}
    told = {name: lt.get("MatmulPreference", d.preference, form) for name, form in PREFERENCE.items()}
    assert told == {"workspace": WORKSPACE, "align_a": 16, "align_b": 16, "align_c": 16, "align_d": 16}
    d.close()


@pytest.mark.parametrize("library", LIBRARIES)
def test_refusals_are_errors_that_say_which_function(library):
    lt = LIBRARIES[library]()
    d = Described(lt, product(), tf32=True)
    with pytest.raises(Failure, match=r"cublasLtMatmulDescSetAttribute: .*\(7\)"):
        lt.set("MatmulDesc", d.operation, (DESCRIPTION["epilogue"][0], ctypes.c_uint64), 4)
    d.close()


def test_the_epilogues_are_the_headers_numbers():
    """cublasLt.h: RELU 2, AUX 128, BIAS 4, DRELU 8|128, BGRAD 16, GELU 32, DGELU 64|128, BGRADB 512."""
    assert EPILOGUES == {
        "bias": 4, "relu": 2, "gelu": 32, "relu_aux": 130, "gelu_aux": 160, "relu_bias": 6, "gelu_bias": 36,
        "relu_aux_bias": 134, "gelu_aux_bias": 164, "drelu": 136, "drelu_bgrad": 152, "dgelu": 192, "dgelu_bgrad": 208,
        "bgrada": 512,
    }  # fmt: skip


POSSIBLE = {
    "bias": (product(), True),
    "half in, float32 out": (product(dtype="bfloat16", out="float32"), True),
    "double": (product(dtype="float64"), False),
    "wider in than out": (product(dtype="float32", out="bfloat16"), False),
    "empty": (product(k=0), False),
    "gelu whose argument has odd rows": (product("gelu_aux_bias", n=12), False),
    "gelu that keeps nothing": (product("gelu_bias", n=12), True),
    "relu keeps bits in any case": (product("relu_aux_bias", n=13), True),
    "unheard of": (product("bias_tanh"), False),
}


@pytest.mark.parametrize("name", POSSIBLE)
def test_what_the_rules_allow(name):
    what, allowed = POSSIBLE[name]
    assert what.is_possible() == allowed


# Products.


@pytest.fixture
def lt(monkeypatch):
    """cuBLASLt's stand-in behind CuPy's."""
    with gpus("standin"):
        taper.zeros(1).cuda()
        state = Lt()
        # Of the modules that are imported anew with the stand-in.
        library = importlib.import_module("taper.backends.cuda.cublaslt").Library(state.loaded)
        plans = importlib.import_module("taper.backends.cuda.cublaslt_plans")
        monkeypatch.setattr(plans, "library", lambda: library)
        plans._kept.plans.clear()
        plans._kept.handles.clear()
        yield state


@pytest.mark.parametrize("across", [(False, True), (True, False)], ids=["rows", "columns"])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("epilogue", EPILOGUES)
def test_the_library_computes_what_the_routine_means(lt, epilogue, dtype, across):
    import cupy

    from taper.backends.cuda import cublaslt_plans

    what = product(epilogue, dtype, *across)
    routine = Finished(what)
    rng = np.random.default_rng(3)
    shapes = {"a": (9, 5) if across[0] else (5, 9), "b": (24, 9) if across[1] else (9, 24), "bias": (24,)}
    given = {n: rng.standard_normal(s).astype(DTYPES[dtype]) for n, s in shapes.items()}
    if epilogue.startswith("drelu"):
        kept = Finished(product("relu_aux_bias", dtype, *across))
        given["aux"] = dict(zip(kept.results, kept.evaluate(*(given[n] for n in kept.names))))["aux"]
        # The order of bits within a byte is the library's own affair.
        theirs = np.packbits(np.unpackbits(given["aux"], axis=1, bitorder="little"), axis=1)
    elif epilogue.startswith("dgelu"):
        given["aux"] = theirs = rng.standard_normal((5, 24)).astype(DTYPES[dtype])
    arrays = {n: cupy.array(given[n]) for n in routine.names}
    if "aux" in arrays:
        arrays["aux"] = cupy.array(theirs)
    results = {n: cupy.zeros(*routine.type_of(n)) for n in routine.results}
    at = {n: x.data.ptr for n, x in {**arrays, **results}.items()}
    plan = cublaslt_plans.plan(what)
    assert plan is not None
    plan.run(at["a"], at["b"], at["out"], at.get("bias", at.get("sums", 0)), at.get("aux", 0))
    assert lt.run == [EPILOGUES[epilogue]]
    expected = dict(zip(routine.results, routine.evaluate(*(given[n] for n in routine.names))))
    tolerance = 2e-6 if dtype == "float32" else 2e-2
    for name in ("out", "sums"):
        if name in results:
            found = results[name].get().astype(np.float64)
            np.testing.assert_allclose(found, expected[name].astype(np.float64), rtol=tolerance, atol=tolerance)
    if "aux" in results:
        found = results["aux"].get()
        if "relu" in epilogue:
            found = np.packbits(np.unpackbits(found, axis=1), axis=1, bitorder="little")
        np.testing.assert_allclose(found.astype(float), expected["aux"].astype(float), rtol=tolerance, atol=tolerance)


def test_a_product_is_planned_once(lt):
    from taper.backends.cuda import cublaslt_plans

    assert cublaslt_plans.plan(product()) is cublaslt_plans.plan(product())
    assert lt.asked == [4]
    lt.has_none = lambda epilogue: True
    assert [cublaslt_plans.plan(product("relu_bias")) for _ in range(2)] == [None, None] and lt.asked == [4, 6]
    assert sum(kind == "MatmulDesc" for kind, _ in lt.held.values()) == 1, "descriptors of what is not planned are kept"


# Eager linear.

LINEAR = {
    "rows": ((4, 9), lambda x: x),
    "no rows": ((9,), lambda x: x),
    "stacks": ((2, 3, 9), lambda x: x),
    "transposed": ((9, 4), lambda x: x.T),
    "with gaps": ((4, 18), lambda x: x[:, ::2]),
    "empty": ((0, 9), lambda x: x),
}
BY_LT = {"rows", "stacks", "transposed"}


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float64"])
@pytest.mark.parametrize("name", LINEAR)
def test_linear_adds_its_bias_in_the_product(lt, name, dtype):
    shape, view = LINEAR[name]
    kind = getattr(taper, dtype)
    taper.manual_seed(0)
    x, w, b = taper.randn(shape).to(kind), taper.randn(7, 9).to(kind), taper.randn(7).to(kind)
    expected = F.linear(view(x).double(), w.double(), b.double())
    found = F.linear(view(x.cuda()), w.cuda(), b.cuda())
    assert found.dtype == kind
    assert lt.run == ([4] if name in BY_LT and dtype != "float64" else [])
    np.testing.assert_allclose(found.cpu().double(), expected, **dict(rtol=2e-2, atol=2e-2) if dtype == "bfloat16" else dict(rtol=1e-5, atol=1e-6))  # fmt: skip


def test_linear_without_a_kernel_is_a_product_and_a_sum(lt):
    x, w, b = taper.randn(4, 9), taper.randn(7, 9), taper.randn(7)
    lt.has_none = lambda epilogue: True
    found = F.linear(x.cuda(), w.cuda(), b.cuda())
    assert not lt.run
    np.testing.assert_allclose(found.cpu(), F.linear(x, w, b), rtol=1e-5, atol=1e-6)


@pytest.mark.gpu
@pytest.mark.skipif(not taper.cuda.device_count(), reason="needs a GPU with CuPy")
@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
@pytest.mark.parametrize("epilogue", EPILOGUES)
def test_a_gpu_computes_what_the_routine_means(epilogue, dtype):
    """On a device: which epilogues have kernels, and that they give the routine's numbers."""
    import cupy

    taper.zeros(1).cuda()
    from taper.backends.cuda import cublaslt, cublaslt_plans

    assert cublaslt.library() is not None, "CuPy has cuBLAS, but no cuBLASLt was found beside it"
    what = product(epilogue, dtype, m=64, n=128, k=32)
    plan = cublaslt_plans.plan(what)
    if plan is None:
        pytest.skip(f"this cuBLASLt has no kernel for {epilogue} of {dtype}")
    routine, rng = Finished(what), np.random.default_rng(0)
    if epilogue.startswith("drelu"):
        pytest.skip("its bits are the library's own: tested with those of relu_aux in compiled steps")
    shapes = {"a": (64, 32), "b": (128, 32), "bias": (128,), "aux": what.aux_shape}
    given = {n: rng.standard_normal(shapes[n]).astype(DTYPES[dtype]) for n in routine.names}
    arrays = {n: cupy.array(x) for n, x in given.items()}
    results = {n: cupy.zeros(*routine.type_of(n)) for n in routine.results}
    at = {n: x.data.ptr for n, x in {**arrays, **results}.items()}
    plan.run(at["a"], at["b"], at["out"], at.get("bias", at.get("sums", 0)), at.get("aux", 0))
    expected = dict(zip(routine.results, routine.evaluate(*given.values())))
    tolerance = 1e-4 if dtype == "float32" else 5e-2
    for name in ("out", "sums"):
        if name in results:
            np.testing.assert_allclose(
                results[name].get().astype(float), expected[name].astype(float), rtol=tolerance, atol=tolerance * 5
            )
