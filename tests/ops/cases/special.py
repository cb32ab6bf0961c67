"""Special functions and activations."""

from __future__ import annotations

import numpy as np

from ..case import FLOATS, HALVES, Case, Error, booleans, distinct, integers, real

X, AWAY, POSITIVE, UNIT = (
    real(3, 4),
    distinct(3, 4) * 8 + 0.01,
    real(3, 4, low=0.2, high=4),
    real(3, 4, low=-0.9, high=0.9),
)
WIDE = np.concatenate(
    [real(30, low=-25, high=25), real(30, low=-3, high=3), [0.0, -0.0, np.inf, -np.inf, np.nan, 110.0]]
)
F = lambda name: lambda T, x: getattr(T.nn.functional, name)(x)
S = lambda name: lambda T, x: getattr(T.special, name)(x)
ALL = (*FLOATS, *HALVES)
KINKED = ("elu", "celu", "selu", "hardswish", "relu", "hardtanh", "relu6", "hardshrink", "softshrink")

CASES = [
    *[
        Case(n, S(n), (X,), rtol=2e-5)
        for n in ("erf", "erfc", "erfcx", "ndtr", "log_ndtr", "i0", "i0e", "i1", "i1e", "sinc")
    ],
    Case("erfinv", S("erfinv"), (UNIT,), rtol=2e-5),
    Case("ndtri", S("ndtri"), (real(3, 4, low=0.1, high=0.9),), rtol=2e-5, smooth=False),
    Case("lgamma", lambda T, x: T.lgamma(x), (POSITIVE,), rtol=2e-5),
    Case("gammainc", lambda T, x: T.special.gammainc(T.full_like(x, 1.7).detach(), x), (POSITIVE,), rtol=2e-5),
    Case("gammaincc", lambda T, x: T.igammac(T.full_like(x, 0.4).detach(), x), (POSITIVE,), rtol=2e-5),
    Case("digamma", lambda T, x: T.digamma(x), (POSITIVE,), rtol=2e-5),
    Case("polygamma", lambda T, x: T.polygamma(2, x), (POSITIVE,), rtol=2e-5),
    Case("zeta", lambda T, x: T.special.zeta(2.5 + 0 * x.detach(), x), (POSITIVE,), rtol=2e-5),
    *[
        # Float32 only: in float64 too PyTorch's own are good for seven digits.
        Case(
            n,
            lambda T, x, n=n: getattr(T.special, n)(x),
            (WIDE,),
            dtypes=("float32",),
            rtol=3e-4,
            atol=2e-6,
            grad=False,
        )
        for n in (
            *(
                "airy_ai",
                "bessel_j0",
                "bessel_j1",
                "bessel_y0",
                "bessel_y1",
                "modified_bessel_i0",
                "modified_bessel_i1",
            ),
            *("modified_bessel_k0", "modified_bessel_k1", "scaled_modified_bessel_k0", "scaled_modified_bessel_k1"),
            "spherical_bessel_j0",
        )
    ],
    *[
        Case(
            f"{family}_polynomial_{kind}",
            lambda T, x, name=f"{family}_polynomial_{kind}": [
                getattr(T.special, name)(*each)
                for each in ((x, 3), (x, T.tensor([-2, 0, 1, 7.9], dtype=x.dtype)), (0.3, x.abs()), (x.long(), 2))
            ],
            (real(3, 4),),
            rtol=3e-5,
            grad=False,
        )
        for family, kinds in (
            *(("chebyshev", "tuvw"), ("shifted_chebyshev", "tuvw")),
            *(("hermite", ("h", "he")), ("laguerre", "l"), ("legendre", "p")),
        )
        for kind in kinds
    ],
    Case("entr", S("entr"), (POSITIVE,)),
    Case("entr.odd", S("entr"), (np.array([0.0, -1.0, np.nan, np.inf]),), smooth=False, second=False),
    Case(
        "sinc.tiny",
        lambda T, x: T.sinc(x),
        (np.array([0.0, 1e-300, -1e-200, 1e-160, 0.5]),),
        second=False,
        smooth=False,
    ),
    Case("sinc.complex", lambda T, x, y: T.view_as_real(T.sinc(T.complex(x, y))), (X, POSITIVE)),
    Case("log_ndtr.tails", S("log_ndtr"), (np.array([-40.0, -6.0, -0.0, 6.0, 40.0]),), smooth=False),
    Case("log_ndtr.far out", S("log_ndtr"), (np.array([-2000.0, -300.0, 300.0]),), smooth=False, second=False),
    Case("xlog1py.numbers", lambda T, x: (T.special.xlog1py(x, 2.5), T.special.xlog1py(2.5, x)), (POSITIVE,)),
    Case(
        "xlog1py.ints", lambda T, i: (T.special.xlog1py(i, 2), T.special.xlog1py(2, i + 9)), (integers(9),), grad=False
    ),
    Case("xlog1py", lambda T, x, y: T.special.xlog1py(x, y), (X, POSITIVE)),
    Case("mvlgamma", lambda T, x: T.mvlgamma(x + 3, 2), (POSITIVE,), ops=("lgamma",), rtol=2e-5),
    Case("relu", F("relu"), (AWAY,), dtypes=(*ALL, "int64")),
    Case("relu.many", F("relu"), (distinct(50, 100),), dtypes=ALL),
    Case("leaky_relu", lambda T, x: T.nn.functional.leaky_relu(x, 0.2), (AWAY,), dtypes=ALL),
    Case("elu", lambda T, x: T.nn.functional.elu(x, 1.3), (AWAY,), dtypes=ALL),
    Case("celu", lambda T, x: T.nn.functional.celu(x, 1.3), (AWAY,), slope_rtol=1e-6),
    Case("selu", F("selu"), (AWAY,)),
    Case("gelu", F("gelu"), (X,), dtypes=ALL),
    Case("gelu_tanh", lambda T, x: T.nn.functional.gelu(x, approximate="tanh"), (X,)),
    Case("silu", F("silu"), (X,), dtypes=ALL),
    Case("mish", F("mish"), (X,)),
    Case("softplus", lambda T, x: T.nn.functional.softplus(x, 2.0, 3.0), (X,)),
    Case("logsigmoid", F("logsigmoid"), (X,)),
    Case("softsign", F("softsign"), (AWAY,)),
    Case("hardtanh", F("hardtanh"), (AWAY,)),
    Case("hardtanh.ints", lambda T, i: T.nn.functional.hardtanh(i, 1, 3.7), (integers(9),), grad=False),
    Case(
        "elu.kink",
        lambda T, x: [getattr(T.nn.functional, n)(x) for n in KINKED],
        # Many: PyTorch treats NaN another way in what is left over after its vectors.
        (np.tile([0.0, -0.0, np.nan, np.inf, -np.inf, -3.0, 3.0], 32),),
        smooth=False,
        ops=("elu", "celu", "selu", "hardswish", "relu", "hardtanh", "hardshrink", "softshrink"),
    ),
    Case("hardsigmoid", F("hardsigmoid"), (AWAY,), slope_rtol=1e-6, second=False),
    Case("hardswish", F("hardswish"), (AWAY,)),
    Case("hardshrink", F("hardshrink"), (AWAY,)),
    Case("softshrink", F("softshrink"), (AWAY,)),
    Case("tanhshrink", F("tanhshrink"), (X,), ops=("tanh",)),
    Case("threshold", lambda T, x: T.nn.functional.threshold(x, 0.11, 20.0), (AWAY,)),
    Case("logit", lambda T, x: T.logit(x), (real(3, 4, low=0.1, high=0.9),)),
    Case("logit.eps", lambda T, x: T.logit(x, eps=0.1), (real(3, 4, low=-0.2, high=1.2),), smooth=False),
    Case("softmax", lambda T, x: T.softmax(x, 1), (X,), dtypes=ALL),
    Case("softmax.first", lambda T, x: x.softmax(0), (X,)),
    Case("softmax.large", lambda T, x: T.softmax(1000 * x, -1), (X,), smooth=False),
    Case("softmax.zero_dim", lambda T, x: x.softmax(0), (real(),), second=False),
    Case("softmax.empty", lambda T, x: x.softmax(1), (real(0, 4),), grad=False),
    Case("log_softmax", lambda T, x: T.log_softmax(x, 1), (X,), dtypes=ALL),
    Case("softmin", lambda T, x: T.nn.functional.softmin(x, dim=1), (X,), ops=("softmax",)),
    Case("glu", lambda T, x: T.nn.functional.glu(x, 1), (X,), ops=("split", "sigmoid")),
    Case("prelu", lambda T, x, w: T.nn.functional.prelu(x, w), (distinct(2, 3, 4), real(3)), dtypes=ALL),
    Case("prelu.one", lambda T, x, w: T.prelu(x, w), (distinct(2, 3, 4), real(1))),
    Case("relu6", F("relu6"), (AWAY,), ops=("hardtanh",)),
    Error(
        "softmax.ints", lambda T, i: T.softmax(i, 0), NotImplementedError, "not implemented for 'Long'", (integers(3),)
    ),
    Error("softmax.dim", lambda T, x: T.softmax(x, 2), IndexError, "Dimension out of range", (X,)),
    Case("softsign.complex", lambda T, x, y: T.view_as_real(F("softsign")(T, T.complex(x, y))), (X, POSITIVE)),
    Error("prelu.zero_dim", lambda T, x, w: T.prelu(x, w), RuntimeError, "zero-dim", (real(), real(2))),
    Error("prelu.dtypes", lambda T, x: T.prelu(x, x[:1, 0].float()), RuntimeError, "promoting", (X,)),
    Error("prelu.ints", lambda T, i: T.prelu(i, i[:1]), NotImplementedError, "prelu", (integers(3),)),
    Error("glu.ints", F("glu"), NotImplementedError, "glu", (integers(4),)),
    Error("mvlgamma.bool", lambda T, b: T.mvlgamma(b, 1), RuntimeError, "boolean", (booleans(3),)),
    Error("log_softmax.complex", lambda T, x: T.complex(x, x).log_softmax(0), NotImplementedError, "softmax", (X,)),
    Error("relu.bool", F("relu"), RuntimeError, "Boolean inputs", (booleans(3),)),
    Error("relu.complex", lambda T, x: T.relu(T.complex(x, x)), NotImplementedError, "relu", (X,)),
    Error("hardtanh.bool", F("hardtanh"), RuntimeError, "Bool inputs", (booleans(3),)),
    Error("hardtanh.unsigned", lambda T, i: F("hardtanh")(T, i.byte()), RuntimeError, "unsigned", (integers(3),)),
    *[
        Error(f"{name}.ints", F(name), NotImplementedError, "not implemented for 'Long'", (integers(3),))
        for name in ("gelu", "silu", "elu", "mish", "softplus", "leaky_relu", "hardshrink", "hardswish", "logsigmoid")
    ],
    Error("erf.complex", lambda T, x: T.erf(T.complex(x, x)), NotImplementedError, "ComplexDouble", (X,)),
    Error("softsign.bool", F("softsign"), NotImplementedError, "Bool", (booleans(3),)),
    Error("polygamma.float", lambda T, x: T.polygamma(1.5, x), TypeError, "must be int", (X,)),
    Error("igamma.number", lambda T, x: T.igamma(x, 2), TypeError, "must be Tensor", (X,)),
    Error("igamma.ints", lambda T, i: T.igamma(i, i), NotImplementedError, "Long", (integers(3),)),
    Error("glu.odd", lambda T, x: T.nn.functional.glu(x), RuntimeError, "must be even", (real(3),)),
    Error("softshrink.negative", lambda T, x: T.nn.functional.softshrink(x, -1), RuntimeError, "lambda", (real(3),)),
]
