"""Losses, convolution, pooling, normalisation."""

from __future__ import annotations

import numpy as np

from ..case import FLOATS, HALVES, Case, Error, booleans, distinct, integers, real

LOGITS, TARGET, WEIGHT = real(6, 4), integers(6, high=4), real(4, low=0.5, high=2.0)
IMAGES, KERNEL = real(2, 4, 7, 8), real(6, 4, 3, 3)
D = distinct(2, 3, 6, 7)


def f(name, *args, **options):
    return lambda T, *tensors: getattr(T.nn.functional, name)(*tensors, *args, **options)


LOSSES = [
    *[
        Case(f"{name}.{how}", f(name, reduction=how), (real(3, 4), real(3, 4, seed="t")), ops=(name,))
        for name in ("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss") for how in ("mean", "sum", "none")
    ],
    Case("mse_loss.broadcast", f("mse_loss"), (real(3, 1), real(4))),
    Case("mse_loss.half", f("mse_loss"), (real(3, 4), real(3, 4, seed="t")), dtypes=(*FLOATS, *HALVES)),
    Case("smooth_l1_loss.beta", f("smooth_l1_loss", beta=0.3), (real(9), real(9, seed="t"))),
    Case("huber_loss.delta", f("huber_loss", delta=0.3), (real(9), real(9, seed="t"))),
    *[
        Case(f"cross_entropy.{how}.{s}.{'w' if w else ''}", lambda T, x, w_, t=TARGET, how=how, s=s, w=w: T.nn.functional.cross_entropy(
            x, T.from_numpy(t.copy()), weight=w_.detach() if w else None, reduction=how, label_smoothing=s), (LOGITS, WEIGHT), ops=("cross_entropy",), smooth=not w)
        for how in ("mean", "sum", "none") for s in (0.0, 0.2) for w in (False, True)
    ],
    Case("cross_entropy.images", lambda T, x, t: (T.nn.functional.cross_entropy(x, t, label_smoothing=0.1), T.nn.functional.cross_entropy(x, t, reduction="none")),
         (real(2, 4, 3, 5), integers(2, 3, 5, high=4))),
    Case("cross_entropy.ignore", lambda T, x, t: (T.nn.functional.cross_entropy(x, t, ignore_index=1), T.nn.functional.cross_entropy(x, t, ignore_index=1, label_smoothing=0.1, reduction="sum")),
         (LOGITS, TARGET)),
    Case("cross_entropy.all_ignored", lambda T, x, t: T.nn.functional.cross_entropy(x, t * 0 - 100), (LOGITS, TARGET), grad=False),
    Case("cross_entropy.single", lambda T, x: T.nn.functional.cross_entropy(x, T.tensor(2)), (real(4),)),
    Case("cross_entropy.probabilities", lambda T, x, p: (T.nn.functional.cross_entropy(x, p.softmax(1)), T.nn.functional.cross_entropy(x, p.softmax(1), label_smoothing=0.1, reduction="sum")),
         (LOGITS, real(6, 4, seed="p")), ops=("log_softmax",)),
    Case("cross_entropy.large", lambda T, x, t: T.nn.functional.cross_entropy(1e4 * x, t), (LOGITS, TARGET), smooth=False, second=False),
    Case("nll_loss", lambda T, x, t, w: (T.nn.functional.nll_loss(x, t), T.nn.functional.nll_loss(x, t, weight=w.detach(), ignore_index=1, reduction="sum")), (LOGITS, TARGET, WEIGHT), ops=("gather",), smooth=False),
    Case("binary_cross_entropy", f("binary_cross_entropy"), (real(5, low=0.1, high=0.9), real(5, low=0.0, high=1.0)), second=False),
    Case("binary_cross_entropy.edges", lambda T, x: T.nn.functional.binary_cross_entropy(x, T.tensor([0.0, 1.0, 1.0, 0.0], dtype=x.dtype), reduction="none"), (np.array([0.0, 1.0, 0.0, 1.0]),), grad=False),
    Case("bce_with_logits", lambda T, x, y, w: (T.nn.functional.binary_cross_entropy_with_logits(x, y), T.nn.functional.binary_cross_entropy_with_logits(x, y, pos_weight=w.detach(), reduction="none")),
         (real(5, low=-50, high=50), real(5, low=0, high=1), real(5, low=0.5)), ops=("logsigmoid",), smooth=False),
    Case("kl_div", lambda T, x, y: (T.nn.functional.kl_div(x, y, reduction="batchmean"), T.nn.functional.kl_div(x, y.log(), log_target=True, reduction="sum")), (real(3, 4), real(3, 4, low=0.1, high=1)), ops=("xlogy",)),
    Case("poisson_nll_loss", f("poisson_nll_loss"), (real(5), real(5, low=1, high=4)), ops=("exp",)),
    Case("gaussian_nll_loss", f("gaussian_nll_loss"), (real(5), real(5, seed="t"), real(5, low=0.5)), ops=("log",)),
    Case("margin_ranking_loss", lambda T, x, y: T.nn.functional.margin_ranking_loss(x, y, (x - y).detach().sign(), 0.5), (real(5), real(5, seed="t")), ops=("clamp_min",)),
    Case("cosine_embedding_loss", lambda T, x, y, t: T.nn.functional.cosine_embedding_loss(x, y, t * 2 - 1, 0.2), (real(5, 3), real(5, 3, seed="y"), integers(5, high=2)), ops=("where",)),
    Case("triplet_margin_loss", f("triplet_margin_loss"), (real(5, 3), real(5, 3, seed="p"), real(5, 3, seed="n")), ops=("norm",), second=False),
    Case("ctc_loss", lambda T, x: T.nn.functional.ctc_loss(T.log_softmax(x, 2), T.tensor([[1, 2, 2], [3, 1, 0]]), T.tensor([7, 6]), T.tensor([3, 2]), reduction="none"), (real(7, 2, 4),), second=False, rtol=1e-4),
]

