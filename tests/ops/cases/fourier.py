"""Discrete Fourier transforms."""

from __future__ import annotations

import numpy as np

from ..case import Case, Error, integers, real

X, Y, ODD = real(3, 4), real(3, 4, seed="imaginary"), real(2, 3, 5)
NORMS = (None, "backward", "ortho", "forward")
TOLERANCE = dict(rtol=1e-4, atol=1e-5)


def complex_case(name: str, norm):
    """The four ways of calling a transform of complex numbers."""

    def call(T, x, y):
        f, z = getattr(T.fft, name), T.complex(x, y)
        return f(z, norm=norm), f(z, n=6, norm=norm), f(z, 3, 0, norm), f(z, n=1, dim=1, norm=norm)

    return Case(
        f"fft.{name}.{norm}", call, (X, Y), ops=("fft_c2c" if name in ("fft", "ifft") else "fft_c2r",), **TOLERANCE
    )


def real_case(name: str, norm):
    """The same of a transform that takes real numbers."""

    def call(T, x, odd):
        f = getattr(T.fft, name)
        return f(x, norm=norm), f(odd, norm=norm), f(x, n=7, norm=norm), f(odd, 2, 1, norm), f(x, n=1, norm=norm)

    return Case(f"fft.{name}.{norm}", call, (X, ODD), ops=("fft_r2c",), **TOLERANCE)


def several_case(name: str, norm, takes_real: bool):
    """A transform over several dimensions."""
    two = name.endswith("2")

    def call(T, x, y, odd):
        f = getattr(T.fft, name)
        z = x if takes_real else T.complex(x, y)
        results = [
            f(z, norm=norm),
            f(z, s=(2, 6), norm=norm),
            f(odd, dim=(0, 2), norm=norm),
            f(odd, (-1, 4), (2, 1), norm),
        ]
        return (*results, f(odd, norm=norm)) if two else (*results, f(odd, norm=norm), f(odd, s=(4,), norm=norm))

    kind = "fft_r2c" if "r" in name and takes_real else "fft_c2c"
    return Case(f"fft.{name}.{norm}", call, (X, Y, ODD), ops=(kind,), **TOLERANCE)


