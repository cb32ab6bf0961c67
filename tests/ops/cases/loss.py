"""Losses: fused operators and compositions."""

from __future__ import annotations

import numpy as np

from ..case import FLOATS, HALVES, Case, Error, booleans, distinct, integers, real

X, Y, ROOMY = real(4, 3), real(4, 3, seed="target"), real(4, 3, 2)
APART = distinct(4, 3), distinct(4, 3, seed="target") * 1.01
UNIT, SHARE = real(4, 3, low=0.05, high=0.95), real(4, 3, low=0.05, high=0.95, seed="target")
CLASSES, WEIGHT = integers(4, high=3), real(3, low=0.2, high=2.0)
SOME = np.array([2, 1, 0, 1])
GRID = integers(4, 2, high=3)
SIGNS = np.where(booleans(4, seed="sign"), 1.0, -1.0)
MANY = real(5, 70)
ALL = (*FLOATS, *HALVES)


def loss(name, **options):
    """A call of a loss with options."""
    return lambda T, *tensors: getattr(T.nn.functional, name)(*tensors, **options)


def fixed(T, array, like):
    """An array as a tensor that is not differentiated."""
    return T.from_numpy(array.copy()).to(like.dtype)


def weighted(name, weight, **options):
    """A call of a loss with weights."""
    return lambda T, x, t: getattr(T.nn.functional, name)(x, t, weight=fixed(T, weight, x), **options)


def signed(name, *arguments):
    """A call of a loss whose last tensor is SIGNS."""
    return lambda T, *tensors: getattr(T.nn.functional, name)(*tensors, fixed(T, SIGNS, tensors[0]), *arguments)


def logits(weight=None, **options):
    """binary_cross_entropy_with_logits with weights of the positive part."""
    return lambda T, x, y: T.nn.functional.binary_cross_entropy_with_logits(
        x, y, None if weight is None else fixed(T, weight, x), pos_weight=fixed(T, WEIGHT, x), **options
    )


def every(name, call=loss, dtypes=FLOATS, inputs=(X, Y), **options):
    """The three reductions."""
    return [
        Case(f"{name}.{r}", call(name, reduction=r, **options), inputs, dtypes=dtypes) for r in ("mean", "sum", "none")
    ]


def ctc(T, x, targets, **options):
    return T.nn.functional.ctc_loss(x.log_softmax(-1), targets, **options)


LENGTHS = {"input_lengths": (6, 5, 6), "target_lengths": (2, 3, 0)}
CTC = real(6, 3, 4, seed="ctc"), np.array([[1, 2, 0], [3, 3, 1], [0, 0, 0]])

