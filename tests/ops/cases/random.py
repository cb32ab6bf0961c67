"""Random draws: the same numbers as PyTorch's for a seed, and gradients of zero."""

from __future__ import annotations

from ..case import Case, Error, real

P, MEAN = real(3, 4, low=0.05, high=0.95), real(3, 4)


def seeded(draw):
    """The draw, from a seed."""

    def call(T, *inputs):
        T.manual_seed(7)
        return draw(T, *inputs)

    return call


CASES = [
    Case("bernoulli", seeded(lambda T, p: T.bernoulli(p)), (P,), smooth=False, strides=False),
    Case("poisson", seeded(lambda T, p: T.poisson(p * 5)), (P,), smooth=False, strides=False),
    Case(
        "normal.parameters",
        seeded(
            lambda T, m, s: (T.normal(m, s), T.normal(m, 2.0), T.normal(1.5, s), T.normal(m, s[0]), T.normal(m[:1], s))
        ),
        (MEAN, P),
        ops=("normal_by_mean", "normal_by_deviation", "normal_by_both"),
        smooth=False,
        strides=False,
    ),
    Error("bernoulli.complex", lambda T, p: T.bernoulli(p + 0j), NotImplementedError, "bernoulli", (P,)),
    Error("bernoulli.out", lambda T, p: T.bernoulli(p, out=p[0, :1].expand(3, 4)), RuntimeError, "single memory", (P,)),
    Error(
        "multinomial.out",
        lambda T, p: T.multinomial(p, 2, out=T.empty(3, 2)),
        RuntimeError,
        "expects Long tensor out",
        (P,),
    ),
    Error("randint_like.complex", lambda T, p: T.randint_like(p + 0j, 3), RuntimeError, "check_random_bounds", (P,)),
    Error("geometric.complex", lambda T, p: (p + 0j).geometric_(0.5), NotImplementedError, "geometric", (P,)),
]