CONVOLUTION = [
    Case("conv", f("conv2d"), (IMAGES, KERNEL, real(6)), rtol=1e-4, ops=("conv", "conv_input_grad", "conv_weight_grad")),
    Case("conv.options", f("conv2d", stride=(2, 1), padding=(1, 2), dilation=(1, 2), groups=2), (IMAGES, real(6, 2, 3, 3)), rtol=1e-4),
    Case("conv.square", lambda T, x, w: T.nn.functional.conv2d(x, w, stride=2) ** 2, (IMAGES, KERNEL), rtol=1e-4),
    Case("conv.same", f("conv2d", padding="same"), (IMAGES, real(6, 4, 3, 4)), rtol=1e-4),
    Case("conv.1d", f("conv1d", stride=2, padding=1), (real(2, 3, 9), real(4, 3, 3), real(4)), rtol=1e-4),
    Case("conv.3d", f("conv3d", padding=1), (real(1, 2, 4, 5, 4), real(3, 2, 3, 3, 2)), rtol=1e-4),
    Case("conv.unbatched", f("conv2d"), (real(4, 7, 8), KERNEL), rtol=1e-4),
    Case("conv_input_grad", f("conv_transpose2d", stride=2, padding=1, output_padding=1), (real(2, 4, 5, 5), real(4, 3, 3, 3), real(3)), rtol=1e-4),
    Case("conv_transpose.groups", f("conv_transpose1d", stride=3, groups=2, dilation=2), (real(2, 4, 5), real(4, 2, 3)), rtol=1e-4, ops=("conv_input_grad",)),
    Case("unfold_fold", lambda T, x: (T.nn.functional.unfold(x, 3, padding=1, stride=2), T.nn.functional.fold(T.nn.functional.unfold(x, 2), (6, 7), 2)), (D,), ops=("index", "scatter_add")),
    Case("max_pool", lambda T, x: (T.nn.functional.max_pool2d(x, 2), T.nn.functional.max_pool2d(x, 3, 2, 1), T.nn.functional.max_pool2d(x, 2, ceil_mode=True)), (D,), ops=("max_pool", "max_pool_grad", "pooled_at")),
    Case("max_pool.square", lambda T, x: T.nn.functional.max_pool2d(x, 2) ** 2, (D,), ops=("max_pool", "max_pool_grad", "pooled_at")),
    Case("max_pool_indices", lambda T, x: T.nn.functional.max_pool2d(x, 3, 2, return_indices=True), (D,), ops=("max_pool_indices", "max_pool"), second=False),
    Case("max_pool.1d", f("max_pool1d", 3, 2), (distinct(2, 3, 9),)),
    Case("avg_pool", lambda T, x: (T.nn.functional.avg_pool2d(x, 2), T.nn.functional.avg_pool2d(x, 3, 2, 1, count_include_pad=False), T.nn.functional.avg_pool2d(x, 2, ceil_mode=True) ** 2), (D,), ops=("avg_pool", "avg_pool_grad")),
    Case("adaptive_avg_pool", lambda T, x: (T.nn.functional.adaptive_avg_pool2d(x, (3, 2)), T.nn.functional.adaptive_avg_pool2d(x, 1) ** 2), (D,), ops=("adaptive_avg_pool", "adaptive_avg_pool_grad")),
    Case("adaptive_max_pool", lambda T, x: (T.nn.functional.adaptive_max_pool2d(x, (3, 2)) ** 2, *T.nn.functional.adaptive_max_pool2d(x, 2, return_indices=True)), (D,), ops=("adaptive_max_pool", "adaptive_max_pool_indices")),
    Case("pad", lambda T, x: (T.nn.functional.pad(x, (1, 2)), T.nn.functional.pad(x, (1, 0, -1, 2), value=3.0), T.nn.functional.pad(x, (1, 2, 2, 1), mode="reflect"),
                              T.nn.functional.pad(x, (1, 2), mode="replicate") if x.ndim == 3 else x, T.nn.functional.pad(x, (2, 1, 0, 3), mode="circular")), (D,), ops=("put_part", "index_select")),
    Case("interpolate", lambda T, x: (T.nn.functional.interpolate(x, scale_factor=2), T.nn.functional.interpolate(x, size=(4, 9), mode="bilinear"),
                                      T.nn.functional.interpolate(x, scale_factor=1.5, mode="bilinear", align_corners=True), T.nn.functional.interpolate(x, size=(9, 5), mode="bicubic")), (D,), ops=("matmul",), rtol=1e-4, atol=1e-5),
    Case("pixel_shuffle", lambda T, x: (T.nn.functional.pixel_shuffle(x, 2), T.nn.functional.pixel_unshuffle(x, 2)), (real(2, 4, 4, 6),), ops=("permute",)),
    Case("grid_sample", lambda T, x, g: T.nn.functional.grid_sample(x, g, align_corners=False), (D, real(2, 3, 4, 2, low=-0.9, high=0.9)), ops=("index",), second=False),
]