CASES = [
    *every("mse_loss", dtypes=ALL),
    Case("mse_loss.broadcast", loss("mse_loss"), (X, real(3))),
    Case("mse_loss.weight", weighted("mse_loss", UNIT), (X, Y), grad=True),
    *every("l1_loss", inputs=APART),
    *every("smooth_l1_loss", inputs=APART, beta=0.3),
    Case("smooth_l1_loss.beta 0", loss("smooth_l1_loss", beta=0.0), APART, ops=("l1_loss",)),
    *every("huber_loss", inputs=APART, delta=0.4),
    *every("binary_cross_entropy", inputs=(UNIT, SHARE)),
    Case(
        "binary_cross_entropy.certain",
        loss("binary_cross_entropy"),
        (np.array([0.0, 1.0, 1.0]), np.array([0.0, 1.0, 0.0])),
        grad=False,
    ),
    Case("binary_cross_entropy.weight", weighted("binary_cross_entropy", WEIGHT), (UNIT, SHARE)),
    *every("binary_cross_entropy_with_logits", dtypes=ALL, inputs=(X, SHARE)),
    Case(
        "binary_cross_entropy_with_logits.extreme",
        loss("binary_cross_entropy_with_logits", reduction="none"),
        (np.array([-1e4, 1e4, 0.0]), np.array([0.0, 0.5, 1.0])),
        smooth=False,
    ),
    Case("weighted_bce_with_logits", logits(), (X, SHARE)),
    Case("weighted_bce_with_logits.both", logits(UNIT, reduction="none"), (X, SHARE)),
    Case(
        "weighted_bce_with_logits.learned",
        lambda T, x, y, p: T.nn.functional.binary_cross_entropy_with_logits(x, y, pos_weight=p),
        (X, SHARE, WEIGHT),
        oracle=False,
    ),
    *every("cross_entropy", dtypes=ALL, inputs=(X, CLASSES)),
    *[
        Case(f"cross_entropy.weight {r}", weighted("cross_entropy", WEIGHT, reduction=r), (X, SOME))
        for r in ("mean", "sum", "none")
    ],
    *[
        Case(f"cross_entropy.ignored {r}", weighted("cross_entropy", WEIGHT, reduction=r, ignore_index=1), (X, SOME))
        for r in ("mean", "none")
    ],
    *[
        Case(f"cross_entropy.smooth {r}", loss("cross_entropy", reduction=r, label_smoothing=0.2), (X, SOME))
        for r in ("mean", "sum", "none")
    ],
    Case(
        "cross_entropy.all options", weighted("cross_entropy", WEIGHT, ignore_index=1, label_smoothing=0.3), (X, SOME)
    ),
    Case(
        "cross_entropy.all options none",
        weighted("cross_entropy", WEIGHT, ignore_index=1, label_smoothing=0.3, reduction="none"),
        (X, SOME),
    ),
    Case("cross_entropy.negative ignored", loss("cross_entropy"), (X, np.array([0, -100, 2, -100]))),
    Case("cross_entropy.grid", loss("cross_entropy"), (ROOMY, GRID)),
    Case(
        "cross_entropy.grid, all options",
        weighted("cross_entropy", WEIGHT, ignore_index=1, label_smoothing=0.3, reduction="none"),
        (ROOMY, GRID),
    ),
    Case("cross_entropy.image", loss("cross_entropy", ignore_index=2), (real(2, 3, 2, 4), integers(2, 2, 4, high=3))),
    Case("cross_entropy.many classes", loss("cross_entropy", label_smoothing=0.1), (MANY, integers(5, high=70))),
    Case("cross_entropy.one sample", loss("cross_entropy"), (real(3), np.array(2))),
    Case("cross_entropy.bytes", loss("cross_entropy"), (X, CLASSES.astype(np.uint8))),
    Case("cross_entropy.large scores", loss("cross_entropy", reduction="none"), (X * 1e4, CLASSES), smooth=False),
    Case("cross_entropy.no samples", loss("cross_entropy", reduction="sum"), (X[:0], CLASSES[:0]), smooth=False),
    Case("cross_entropy.all ignored", loss("cross_entropy"), (X, np.full(4, -100)), grad=False),
    Case("cross_entropy.probabilities", loss("cross_entropy", label_smoothing=0.1), (X, SHARE), ops=("log_softmax",)),
    Case(
        "cross_entropy.probabilities grid",
        weighted("cross_entropy", WEIGHT, reduction="none"),
        (ROOMY, real(4, 3, 2, low=0, high=1)),
        ops=("log_softmax",),
    ),
    Case(
        "cross_entropy.probabilities of one",
        loss("cross_entropy"),
        (real(3), real(3, low=0, high=1)),
        ops=("log_softmax",),
    ),
    *every("nll_loss", dtypes=ALL, inputs=(X, CLASSES)),
    *[
        Case(f"nll_loss.weight {r}", weighted("nll_loss", WEIGHT, reduction=r, ignore_index=1), (X, SOME))
        for r in ("mean", "sum", "none")
    ],
    Case("nll_loss.grid", weighted("nll_loss", WEIGHT), (ROOMY, GRID)),
    Case("nll_loss.grid none", loss("nll_loss", reduction="none", ignore_index=0), (ROOMY, GRID)),
    Case("nll_loss.one sample", loss("nll_loss"), (real(3), np.array(1))),
    Case(
        "nll_loss.infinite where ignored",
        loss("nll_loss", ignore_index=0),
        (np.array([[-np.inf, -1.0], [-2.0, -3.0]]), np.array([0, 1])),
        smooth=False,
    ),
    Case("ctc_loss", lambda T, x, t: ctc(T, x, t, **LENGTHS), CTC, ops=("ctc_loss", "ctc_slope"), second=False),
    Case(
        "ctc_loss.sum",
        lambda T, x, t: ctc(T, x, t, reduction="sum", blank=3, input_lengths=(6, 5, 6), target_lengths=(1, 2, 2)),
        (CTC[0], np.array([[1, 2, 0], [0, 0, 1], [2, 1, 0]])),
        second=False,
    ),
    Case(
        "ctc_loss.in a row",
        lambda T, x, t: ctc(T, x, t, reduction="none", **LENGTHS),
        (CTC[0], np.array([1, 2, 3, 3, 1])),
        second=False,
    ),
    Case(
        "ctc_loss.unbatched",
        lambda T, x, t: ctc(T, x, t, input_lengths=(6,), target_lengths=(2,)),
        (CTC[0][:, 0].copy(), np.array([1, 2])),
        second=False,
    ),
    Case(
        "ctc_loss.impossible",
        lambda T, x, t: ctc(T, x, t, zero_infinity=True, input_lengths=(6, 3, 6), target_lengths=(2, 3, 0)),
        CTC,
        second=False,
    ),
    Case(
        "ctc_loss.infinite",
        lambda T, x, t: ctc(T, x, t, reduction="none", input_lengths=(6, 3, 6), target_lengths=(2, 3, 0)),
        CTC,
        grad=False,
    ),
    *[
        Case(f"kl_div.{r}", loss("kl_div", reduction=r), (X, SHARE), ops=("xlogy",))
        for r in ("mean", "batchmean", "sum", "none")
    ],
    Case("kl_div.log target", loss("kl_div", log_target=True, reduction="batchmean"), (X, Y), ops=("exp",)),
    Case("poisson_nll_loss", loss("poisson_nll_loss", full=True), (X, real(4, 3, low=1.5, high=4)), ops=("exp", "log")),
    Case("poisson_nll_loss.rates", loss("poisson_nll_loss", log_input=False), (UNIT, SHARE), ops=("log",)),
    Case("gaussian_nll_loss", loss("gaussian_nll_loss", full=True), (X, Y, UNIT), ops=("log", "div")),
    Case(
        "gaussian_nll_loss.one variance a row",
        loss("gaussian_nll_loss"),
        (X, Y, UNIT[:, :1].copy()),
        ops=("log", "div"),
    ),
    Case("hinge_embedding_loss", signed("hinge_embedding_loss"), (real(4),), ops=("where",)),
    Case(
        "margin_ranking_loss.whole numbers",
        lambda T, i: [
            T.nn.functional.margin_ranking_loss(i, i.flip(0), i.sign(), margin=1, reduction=how)
            for how in ("none", "mean", "sum")
        ],
        (integers(5),),
        grad=False,
        ops=("clamp",),
    ),
    Case("margin_ranking_loss", signed("margin_ranking_loss", 0.3), (real(4), real(4, seed="other")), ops=("clamp",)),
    Case("soft_margin_loss", signed("soft_margin_loss"), (real(4),), ops=("log1p", "exp")),
    Case("multilabel_soft_margin_loss", loss("multilabel_soft_margin_loss"), (X, SHARE), ops=("logsigmoid",)),
    Case("multi_margin_loss", loss("multi_margin_loss"), (X, CLASSES), ops=("clamp",), second=False),
    Case(
        "multi_margin_loss.squared",
        weighted("multi_margin_loss", WEIGHT, p=2, margin=0.7),
        (X, CLASSES),
        ops=("clamp",),
        second=False,
    ),
    Case(
        "multilabel_margin_loss",
        loss("multilabel_margin_loss"),
        (X, np.array([[0, 2, -1], [1, -1, 0], [-1, 0, 1], [2, 1, 0]])),
        ops=("clamp",),
        second=False,
    ),
    Case("cosine_embedding_loss", signed("cosine_embedding_loss", -0.9), (X, Y), ops=("clamp", "where")),
    Case(
        "triplet_margin_loss",
        loss("triplet_margin_loss", swap=True),
        (X, Y, real(4, 3, seed="negative")),
        ops=("norm",),
    ),
    Case(
        "triplet_margin_with_distance_loss",
        loss("triplet_margin_with_distance_loss", margin=2.0),
        (X, Y, real(4, 3, seed="negative")),
        ops=("norm",),
    ),
    Case(
        "losses have the input's dtype",
        lambda T, x, y: (
            *[
                getattr(T.nn.functional, name)(x, y.double())
                for name in ("huber_loss", "soft_margin_loss", "smooth_l1_loss", "mse_loss")
            ],
            T.nn.functional.soft_margin_loss(x, y > 0),
            T.nn.functional.binary_cross_entropy(x.sigmoid(), y.sigmoid(), weight=y.double()),
        ),
        (X, Y),
        dtypes=("float32",),
        ops=("huber_loss", "smooth_l1_loss", "mse_loss", "binary_cross_entropy"),
        grad=False,
    ),
    Case(
        "cross_entropy.nothing against shares",
        lambda T, x: [
            T.nn.functional.cross_entropy(x[at], x[at], label_smoothing=s)
            for at in (slice(0), (..., slice(0)))
            for s in (0, 0.1)
        ],
        (real(2, 3, 4),),
        ops=("log_softmax",),
        grad=False,
    ),
    Case("pairwise_distance", loss("pairwise_distance"), (X, Y), ops=("norm",)),
    Case(
        "pairwise_distance.of one norm", loss("pairwise_distance", p=1.0, keepdim=True), (X, Y[0].copy()), ops=("norm",)
    ),
    Case("cosine_similarity", loss("cosine_similarity"), (X, Y), ops=("norm",)),
    Case(
        "cosine_similarity.broadcast both",
        loss("cosine_similarity", dim=-2),
        (real(1, 2, 3), real(2, 1, 3)),
        ops=("norm",),
    ),
    Error(
        "triplet_margin_with_distance_loss of other ranks",
        lambda T, x: T.nn.functional.triplet_margin_with_distance_loss(x, x[0], x),
        RuntimeError,
        "same number of dimensions",
        (real(2, 3),),
    ),
    Error(
        "triplet_margin_loss of other ranks",
        lambda T, x: T.nn.functional.triplet_margin_loss(x, x[0], x),
        RuntimeError,
        "same number of dimensions",
        (real(4, 3),),
    ),
    Error(
        "binary_cross_entropy_with_logits of whole targets",
        lambda T, x: T.nn.functional.binary_cross_entropy_with_logits(x, (x > 0).long()),
        RuntimeError,
        "can't be cast to the desired output type Long",
        (real(4, 3),),
    ),
    Error(
        "binary_cross_entropy_with_logits of bools",
        lambda T, x: T.nn.functional.binary_cross_entropy_with_logits(x, x > 0),
        RuntimeError,
        "Subtraction, the `-` operator",
        (real(4, 3),),
    ),
    Error(
        "cosine_similarity of complex numbers",
        lambda T, x: T.nn.functional.cosine_similarity(T.complex(x, x), x),
        RuntimeError,
        "floating point",
        (X,),
    ),
    Case(
        "multi_margin_loss.one number",
        lambda T, x, i: T.nn.functional.multi_margin_loss(x[0, 0], i[0], reduction="none"),
        (X, np.zeros(1, np.int64)),
        ops=("clamp",),
        grad=False,
    ),
    Case(
        "multilabel_margin_loss.one number",
        lambda T, x, i: T.nn.functional.multilabel_margin_loss(x[0, 0], i[0], reduction="none"),
        (X, np.zeros(1, np.int64)),
        ops=("clamp",),
        grad=False,
    ),
    *[
        Error(f"{name} of {what}", lambda T, *xs, name=name: getattr(T.nn.functional, name)(*xs), error, words, inputs)
        for name, what, error, words, inputs in (
            ("multi_margin_loss", "ints", NotImplementedError, "Long", (np.ones((2, 3), int), np.zeros(2, int))),
            ("multi_margin_loss", "a cube", RuntimeError, "non-empty", (real(2, 3, 4), np.zeros(2, int))),
            ("multi_margin_loss", "few targets", RuntimeError, "target", (real(2, 3), np.zeros(3, int))),
            ("multi_margin_loss", "targets beyond", RuntimeError, "out of range", (real(2, 3), np.full(2, 7))),
            ("multi_margin_loss", "float targets", RuntimeError, "Long", (real(2, 3), real(2))),
            ("multilabel_margin_loss", "few targets", RuntimeError, "inconsistent", (real(2, 3), np.zeros(3, int))),
            ("multilabel_margin_loss", "targets beyond", RuntimeError, "range", (real(2, 3), np.full((2, 3), 7))),
            (
                "multilabel_margin_loss",
                "ints",
                NotImplementedError,
                "Long",
                (np.ones((2, 3), int), np.zeros((2, 3), int)),
            ),
            ("binary_cross_entropy", "ints", NotImplementedError, "Long", (np.ones(3, int), np.ones(3, int))),
            ("binary_cross_entropy", "targets beyond", RuntimeError, "elements of target", (UNIT, UNIT + 1)),
            ("soft_margin_loss", "wide targets", RuntimeError, "broadcast shape", (real(3), real(4, 3))),
            ("cosine_embedding_loss", "a matrix", RuntimeError, "multi-target", (X, Y, X)),
            ("cosine_embedding_loss", "vectors", RuntimeError, "1D target tensor expects 2D", (X[0], Y[0], X[0])),
            ("cosine_embedding_loss", "one target", RuntimeError, "0D target tensor expects 1D", (X, Y, real())),
            ("huber_loss", "ints", RuntimeError, "cast", (np.ones(3, int), real(3))),
            ("cross_entropy", "few numbers", ValueError, "batch_size", (real(4, 3), real(3))),
            ("cross_entropy", "float targets", RuntimeError, "Long or Byte", (real(4, 3), real(4))),
            ("cross_entropy", "whole shares", RuntimeError, "probabilities", (real(4), np.zeros(4, int))),
            ("cross_entropy", "a row and a matrix", RuntimeError, "multi-target", (real(4), np.zeros((2, 2), int))),
            ("cross_entropy", "a row and two", ValueError, "1D target must have size 1", (real(4), np.zeros(2, int))),
            ("cross_entropy", "a number", IndexError, "Dimension", (real(), np.zeros(1, int))),
            ("cross_entropy", "ints", NotImplementedError, "not implemented", (np.ones((2, 3), int), np.ones(2, int))),
            ("nll_loss", "images", RuntimeError, "Expected target size", (real(2, 3, 4), real(2, 3, 4))),
            ("nll_loss", "a number", ValueError, "1 or more dimensions", (real(), np.zeros(1, int))),
            ("nll_loss", "ints", NotImplementedError, "not implemented", (np.ones((2, 3), int), np.ones(2, int))),
            ("l1_loss", "bools", RuntimeError, "bool", (np.ones(3, bool), np.ones(3, bool))),
            ("dropout2d", "ints", RuntimeError, "cast", (np.ones((1, 2, 3, 3), int),)),
        )
    ],
    Case("cosine_similarity.broadcast", loss("cosine_similarity", dim=-1), (X, Y[0].copy()), ops=("norm",)),
    Case("pdist", loss("pdist"), (X,), ops=("norm",), second=False),
    Error(
        "cross_entropy of a class too high",
        loss("cross_entropy"),
        IndexError,
        "Target 3 is out of bounds",
        (X, np.array([0, 3, 1, 1])),
    ),
    Error(
        "cross_entropy of a negative class",
        loss("cross_entropy"),
        IndexError,
        "Target -1 is out of bounds",
        (X, np.array([0, -1, 1, 1])),
    ),
    Error(
        "nll_loss of a class too high",
        loss("nll_loss"),
        IndexError,
        "Target 3 is out of bounds",
        (X, np.array([0, 3, 1, 1])),
    ),
    Error(
        "cross_entropy of fewer targets",
        loss("cross_entropy"),
        ValueError,
        r"input batch_size \(4\) to match target batch_size \(3\)",
        (X, CLASSES[:3]),
    ),
    Error(
        "cross_entropy of columns",
        loss("cross_entropy"),
        RuntimeError,
        "multi-target not supported",
        (X, CLASSES[:, None]),
    ),
    Error(
        "cross_entropy of int32",
        loss("cross_entropy"),
        RuntimeError,
        "to be Long or Byte, but got Int",
        (X, CLASSES.astype(np.int32)),
    ),
    Error(
        "cross_entropy of floats",
        loss("cross_entropy"),
        RuntimeError,
        "to be Long or Byte, but got Double",
        (X, real(4)),
    ),
    Error(
        "cross_entropy of another grid",
        loss("cross_entropy"),
        RuntimeError,
        r"Expected target size \[4, 2\], got \[4, 3\]",
        (ROOMY, integers(4, 3)),
    ),
    Error(
        "cross_entropy of integers in the shape of probabilities",
        loss("cross_entropy"),
        RuntimeError,
        "floating point type for target with class probabilities",
        (ROOMY, integers(4, 3, 2)),
    ),
    Error(
        "cross_entropy with too few weights",
        weighted("cross_entropy", real(2)),
        RuntimeError,
        "all 3 classes or no classes",
        (X, CLASSES),
    ),
    Error(
        "cross_entropy smoothed too much",
        loss("cross_entropy", label_smoothing=1.5),
        RuntimeError,
        "between 0.0 and 1.0",
        (X, CLASSES),
    ),
    Error(
        "cross_entropy of two targets of one sample",
        loss("cross_entropy"),
        ValueError,
        "1D target must have size 1",
        (real(3), np.array([1, 2])),
    ),
    Error(
        "probabilities and ignore_index",
        loss("cross_entropy", ignore_index=1),
        RuntimeError,
        "not supported for floating point",
        (X, SHARE),
    ),
    Error(
        "an unknown reduction",
        loss("mse_loss", reduction="average"),
        ValueError,
        "average is not a valid value for reduction",
        (X, Y),
    ),
    Error(
        "binary_cross_entropy of other sizes",
        loss("binary_cross_entropy"),
        ValueError,
        "Using a target size",
        (UNIT, SHARE[0].copy()),
    ),
    Error(
        "binary_cross_entropy outside of 0 and 1",
        loss("binary_cross_entropy"),
        RuntimeError,
        "between 0 and 1",
        (UNIT + 1, SHARE),
    ),
    Error(
        "logits of other sizes",
        loss("binary_cross_entropy_with_logits"),
        ValueError,
        "must be the same as input size",
        (X, Y[0].copy()),
    ),
    Error(
        "smooth_l1_loss of a negative beta",
        loss("smooth_l1_loss", beta=-1.0),
        RuntimeError,
        "negative values for beta",
        (X, Y),
    ),
    Error(
        "huber_loss of no delta", loss("huber_loss", delta=0.0), RuntimeError, "non-positive values for delta", (X, Y)
    ),
    Error(
        "multi_margin_loss of power 3", loss("multi_margin_loss", p=3), ValueError, "p == 1 and p == 2", (X, CLASSES)
    ),
    Error("gaussian_nll_loss of a negative variance", loss("gaussian_nll_loss"), ValueError, "negative", (X, Y, -UNIT)),
    Error(
        "ctc_loss of one length too few",
        lambda T, x, t: ctc(T, x, t, input_lengths=(6, 5), target_lengths=(2, 3, 0)),
        RuntimeError,
        "must be of size batch_size",
        CTC,
    ),
    Error(
        "ctc_loss of a blank that is no class",
        lambda T, x, t: ctc(T, x, t, blank=4, **LENGTHS),
        RuntimeError,
        "blank must be in label range",
        CTC,
    ),
    Error(
        "ctc_loss of an input too long",
        lambda T, x, t: ctc(T, x, t, input_lengths=(7, 5, 6), target_lengths=(2, 3, 0)),
        RuntimeError,
        "at most 6, but got value 7",
        CTC,
    ),
    *[
        Error(
            f"{name} of integers",
            loss(name),
            NotImplementedError,
            "not implemented for 'Long'",
            (GRID, GRID[::-1].copy()),
        )
        for name in ("mse_loss", "smooth_l1_loss", "huber_loss")
    ],
    Error("l1_loss of integers", loss("l1_loss"), RuntimeError, "could not infer output dtype", (GRID, GRID)),
    Error(
        "kl_div of integers",
        loss("kl_div", reduction="sum"),
        RuntimeError,
        "Integral inputs not supported",
        (GRID, GRID),
    ),
    Error(
        "cross_entropy of integer scores",
        loss("cross_entropy"),
        NotImplementedError,
        "not implemented for 'Long'",
        (GRID, CLASSES),
    ),
    Case(
        "loss.numbers",
        lambda T, x: (
            T.nn.functional.multi_margin_loss(x, T.tensor(0)),
            T.nn.functional.multi_margin_loss(x, T.tensor([0]), reduction="none"),
            T.nn.functional.multilabel_margin_loss(x, T.tensor(0)),
            T.nn.functional.multilabel_margin_loss(x, T.tensor(-1), reduction="none"),
        ),
        (real(),),
        second=False,
        ops=("gather",),
    ),
    Case(
        "linear_cross_entropy",
        lambda T, x, w, b, wide: (
            T.nn.functional.linear_cross_entropy(x, w, T.tensor([0, 3, 1]), linear_bias=b, label_smoothing=0.1),
            T.nn.functional.linear_cross_entropy(
                x, w, T.tensor([0, -100, 1]), weight=T.tensor([1.0, 0.5, 2, 1]).to(x.dtype), reduction="none"
            ),
            T.nn.functional.linear_cross_entropy(x[0], w, T.tensor(2), reduction="sum"),
            T.nn.functional.linear_cross_entropy(x, wide, T.tensor([[0, 1], [1, 1], [0, 0]]), linear_bias=wide[..., 0]),
        ),
        (real(3, 5), real(4, 5), real(4), real(2, 2, 5)),
        ops=("cross_entropy",),
        second=False,
    ),
    Case(
        "linear_cross_entropy.chunks",
        lambda T, x, w, b: (
            T.nn.functional.linear_cross_entropy(
                x, w, T.tensor([0, 3, 1]), linear_bias=b, options=T.nn.LinearCrossEntropyOptions(batch_chunk_size=2)
            ),
            T.nn.functional.linear_cross_entropy(
                x,
                w,
                T.tensor([0, 2, 1]),
                weight=T.tensor([1.0, 0.5, 2, 1]).to(x.dtype),
                ignore_index=2,
                options=T.nn.LinearCrossEntropyOptions(chunking_method="aspect_ratio:2"),
            ),
            T.nn.functional.linear_cross_entropy(
                x, w, T.tensor([0, 3, 1]), reduction="none", options=T.nn.LinearCrossEntropyOptions(batch_chunk_size=1)
            ),
            T.nn.functional.linear_cross_entropy(x[0], w, T.tensor(2), options=T.nn.LinearCrossEntropyOptions()),
        ),
        (real(3, 5), real(4, 5), real(4)),
        ops=("cross_entropy",),
        second=False,
    ),
    *(
        Error(f"linear_cross_entropy.{name}", call, RuntimeError, words, (real(2, 3), real(4, 3)))
        for name, call, words in (
            (
                "dims",
                lambda T, x, w: T.nn.functional.linear_cross_entropy(x[None], w, T.tensor([0, 1])),
                "dimensionality",
            ),
            ("weight", lambda T, x, w: T.nn.functional.linear_cross_entropy(x, w[0], T.tensor([0, 1])), "at least 2"),
            ("features", lambda T, x, w: T.nn.functional.linear_cross_entropy(x, x.T, T.tensor([0, 1])), "in_features"),
            (
                "bias",
                lambda T, x, w: T.nn.functional.linear_cross_entropy(x, w, T.tensor([0, 1]), linear_bias=x[0]),
                "linear_bias shape",
            ),
            (
                "probabilities",
                lambda T, x, w: T.nn.functional.linear_cross_entropy(x, w, x @ w.T, ignore_index=0),
                "ignore_index cannot be specified",
            ),
        )
    ),
    Error(
        "linear_cross_entropy.unbatched",
        lambda T, x, w: T.nn.functional.linear_cross_entropy(x, w, T.tensor([0, 1])),
        RuntimeError,
        "requires batched input",
        (real(5), real(2, 2, 5)),
    ),
    Case(
        "cosine_similarity.both_broadcast",
        lambda T, x, y: (
            T.nn.functional.cosine_similarity(x, y, dim=-2),
            T.nn.functional.cosine_similarity(x * 0.1, y[0], dim=1, eps=0.5),
        ),
        (real(1, 2, 3), real(2, 1, 3)),
        ops=("norm",),
        smooth=False,
    ),
    Error(
        "cosine_similarity.complex",
        lambda T, x: T.nn.functional.cosine_similarity(x + 1j, x + 1j),
        RuntimeError,
        "floating point",
        (real(2, 3),),
    ),
    Error("pdist.integers", lambda T, i: T.nn.functional.pdist(i), RuntimeError, "floating-point", (integers(3, 2),)),
    *(
        Error(f"{name}.{kind}", call, error, words, (real(3, 4),))
        for name, call, kind, error, words in (
            (
                "multi_margin_loss",
                lambda T, x: T.nn.functional.multi_margin_loss(x.long(), T.tensor([0, 1, 2])),
                "integers",
                NotImplementedError,
                "not implemented",
            ),
            (
                "multi_margin_loss",
                lambda T, x: T.nn.functional.multi_margin_loss(x, T.tensor([0, 1, 2]), weight=x),
                "weight",
                ValueError,
                "one-dimensional",
            ),
            (
                "multi_margin_loss",
                lambda T, x: T.nn.functional.multi_margin_loss(x, T.tensor([0, 1, 4])),
                "range",
                RuntimeError,
                "out of range",
            ),
            (
                "multilabel_margin_loss",
                lambda T, x: T.nn.functional.multilabel_margin_loss(x, T.tensor([0, 1, 2])),
                "sizes",
                RuntimeError,
                "inconsistent target size",
            ),
            (
                "multilabel_soft_margin_loss",
                lambda T, x: T.nn.functional.multilabel_soft_margin_loss(x.long(), x.long()),
                "integers",
                NotImplementedError,
                "log_sigmoid",
            ),
            (
                "soft_margin_loss",
                lambda T, x: T.nn.functional.soft_margin_loss(x.long(), x.long()),
                "integers",
                RuntimeError,
                "can't be cast",
            ),
            (
                "margin_ranking_loss",
                lambda T, x: T.nn.functional.margin_ranking_loss(x + 1j, x + 1j, x),
                "complex",
                NotImplementedError,
                "complex",
            ),
            (
                "gaussian_nll_loss",
                lambda T, x: T.nn.functional.gaussian_nll_loss(x, x, x.long().abs()),
                "integers",
                RuntimeError,
                "can't be cast",
            ),
            (
                "l1_loss",
                lambda T, x: T.nn.functional.l1_loss(x > 0, x > 0, reduction="sum"),
                "bools",
                RuntimeError,
                "two bool tensors",
            ),
        )
    ),
]
