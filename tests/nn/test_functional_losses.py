"""What losses do beyond their values: warnings, old arguments, limits; and CTC against all alignments, one by one."""

from __future__ import annotations

import itertools
import math
import warnings

import numpy as np
import pytest

import taper
from taper.nn import functional as F


@pytest.fixture
def torch():
    return pytest.importorskip("torch")


@pytest.mark.parametrize("name", ["mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss"])
def test_sizes_that_only_broadcast_warn(name):
    column, row = taper.ones(3, 1), taper.zeros(3)
    with pytest.warns(
        UserWarning, match=r"Using a target size \(torch.Size\(\[3\]\)\) that is different to the input size"
    ):
        getattr(F, name)(column, row)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        getattr(F, name)(row, row)


def test_kl_div_warns_of_mean_only():
    x = taper.zeros(2, 2)
    with pytest.warns(UserWarning, match="'batchmean' divides only"):
        F.kl_div(x, x)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for reduction in ("batchmean", "sum", "none"):
            F.kl_div(x, x, reduction=reduction)


@pytest.mark.parametrize(
    "old,new",
    [
        ({"size_average": False}, "sum"),
        ({"reduce": False}, "none"),
        ({"size_average": True}, "mean"),
        ({"reduce": True}, "mean"),
    ],
    ids=str,
)
@pytest.mark.parametrize(
    "name", ["mse_loss", "cross_entropy", "nll_loss", "l1_loss", "binary_cross_entropy_with_logits"]
)
def test_old_reduction_arguments(name, old, new):
    x = taper.tensor([[0.5, -1.0], [2.0, 0.0]])
    y = taper.tensor([1, 0]) if name in ("cross_entropy", "nll_loss") else taper.ones(2, 2)
    with pytest.warns(UserWarning, match=f"please use reduction='{new}' instead"):
        found = getattr(F, name)(x, y, **old)
    assert taper.equal(found, getattr(F, name)(x, y, reduction=new))


def test_a_certain_and_wrong_prediction_costs_a_hundred():
    assert F.binary_cross_entropy(taper.tensor([0.0]), taper.tensor([1.0])).item() == 100.0


def test_scores_do_not_overflow():
    scores = taper.tensor([[1e4, -1e4], [-1e4, 1e4]], requires_grad=True)
    loss = F.cross_entropy(scores, taper.tensor([0, 0]), reduction="none")
    assert loss.tolist() == [0.0, 2e4]
    loss.sum().backward()
    assert scores.grad.tolist() == [[0.0, 0.0], [-1.0, 1.0]]
    logits = taper.tensor([-1e4, 1e4])
    assert F.binary_cross_entropy_with_logits(logits, taper.tensor([1.0, 1.0]), reduction="none").tolist() == [1e4, 0.0]


def test_cross_entropy_is_log_softmax_and_nll():
    scores = taper.from_numpy(np.random.default_rng(0).standard_normal((6, 5)))
    target, weight = taper.tensor([0, 4, 2, 1, 3, 3]), taper.tensor([1.0, 0.5, 2.0, 0.1, 3.0], dtype=taper.float64)
    for options in ({}, {"ignore_index": 3}, {"reduction": "none"}):
        ours = F.cross_entropy(scores, target, weight, **options)
        apart = F.nll_loss(F.log_softmax(scores, 1), target, weight, **options)
        np.testing.assert_allclose(ours.numpy(), apart.numpy(), rtol=1e-12)


def test_probabilities_of_one_are_class_indices():
    scores, target = (
        taper.from_numpy(np.random.default_rng(0).standard_normal((6, 5))),
        taper.tensor([0, 4, 2, 1, 3, 3]),
    )
    hot = F.one_hot(target, 5).to(taper.float64)
    for smoothing in (0.0, 0.3):
        one = F.cross_entropy(scores, target, label_smoothing=smoothing)
        other = F.cross_entropy(scores, hot, label_smoothing=smoothing)
        np.testing.assert_allclose(one.item(), other.item(), rtol=1e-12)


def test_what_is_ignored_has_no_gradient():
    scores = taper.ones(3, 4, requires_grad=True)
    F.cross_entropy(scores, taper.tensor([1, -100, -100])).backward()
    assert scores.grad[1:].abs().sum().item() == 0
    scores.grad = None
    F.cross_entropy(scores, taper.full((3,), -100), reduction="mean").backward()
    assert scores.grad.abs().sum().item() == 0


def alignments(probabilities: np.ndarray, labels: tuple, blank: int) -> float:
    """The probability of the labels: the sum over all paths that collapse to them."""
    total = 0.0
    for path in itertools.product(range(probabilities.shape[1]), repeat=len(probabilities)):
        collapsed = tuple(c for c, _ in itertools.groupby(path) if c != blank)
        if collapsed == labels:
            total += math.prod(probabilities[t, c] for t, c in enumerate(path))
    return total


@pytest.mark.parametrize("labels,blank", [((1, 2), 0), ((1, 1), 0), ((2,), 0), ((), 0), ((0, 1, 0), 2)], ids=str)
def test_ctc_is_the_sum_over_alignments(labels, blank):
    logp = F.log_softmax(taper.from_numpy(np.random.default_rng(0).standard_normal((5, 1, 3))), 2)
    target = taper.tensor([labels or (0,)])
    loss = F.ctc_loss(logp, target, (5,), (len(labels),), blank=blank, reduction="sum")
    expected = -math.log(alignments(np.exp(logp.numpy()[:, 0]), labels, blank))
    np.testing.assert_allclose(loss.item(), expected, rtol=1e-12)