CASES = [
    *[complex_case(name, norm) for name in ("fft", "ifft", "irfft", "hfft") for norm in NORMS],
    *[real_case(name, norm) for name in ("rfft", "ihfft") for norm in NORMS],
    *[
        several_case(f"{name}{n}", norm, False)
        for name in ("fft", "ifft", "irfft", "hfft")
        for n in "2n"
        for norm in NORMS
    ],
    *[several_case(f"{name}{n}", norm, True) for name in ("rfft", "ihfft") for n in "2n" for norm in NORMS],
    Case(
        "fft.of_real",
        lambda T, x: (T.fft.fft(x), T.fft.ifft(x, 5), T.fft.irfft(x), T.fft.fftn(x)),
        (X,),
        ops=("fft_c2c",),
        **TOLERANCE,
    ),
    Case(
        "fft.of_integers",
        lambda T, i: (T.fft.fft(i), T.fft.rfft(i), T.fft.irfft(i), T.fft.fft2(i)),
        (integers(3, 4),),
        ops=("fft_c2c",),
        dtypes=("float32",),
        grad=False,
        **TOLERANCE,
    ),
    Case("fft.no_dims", lambda T, x: T.fft.fftn(x), (real(),), ops=("fft_c2c",)),
    Case(
        "fft.against_numpy",
        lambda T, x: (T.fft.rfft(x), T.fft.irfft(T.fft.rfft(x), 4)),
        (X,),
        ops=("fft_r2c", "fft_c2r"),
        numpy=lambda x: (np.fft.rfft(x), x),
        **TOLERANCE,
    ),
    Case(
        "fft.convolution",
        lambda T, x, k: T.fft.irfft(T.fft.rfft(x, 9) * T.fft.rfft(k, 9), 9),
        (real(5), real(5, seed="k")),
        ops=("fft_r2c", "fft_c2r"),
        oracle=False,
        numpy=lambda x, k: np.convolve(x, k),
        **TOLERANCE,
    ),
    Case(
        "fft.shift",
        lambda T, x: (T.fft.fftshift(x), T.fft.ifftshift(x), T.fft.fftshift(x, dim=0), T.fft.ifftshift(x, dim=(0, 2))),
        (ODD,),
        ops=("roll",),
    ),
    Case(
        "fft.frequencies",
        lambda T: (
            T.fft.fftfreq(5),
            T.fft.fftfreq(4, 0.5),
            T.fft.rfftfreq(5),
            T.fft.rfftfreq(4, 0.1, dtype=T.float64),
            T.fft.fftfreq(1),
        ),
        (),
        ops=("fft_c2c",),
        grad=False,
    ),
    *[
        Case(
            f"stft.{n}.{hop}.{center}.{onesided}.{mode}",
            lambda T, x, w, n=n, hop=hop, center=center, onesided=onesided, mode=mode: (
                T.stft(x, n, hop, window=w[:n], center=center, pad_mode=mode, onesided=onesided, return_complex=True),
                T.stft(x[0], n, hop, n - 2, w[: n - 2], center, mode, True, onesided, False),
            ),
            (real(2, 20), real(8, low=0.5, high=1.0)),
            ops=("fft_r2c", "fft_c2c"),
            **TOLERANCE,
        )
        for n, hop, center, onesided, mode in (
            (8, None, True, None, "reflect"),
            (7, 3, True, False, "constant"),
            (8, 2, False, True, "reflect"),
        )
    ],
    *[
        Case(
            f"istft.{n}.{hop}.{onesided}.{length}",
            lambda T, x, y, w, n=n, hop=hop, onesided=onesided, length=length: (
                T.istft(T.complex(x, y), n, hop, window=w[:n], onesided=onesided, length=length),
                T.istft(
                    T.complex(x, y)[0], n, hop, n - 2, w[: n - 2], normalized=True, onesided=onesided, length=length
                ),
            ),
            (real(2, rows, 5), real(2, rows, 5, seed="i"), real(8, low=0.5, high=1.0)),
            ops=("fft_c2r", "add_windows"),
            **TOLERANCE,
        )
        for n, hop, onesided, length, rows in ((8, 2, True, None, 5), (7, 3, True, 9, 4), (8, 2, False, None, 8))
    ],
    Error(
        "stft.return_complex", lambda T, x: T.stft(x, 4), RuntimeError, "requires the return_complex parameter", (X,)
    ),
    Error(
        "stft.points",
        lambda T, x, w: T.stft(x, 8, window=w, center=False, return_complex=True),
        RuntimeError,
        "expected 0 < n_fft",
        (X, real(8)),
    ),
    Error(
        "stft.window",
        lambda T, x: T.stft(x, 4, window=T.ones(3), return_complex=True),
        RuntimeError,
        "expected a 1D window",
        (X,),
    ),
    Error(
        "stft.reflect",
        lambda T, x, w: T.stft(x, 8, window=w, return_complex=True),
        RuntimeError,
        "Padding size should be less",
        (X, real(8)),
    ),
    Error("istft.real", lambda T, x: T.istft(x, 4), RuntimeError, "complex-valued input", (X,)),
    Error(
        "istft.rows", lambda T, x: T.istft(T.complex(x, x), 8), RuntimeError, "expected the frequency dimension", (X,)
    ),
    Error("fft.norm", lambda T, x: T.fft.fft(x, norm="unit"), RuntimeError, "Invalid normalization mode", (X,)),
    Error(
        "fft.points", lambda T, x: T.fft.fft(x, 0), RuntimeError, "Invalid number of data points .0. specified", (X,)
    ),
    Error("fft.one_value", lambda T, x: T.fft.irfft(x[:, :1]), RuntimeError, "Invalid number of data points", (X,)),
    Error("fft.dim", lambda T, x: T.fft.fft(x, dim=2), IndexError, "out of range", (X,)),
    Error("fft.zero_dim", lambda T, x: T.fft.fft(x), IndexError, "tensor has no dimensions", (real(),)),
    Error(
        "fft.complex",
        lambda T, x: T.fft.rfft(T.complex(x, x)),
        RuntimeError,
        "expects a real input tensor, but got Complex",
        (X,),
    ),
    Error("fft.twice", lambda T, x: T.fft.fftn(x, dim=(0, 0)), RuntimeError, "must be unique", (X,)),
    Error("fft.sizes", lambda T, x: T.fft.fftn(x, s=(2,), dim=(0, 1)), RuntimeError, "must have the same length", (X,)),
    Error("fft.many_sizes", lambda T, x: T.fft.fftn(x, s=(2, 2, 2)), RuntimeError, "only has 2 dimensions", (X,)),
    Error("fft.nothing", lambda T, x: T.fft.rfftn(x), RuntimeError, "at least one axis", (real(),)),
    Error("fft.half", lambda T, x: T.fft.fft(x.half()), RuntimeError, "Unsupported dtype Half", (X,)),
    Error("fft.number", lambda T: T.fft.fft(3), TypeError, "must be Tensor, not int"),
    Error(
        "fft.frequency_type", lambda T: T.fft.fftfreq(4, dtype=T.int64), RuntimeError, "floating point or complex dtype"
    ),
]
