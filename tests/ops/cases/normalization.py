"""Normalisation."""

from __future__ import annotations

from ..case import FLOATS, HALVES, Case, Error, real

ALL = (*FLOATS, *HALVES)
W, B = real(3, low=0.5, high=2, seed="w"), real(3, seed="b")
MEAN, VAR = real(3, seed="mean"), real(3, low=0.5, high=2, seed="var")
IMAGES, MATRIX = real(4, 3, 2, 5), real(6, 3)
SMOOTH = {"rtol": 1e-4, "atol": 1e-5}


def F(name, *arguments, **options):
    return lambda T, x, *affine: getattr(T.nn.functional, name)(x, *arguments, *affine, **options)


def batch_norm(T, x, *affine):
    return T.nn.functional.batch_norm(x, None, None, *affine, training=True, eps=1e-3)


def tracked(T, x, *affine):
    """The result and the running statistics that it left."""
    mean, var = T.zeros(3, dtype=x.dtype), T.ones(3, dtype=x.dtype)
    return T.nn.functional.batch_norm(x, mean, var, *affine, training=True, momentum=0.3), mean, var


def evaluated(T, x, *affine):
    mean, var = (T.from_numpy(a.copy()).to(x.dtype) for a in (MEAN, VAR))
    return T.nn.functional.batch_norm(x, mean, var, *affine)


def instance_tracked(T, x, w, b):
    mean, var = T.zeros(3, dtype=x.dtype), T.ones(3, dtype=x.dtype)
    return T.nn.functional.instance_norm(x, mean, var, w, b, momentum=0.3), mean, var