def test_what_cannot_be_aligned_costs_nothing_if_asked():
    logits = taper.zeros(2, 1, 3, requires_grad=True)
    impossible = dict(targets=taper.tensor([[1, 1]]), input_lengths=(2,), target_lengths=(2,))
    assert F.ctc_loss(F.log_softmax(logits, 2), **impossible).item() == math.inf
    loss = F.ctc_loss(F.log_softmax(logits, 2), zero_infinity=True, **impossible)
    loss.backward()
    assert loss.item() == 0 and logits.grad.abs().sum().item() == 0


def test_ctc_is_not_differentiable_twice(torch):
    for lib in (taper, torch):
        x = lib.zeros(4, 1, 3, requires_grad=True)
        loss = lib.nn.functional.ctc_loss(lib.nn.functional.log_softmax(x, 2), lib.tensor([[1]]), (4,), (1,))
        (slope,) = lib.autograd.grad(loss, x, create_graph=True)
        with pytest.raises(RuntimeError, match="is not implemented"):
            (slope * slope).sum().backward()


def test_gaussian_nll_bounds_the_variance(torch):
    for lib in (taper, torch):
        var = lib.tensor([1e-9, 4.0], requires_grad=True)
        loss = lib.nn.functional.gaussian_nll_loss(lib.zeros(2), lib.zeros(2), var, eps=1e-4, reduction="sum")
        np.testing.assert_allclose(loss.item(), 0.5 * (math.log(1e-4) + math.log(4)), rtol=1e-6)


@pytest.mark.parametrize("shape", [(1, 3), (4, 1), (4,), (1, 1), (), (3,), (2, 3), (1,), (1, 4, 3)])
def test_one_dimension_of_a_variance_may_broadcast(torch, shape):
    def of(lib):
        try:
            return tuple(lib.nn.functional.gaussian_nll_loss(lib.ones(4, 3), lib.zeros(4, 3), lib.ones(shape)).shape)
        except ValueError as error:
            return type(error)

    assert of(taper) == of(torch)


def test_huber_loss_refuses_what_is_no_number():
    for delta in (1j, "a", None):
        with pytest.raises(TypeError):
            F.huber_loss(taper.ones(2), taper.zeros(2), delta=delta)
        with pytest.raises(TypeError):
            taper.nn.HuberLoss(delta=delta)


def test_nothing_at_all_costs_nothing():
    x, y = taper.ones(0, 0), taper.ones(0, dtype=taper.int64)
    assert math.isnan(F.nll_loss(x, y, weight=taper.ones(0))) and F.cross_entropy(x, y, reduction="sum") == 0


def test_linear_cross_entropy_loss_has_a_layer_of_its_own(torch):
    found = {}
    for lib in (taper, torch):
        lib.manual_seed(0)
        m = lib.nn.LinearCrossEntropyLoss(3, 4, out_features=(2,), bias=True, label_smoothing=0.1, dtype=lib.float64)
        loss = m(lib.ones(5, 3, dtype=lib.float64), lib.tensor([[0, 1], [3, 2], [1, 1], [2, 2], [0, 3]]))
        loss.backward()
        found[lib] = (repr(m), list(m.state_dict()), loss.item(), m.linear.weight.grad.numpy())
    assert found[taper][:2] == found[torch][:2]
    np.testing.assert_allclose(found[taper][2], found[torch][2], rtol=1e-12)
    np.testing.assert_allclose(found[taper][3], found[torch][3], rtol=1e-9, atol=1e-12)
    for wrong in ({"weight": taper.ones(3)}, {"label_smoothing": 2.0}):
        with pytest.raises(RuntimeError, match="expected"):
            taper.nn.LinearCrossEntropyLoss(3, 4, **wrong)


def test_chunks_of_linear_cross_entropy_keep_scores_of_a_few_rows_only():
    options, kept = taper.nn.LinearCrossEntropyOptions(batch_chunk_size=4), []
    x, w = taper.randn(10, 3, requires_grad=True), taper.randn(50, 3, requires_grad=True)
    target = taper.arange(10)

    def seen(t):
        kept.append(t.numel())
        return t

    with taper.autograd.graph.saved_tensors_hooks(seen, lambda t: t):
        loss = F.linear_cross_entropy(x, w, target, options=options)
    assert max(kept, default=0) < 4 * 50
    whole = F.linear_cross_entropy(x, w, target)
    for chunked, plain in zip(taper.autograd.grad(loss, [x, w]), taper.autograd.grad(whole, [x, w])):
        np.testing.assert_allclose(chunked.numpy(), plain.numpy(), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    "settings",
    [
        {"acc_policy": "exact"},
        {"chunking_method": "aspect_ratio:0"},
        {"chunking_method": "half"},
        {"batch_chunk_size": 0},
        {"acc_dtype": taper.int64},
    ],
)
def test_options_of_linear_cross_entropy_are_refused(settings):
    with pytest.raises(ValueError):
        taper.nn.LinearCrossEntropyOptions(**settings)


def test_chunks_that_two_settings_disagree_about_are_refused_and_others_ignored_with_a_warning():
    both = taper.nn.LinearCrossEntropyOptions(batch_chunk_size=3, chunking_method="aspect_ratio")
    x, w = taper.ones(8, 2), taper.ones(4, 2)
    with pytest.raises(ValueError, match="different chunk sizes"):
        F.linear_cross_entropy(x, w, taper.arange(8) % 4, options=both)
    with pytest.warns(UserWarning, match="options are ignored"):
        loss = F.linear_cross_entropy(x, w, taper.arange(8) % 4, options=both, label_smoothing=0.1)
    assert loss == F.linear_cross_entropy(x, w, taper.arange(8) % 4, label_smoothing=0.1)