NORMALIZATION = [
    Case("batch_norm", lambda T, x, w, b: (T.nn.functional.batch_norm(x, None, None, w, b, True), T.nn.functional.batch_norm(x, None, None, training=True)), (real(4, 3, 5), real(3), real(3, seed="b")), rtol=1e-4),
    Case("batch_norm.eval", lambda T, x, w, b: T.nn.functional.batch_norm(x, T.full((3,), 0.5, dtype=x.dtype), T.full((3,), 2.0, dtype=x.dtype), w, b), (real(4, 3, 5), real(3), real(3, seed="b")), ops=("mul",)),
    Case("layer_norm", lambda T, x, w, b: (T.nn.functional.layer_norm(x, (5,), w, b), T.nn.functional.layer_norm(x, (3, 5))), (real(4, 3, 5), real(5), real(5, seed="b")), rtol=1e-4),
    Case("rms_norm", lambda T, x, w: T.nn.functional.rms_norm(x, (5,), w, 1e-5), (real(4, 5), real(5)), rtol=1e-4),
    Case("group_norm", lambda T, x, w, b: T.nn.functional.group_norm(x, 2, w, b), (real(3, 4, 5), real(4), real(4, seed="b")), ops=("layer_norm",), rtol=1e-4),
    Case("instance_norm", f("instance_norm"), (real(3, 4, 5),), ops=("batch_norm",), rtol=1e-4),
    Case("local_response_norm", f("local_response_norm", 3), (real(2, 5, 4, 4),), ops=("avg_pool",), rtol=1e-4),
    Case("normalize", f("normalize"), (real(3, 4),), ops=("norm",), second=False),
    Case("cosine_similarity", f("cosine_similarity"), (real(3, 4), real(3, 4, seed="y")), ops=("norm",), second=False),
    Case("attention", lambda T, q, k, v: (T.nn.functional.scaled_dot_product_attention(q, k, v), T.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)), (real(2, 3, 4), real(2, 3, 4, seed="k"), real(2, 3, 4, seed="v")), ops=("softmax",), rtol=1e-4),
    Case("attention.mask", lambda T, q, k, v, m: T.nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=m), (real(2, 3, 4), real(2, 5, 4), real(2, 5, 4, seed="v"), booleans(3, 5) | np.eye(3, 5, dtype=bool)), ops=("softmax",), rtol=1e-4),
]

