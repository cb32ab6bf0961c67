"""dtypes that functions refuse on the CPU, and those of `out=`, of tensors written into, and of numbers."""

from __future__ import annotations

from ..case import Error, real

V = real(6, low=0.1)
PICTURES, FILTERS = real(1, 2, 6), real(2, 2, 3)

HALF = "not implemented for 'Half'"
BRAIN = "not implemented for 'BFloat16'"

SPECIAL = (
    *("erfcx", "ndtri", "log_ndtr", "airy_ai", "bessel_j0", "bessel_j1", "bessel_y0", "bessel_y1"),
    *("modified_bessel_i0", "modified_bessel_i1", "modified_bessel_k0", "modified_bessel_k1"),
    *("scaled_modified_bessel_k0", "scaled_modified_bessel_k1", "spherical_bessel_j0"),
)
OF_DEGREE = (
    "zeta",
    *(f"{kind}chebyshev_polynomial_{letter}" for kind in ("", "shifted_") for letter in "tuvw"),
    *("hermite_polynomial_h", "hermite_polynomial_he", "laguerre_polynomial_l", "legendre_polynomial_p"),
)

REFUSED = [
    *((f"special.{name}", lambda T, v, name=name: getattr(T.special, name)(v.half()), HALF) for name in SPECIAL),
    *(
        (f"special.{name}", lambda T, v, name=name: getattr(T.special, name)(v.bfloat16(), v.bfloat16()), BRAIN)
        for name in OF_DEGREE
    ),
    ("cdist", lambda T, v: T.cdist(v.half()[None], v.half()[None], p=1.0), HALF),
    ("pdist", lambda T, v: T.nn.functional.pdist(v.bfloat16()[:, None]), BRAIN),
    ("polar", lambda T, v: T.polar(v.half(), v.half()), HALF),
    ("histogram", lambda T, v: T.histogram(v.half(), 2), HALF),
    ("histogramdd", lambda T, v: T.histogramdd(v.bfloat16()[:, None], [2]), BRAIN),
    ("bucketize", lambda T, v: T.bucketize(v > 0, v > 0), "not implemented for 'Bool'"),
    ("round", lambda T, v: T.round(v.long(), decimals=0), "round_vml_cpu"),
    ("rrelu.int", lambda T, v: T.nn.functional.rrelu(v.long(), training=True), "rrelu_with_noise"),
    ("rrelu.half", lambda T, v: T.nn.functional.rrelu(v.half(), training=True), HALF),
    ("avg_pool3d", lambda T, v: T.nn.functional.avg_pool3d(v.half().reshape(1, 1, 1, 2, 3), 1), HALF),
    ("multi_margin_loss", lambda T, v: T.nn.functional.multi_margin_loss(v.half(), T.tensor(0)), HALF),
    ("ctc_loss", lambda T, v: T.nn.functional.ctc_loss(v.half().reshape(3, 1, 2), T.tensor([[1]]), [3], [1]), HALF),
    ("geqrf", lambda T, v: T.geqrf(v.long().reshape(3, 2)), "geqrf_cpu"),
    ("cholesky_solve", lambda T, v: T.cholesky_solve(v[:1, None].long(), v[:1, None].long()), "cholesky_solve_cpu"),
    ("cumsum_", lambda T, v: (v > 0).cumsum_(0), "cumsum_out_cpu"),
    ("stft", lambda T, v: T.stft(v > 0, 2, return_complex=True), "reflection_pad1d"),
    ("normal.out", lambda T, v: T.normal(v, v, out=v.long()), "normal_kernel_cpu"),
]

OTHERWISE = [
    ("vander", lambda T, v: T.linalg.vander(v.half()), "got Half"),
    ("cumsum_.dtype", lambda T, v: v.double().cumsum_(0, dtype=T.float32), "Bad in-place call"),
    ("cumprod_.dtype", lambda T, v: v.double().cumprod_(0, dtype=T.float32), "Bad in-place call"),
    ("heaviside.out", lambda T, v: T.heaviside(v.float(), v.float(), out=v.double()), "different dtypes"),
    ("signbit.out", lambda T, v: T.signbit(v, out=v.long()), "non-boolean outputs"),
    ("lerp.out", lambda T, v: T.lerp(v.float(), v.float(), v.float(), out=v.double()), "expected Float"),
    ("matrix_power.out", lambda T, v: T.linalg.matrix_power(v[:1, None].float(), 2, out=v[:1, None].double()), "out"),
    ("inner.out", lambda T, v: T.inner(v.float(), v.float(), out=v[0].double()), "dtype"),
    ("randn.out", lambda T, v: T.randn(6, dtype=T.float32, out=v.double()), "does not match dtype of out"),
    ("full.unsigned", lambda T, v: T.full((2,), -0.5, dtype=T.uint8), "without overflow"),
    ("tensor.unsigned", lambda T, v: T.tensor([-8.4], dtype=T.uint8), "without overflow"),
    ("threshold.unsigned", lambda T, v: T.nn.functional.threshold(v.to(T.uint8), -0.7, 1), "without overflow"),
]

CASES = [
    *(Error(f"refused.{name}", call, NotImplementedError, words, (V,)) for name, call, words in REFUSED),
    *(Error(f"refused.{name}", call, RuntimeError, words, (V,)) for name, call, words in OTHERWISE),
    Error("refused.stack.out", lambda T, v: T.stack([v], out=v.long()[None]), TypeError, "can't be cast", (V,)),
    *(
        Error(
            f"refused.conv.{name}",
            lambda T, x, w, name=name, named=named: getattr(T.nn.functional, name)(x.int(), w.int(), **named),
            NotImplementedError,
            words,
            (PICTURES, FILTERS),
        )
        for name, named, words in (
            ("conv1d", {"dilation": 2}, "slow_conv_dilated<>"),
            ("conv_transpose1d", {}, "slow_conv_transpose2d"),
        )
    ),
]