CASES = [
    Case("batch_norm", batch_norm, (IMAGES, W, B), dtypes=(*FLOATS, "bfloat16"), **SMOOTH),
    Case("batch_norm.matrix", batch_norm, (MATRIX, W, B), **SMOOTH),
    Case("batch_norm.plain", batch_norm, (real(4, 3, 5),), **SMOOTH),
    Case("batch_norm.weight only", batch_norm, (IMAGES, W), **SMOOTH),
    Case("batch_norm.running", tracked, (IMAGES, W, B), **SMOOTH),
    Case("batch_norm.far from zero", tracked, (IMAGES + 300, W, B), rtol=2e-2, atol=2e-3, grad=False),
    Case("batch_norm_by", evaluated, (IMAGES, W, B), **SMOOTH),
    Case("batch_norm_by.matrix", evaluated, (MATRIX, W, B), **SMOOTH),
    Case("batch_norm_by.plain", evaluated, (IMAGES,), **SMOOTH),
    Case("instance_norm", F("instance_norm"), (IMAGES,), ops=("batch_norm",), **SMOOTH),
    Case("instance_norm.running", instance_tracked, (IMAGES, W, B), ops=("batch_norm",), **SMOOTH),
    Case(
        "layer_norm", F("layer_norm", (5,)), (real(3, 2, 5), real(5, seed="w"), real(5, seed="b")), dtypes=ALL, **SMOOTH
    ),
    Case("layer_norm.plain", F("layer_norm", (5,)), (real(3, 5),), **SMOOTH),
    Case(
        "layer_norm.two dimensions",
        F("layer_norm", (2, 5)),
        (real(3, 2, 5), real(2, 5, seed="w"), real(2, 5, seed="b")),
        **SMOOTH,
    ),
    Case("layer_norm.all dimensions", F("layer_norm", (5,)), (real(5), real(5, seed="w")), **SMOOTH),
    Case("rms_norm", F("rms_norm", (5,)), (real(3, 2, 5), real(5, seed="w")), dtypes=FLOATS, **SMOOTH),
    Case("rms_norm.plain", F("rms_norm", (2, 5), eps=0.1), (real(3, 2, 5),), **SMOOTH),
    Case(
        "group_norm",
        F("group_norm", 2),
        (real(3, 4, 5), real(4, seed="w"), real(4, seed="b")),
        ops=("layer_norm",),
        **SMOOTH,
    ),
    Case("group_norm.plain", F("group_norm", 3), (IMAGES,), ops=("layer_norm",), **SMOOTH),
    Case("local_response_norm", F("local_response_norm", 3, alpha=0.5), (real(2, 5, 4),), ops=("avg_pool",)),
    Case(
        "local_response_norm.images",
        F("local_response_norm", 2, alpha=0.5, k=2.0),
        (real(2, 5, 3, 2),),
        ops=("avg_pool",),
    ),
    Case("normalize", F("normalize"), (real(4, 3),), ops=("norm",)),
    Case("normalize.of one norm", F("normalize", p=1.0, dim=0), (real(4, 3, low=0.1),), ops=("norm",)),
    Error(
        "batch_norm without running_var",
        lambda T, x, m: T.nn.functional.batch_norm(x, m, None, training=True),
        ValueError,
        "running_mean and running_var must either both be None",
        (real(4, 3), W),
    ),
    Error(
        "batch_norm without running_mean in evaluation",
        lambda T, x, m: T.nn.functional.batch_norm(x, None, m),
        RuntimeError,
        "running_mean must be defined in evaluation mode",
        (real(4, 3), W),
    ),
    Error(
        "batch_norm of one value a channel",
        batch_norm,
        ValueError,
        "Expected more than 1 value per channel when training",
        (real(1, 3), W, B),
    ),
    Error(
        "batch_norm of other channels",
        evaluated,
        RuntimeError,
        "running_mean should contain 4 elements not 3",
        (real(2, 4),),
    ),
    Error(
        "batch_norm of another weight",
        batch_norm,
        RuntimeError,
        "weight should contain 4 elements not 3",
        (real(2, 4), W),
    ),
    Error(
        "instance_norm of one value",
        F("instance_norm"),
        ValueError,
        "Expected more than 1 spatial element",
        (real(2, 3, 1),),
    ),
    Error("layer_norm of no dimension", F("layer_norm", ()), RuntimeError, "at least 1-dimensional", (real(2, 5),)),
    Error("rms_norm of no dimension", F("rms_norm", ()), RuntimeError, "at least 1-dimensional", (real(2, 5),)),
    Error(
        "layer_norm of another shape",
        F("layer_norm", (4,)),
        RuntimeError,
        r"Given normalized_shape=\[4\], expected input with shape \[\*, 4\]",
        (real(2, 5),),
    ),
    Error("layer_norm of another weight", F("layer_norm", (5,)), RuntimeError, "weight", (real(2, 5), real(4))),
    Error("rms_norm of another shape", F("rms_norm", (4,)), RuntimeError, r"normalized_shape=\[4\]", (real(2, 5),)),
    Error("group_norm of uneven groups", F("group_norm", 2), RuntimeError, "divisible by num_groups", (real(2, 3, 4),)),
    Error(
        "local_response_norm of a matrix",
        F("local_response_norm", 2),
        ValueError,
        "Expected 3D or higher dimensionality",
        (real(2, 3),),
    ),
    *[
        Error(
            f"{name} of integers",
            lambda T, x, name=name, more=more: getattr(T.nn.functional, name)(x.long(), *more),
            NotImplementedError,
            "not implemented for 'Long'",
            (real(2, 4, 3),),
        )
        for name, more in (("layer_norm", ((3,),)), ("group_norm", (2,)), ("instance_norm", ()), ("rms_norm", ((3,),)))
    ],
    Error(
        "layer_norm with a weight of another dtype",
        lambda T, x, w: T.nn.functional.layer_norm(x, (3,), w.float()),
        RuntimeError,
        "expect parameter to have scalar type of Double",
        (real(2, 3), W),
    ),
    Case(
        "rms_norm.complex",
        lambda T, x, w: T.nn.functional.rms_norm(T.complex(x, x.flip(0)), (3,), T.complex(w, w), eps=0.5),
        (real(4, 3), real(3)),
        ops=("mul",),
    ),
    Case(
        "native_norms",
        lambda T, x, w: (
            *T.native_layer_norm(x, (4,), w, w, 1e-3),
            *T.native_group_norm(x, w, w, 2, 4, 4, 2, 1e-3),
            *T.native_batch_norm(x, w, w, None, None, True, 0.1, 1e-3),
            T.batch_norm(x, w, w, None, None, True, 0.1, 1e-3, False),
            T.instance_norm(x, w, w, None, None, True, 0.1, 1e-3, False),
            T.native_batch_norm(x, w, w, w, w * w, False, 0.1, 1e-3)[0],
        ),
        (real(2, 4, 4), real(4)),
        ops=("batch_norm", "layer_norm"),
        grad=False,
        rtol=1e-4,
        atol=1e-5,
    ),
    Case(
        "native_norms.gradients",
        lambda T, x, w: (
            T.native_layer_norm(x, (4,), w, w, 1e-3)[0],
            *T.native_group_norm(x, w, w, 2, 4, 4, 2, 1e-3),
        ),
        (real(2, 4, 4), real(4)),
        ops=("layer_norm",),
        second=False,
    ),
    Error(
        "native_group_norm.elements",
        lambda T, x, w: T.native_group_norm(x, w, w, 2, 4, 5, 2, 1e-3),
        RuntimeError,
        "Expected X.numel",
        (real(2, 4, 4), real(4)),
    ),
    Case(
        "native_batch_norm.out",
        lambda T, x, w: T.native_batch_norm(
            x,
            w,
            w,
            w + 0,
            w * w,
            True,
            0.1,
            1e-3,
            out=tuple(T.empty(s, dtype=x.dtype) for s in ((2, 4, 4), (4,), (4,))),
        ),
        (real(2, 4, 4), real(4)),
        ops=("batch_norm",),
        grad=False,
        rtol=1e-4,
        atol=1e-5,
    ),
]