ERRORS = [
    Error("cross_entropy.range", lambda T, x: T.nn.functional.cross_entropy(x, T.tensor([10] * 6)), IndexError, "Target 10 is out of bounds", (LOGITS,)),
    Error("cross_entropy.batch", lambda T, x: T.nn.functional.cross_entropy(x, T.tensor([1])), ValueError, "batch_size", (LOGITS,)),
    Error("cross_entropy.dtype", lambda T, x: T.nn.functional.cross_entropy(x, T.ones(6)), RuntimeError, "Long", (LOGITS,)),
    Error("cross_entropy.weight", lambda T, x, t: T.nn.functional.cross_entropy(x, t, weight=x[0][:2]), RuntimeError, "weight tensor should be defined", (LOGITS, TARGET)),
    Error("cross_entropy.reduction", lambda T, x, t: T.nn.functional.cross_entropy(x, t, reduction="max"), ValueError, "not a valid value", (LOGITS, TARGET)),
    Error("bce.range", lambda T, x: T.nn.functional.binary_cross_entropy(x, x), RuntimeError, "between 0 and 1", (real(3, low=2),)),
    Error("bce.size", lambda T, x: T.nn.functional.binary_cross_entropy(x.sigmoid(), T.ones(2)), ValueError, "target size", (real(3),)),
    Error("conv.channels", lambda T, x: T.nn.functional.conv2d(x, T.ones(2, 3, 3, 3, dtype=x.dtype)), RuntimeError, "to have 3 channels, but got 4 channels", (IMAGES,)),
    Error("conv.dims", lambda T, x, w: T.nn.functional.conv2d(x[0, 0], w), RuntimeError, "Expected 3D", (IMAGES, KERNEL)),
    Error("conv.kernel", lambda T, x: T.nn.functional.conv2d(x, T.ones(2, 4, 9, 9, dtype=x.dtype)), RuntimeError, "Kernel size can't be greater", (IMAGES,)),
    Error("conv.dtype", lambda T, x, w: T.nn.functional.conv2d(x, w.float()), RuntimeError, "should be the same", (IMAGES, KERNEL)),
    Error("max_pool.padding", lambda T, x: T.nn.functional.max_pool2d(x, 2, padding=2), RuntimeError, "pad", (D,)),
    Error("batch_norm.single", lambda T, x: T.nn.functional.batch_norm(x, None, None, training=True), ValueError, "more than 1 value per channel", (real(1, 3),)),
    Error("layer_norm.shape", lambda T, x: T.nn.functional.layer_norm(x, (7,)), RuntimeError, "normalized_shape", (real(3, 4),)),
    Error("dropout.p", lambda T, x: T.nn.functional.dropout(x, 1.5), ValueError, "between 0 and 1", (real(3),)),
]

CASES = [*LOSSES, *CONVOLUTION, *NORMALIZATION, *ERRORS]
