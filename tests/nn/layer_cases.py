"""The table of layers: how each is made and what it is given. A row is run by test_layers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Layer:
    """One module. make(torch): the module, of either library. inputs: shapes (normal numbers) or arrays as they are.

    modes: in which modes it is compared. positive: inputs are made positive. grad: whether inputs need a gradient.
    """

    name: str
    make: Callable[[Any], Any]
    inputs: tuple = ()
    modes: tuple[str, ...] = ("train", "eval")
    positive: bool = False
    grad: bool = True
    tolerance: float = 1e-9
    call: dict = field(default_factory=dict)

    def arrays(self) -> list[np.ndarray]:
        rng = np.random.default_rng(sum(map(ord, self.name)))
        made = [rng.standard_normal(i) if isinstance(i, tuple) else i for i in self.inputs]
        return [np.abs(a) + 0.1 if self.positive and a.dtype.kind == "f" else a for a in made]


def ints(*shape: int, high: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, high, shape)


def signs(*shape: int) -> np.ndarray:
    return np.random.default_rng(1).choice([-1.0, 1.0], shape)


def shares(*shape: int) -> np.ndarray:
    return np.random.default_rng(2).uniform(0.05, 0.95, shape)


# fmt: off
LINEAR = [
    Layer("Linear", lambda t: t.nn.Linear(4, 3), ((5, 4),)),
    Layer("Linear without bias", lambda t: t.nn.Linear(4, 3, bias=False), ((2, 5, 4),)),
    Layer("Linear of a vector", lambda t: t.nn.Linear(4, 3), ((4,),)),
    Layer("Bilinear", lambda t: t.nn.Bilinear(3, 4, 2), ((5, 3), (5, 4))),
    Layer("Identity", lambda t: t.nn.Identity(3, a=1), ((5, 3),)),
    Layer("LazyLinear", lambda t: t.nn.LazyLinear(3), ((5, 4),)),
    Layer("Flatten", lambda t: t.nn.Flatten(), ((2, 3, 4),)),
    Layer("Unflatten", lambda t: t.nn.Unflatten(1, (2, 3)), ((4, 6),)),
]

CONVOLUTIONS = [
    Layer("Conv1d", lambda t: t.nn.Conv1d(3, 4, 3, padding=1, stride=2), ((2, 3, 9),)),
    Layer("Conv2d", lambda t: t.nn.Conv2d(3, 4, 3), ((2, 3, 6, 7),)),
    Layer("Conv2d unbatched", lambda t: t.nn.Conv2d(3, 4, 3), ((3, 6, 7),)),
    Layer("Conv2d grouped", lambda t: t.nn.Conv2d(4, 6, (3, 2), (2, 1), (1, 0), (1, 2), 2, bias=False),
          ((2, 4, 7, 6),)),
    Layer("Conv2d same", lambda t: t.nn.Conv2d(2, 3, 4, padding="same"), ((1, 2, 6, 5),)),
    Layer("Conv2d reflect", lambda t: t.nn.Conv2d(2, 3, 3, padding=(2, 1), padding_mode="reflect"), ((1, 2, 6, 5),)),
    Layer("Conv2d circular", lambda t: t.nn.Conv2d(2, 3, 3, padding=1, padding_mode="circular"), ((1, 2, 6, 5),)),
    Layer("Conv1d replicate", lambda t: t.nn.Conv1d(2, 3, 3, padding=2, padding_mode="replicate"), ((1, 2, 6),)),
    Layer("Conv3d", lambda t: t.nn.Conv3d(2, 3, 2), ((1, 2, 4, 3, 4),)),
    Layer("ConvTranspose1d", lambda t: t.nn.ConvTranspose1d(3, 4, 3, stride=2, output_padding=1), ((2, 3, 5),)),
    Layer("ConvTranspose2d", lambda t: t.nn.ConvTranspose2d(4, 6, 3, stride=2, padding=1, groups=2), ((2, 4, 4, 5),)),
    Layer("ConvTranspose2d to a size", lambda t: t.nn.ConvTranspose2d(2, 3, 3, stride=2), ((2, 2, 4, 5),),
          call={"output_size": [10, 12]}),
    Layer("ConvTranspose3d", lambda t: t.nn.ConvTranspose3d(2, 3, 2), ((1, 2, 3, 3, 4),)),
    Layer("LazyConv2d", lambda t: t.nn.LazyConv2d(4, 3), ((2, 3, 6, 7),)),
    Layer("LazyConvTranspose1d", lambda t: t.nn.LazyConvTranspose1d(4, 3, bias=False), ((2, 3, 6),)),
]

NORMALISATIONS = [
    Layer("BatchNorm1d", lambda t: t.nn.BatchNorm1d(3), ((5, 3),)),
    Layer("BatchNorm1d of sequences", lambda t: t.nn.BatchNorm1d(3), ((5, 3, 4),)),
    Layer("BatchNorm2d", lambda t: t.nn.BatchNorm2d(3), ((4, 3, 5, 4),)),
    Layer("BatchNorm2d without bias", lambda t: t.nn.BatchNorm2d(3, bias=False), ((4, 3, 5, 4),)),
    Layer("BatchNorm2d cumulative", lambda t: t.nn.BatchNorm2d(3, momentum=None, eps=1e-3), ((4, 3, 5, 4),)),
    Layer("BatchNorm2d plain", lambda t: t.nn.BatchNorm2d(3, affine=False, track_running_stats=False), ((4, 3, 5, 4),)),
    Layer("BatchNorm3d", lambda t: t.nn.BatchNorm3d(2), ((3, 2, 3, 2, 4),)),
    Layer("LazyBatchNorm2d", lambda t: t.nn.LazyBatchNorm2d(), ((4, 3, 5, 4),)),
    Layer("InstanceNorm1d", lambda t: t.nn.InstanceNorm1d(3), ((2, 3, 5),)),
    Layer("InstanceNorm2d", lambda t: t.nn.InstanceNorm2d(3, affine=True, track_running_stats=True), ((2, 3, 5, 4),)),
    Layer("InstanceNorm2d unbatched", lambda t: t.nn.InstanceNorm2d(3, affine=True), ((3, 5, 4),)),
    Layer("InstanceNorm3d", lambda t: t.nn.InstanceNorm3d(2), ((2, 2, 3, 2, 4),)),
    Layer("LazyInstanceNorm2d", lambda t: t.nn.LazyInstanceNorm2d(), ((2, 3, 5, 4),)),
    Layer("LayerNorm", lambda t: t.nn.LayerNorm(4), ((2, 3, 4),)),
    Layer("LayerNorm of two", lambda t: t.nn.LayerNorm([3, 4], eps=1e-3, bias=False), ((2, 3, 4),)),
    Layer("LayerNorm plain", lambda t: t.nn.LayerNorm(4, elementwise_affine=False), ((2, 3, 4),)),
    Layer("GroupNorm", lambda t: t.nn.GroupNorm(2, 4), ((3, 4, 5),)),
    Layer("GroupNorm plain", lambda t: t.nn.GroupNorm(4, 4, affine=False), ((3, 4, 2, 2),)),
    Layer("RMSNorm", lambda t: t.nn.RMSNorm(4), ((2, 3, 4),)),
    Layer("LocalResponseNorm", lambda t: t.nn.LocalResponseNorm(2), ((2, 4, 3, 3),)),
]

ACTIVATIONS = [
    Layer("ReLU", lambda t: t.nn.ReLU(), ((3, 4),)),
    Layer("ReLU6", lambda t: t.nn.ReLU6(), ((3, 4),)),
    Layer("RReLU", lambda t: t.nn.RReLU(), ((3, 4),)),
    Layer("Hardtanh", lambda t: t.nn.Hardtanh(-0.5, 0.7), ((3, 4),)),
    Layer("Threshold", lambda t: t.nn.Threshold(0.1, 20), ((3, 4),)),
    Layer("Sigmoid", lambda t: t.nn.Sigmoid(), ((3, 4),)),
    Layer("Hardsigmoid", lambda t: t.nn.Hardsigmoid(), ((3, 4),), tolerance=1e-7),  # PyTorch takes 1/6 in float32
    Layer("Tanh", lambda t: t.nn.Tanh(), ((3, 4),)),
    Layer("SiLU", lambda t: t.nn.SiLU(), ((3, 4),)),
    Layer("Mish", lambda t: t.nn.Mish(), ((3, 4),)),
    Layer("Hardswish", lambda t: t.nn.Hardswish(), ((3, 4),)),
    Layer("ELU", lambda t: t.nn.ELU(0.7), ((3, 4),)),
    Layer("CELU", lambda t: t.nn.CELU(0.7), ((3, 4),), tolerance=1e-7),  # PyTorch takes alpha in float32
    Layer("SELU", lambda t: t.nn.SELU(), ((3, 4),)),
    Layer("GLU", lambda t: t.nn.GLU(), ((3, 4),)),
    Layer("GELU", lambda t: t.nn.GELU(), ((3, 4),)),
    Layer("GELU tanh", lambda t: t.nn.GELU("tanh"), ((3, 4),)),
    Layer("Hardshrink", lambda t: t.nn.Hardshrink(), ((3, 4),)),
    Layer("LeakyReLU", lambda t: t.nn.LeakyReLU(0.2), ((3, 4),)),
    Layer("LogSigmoid", lambda t: t.nn.LogSigmoid(), ((3, 4),)),
    Layer("Softplus", lambda t: t.nn.Softplus(2, 1), ((3, 4),)),
    Layer("Softshrink", lambda t: t.nn.Softshrink(), ((3, 4),)),
    Layer("PReLU", lambda t: t.nn.PReLU(4), ((3, 4),)),
    Layer("Softsign", lambda t: t.nn.Softsign(), ((3, 4),)),
    Layer("Tanhshrink", lambda t: t.nn.Tanhshrink(), ((3, 4),)),
    Layer("Softmin", lambda t: t.nn.Softmin(1), ((3, 4),)),
    Layer("Softmax", lambda t: t.nn.Softmax(0), ((3, 4),)),
    Layer("Softmax2d", lambda t: t.nn.Softmax2d(), ((2, 3, 4, 2),)),
    Layer("LogSoftmax", lambda t: t.nn.LogSoftmax(-1), ((3, 4),)),
    Layer("Dropout", lambda t: t.nn.Dropout(0.3), ((3, 4),)),
    Layer("Dropout of nothing", lambda t: t.nn.Dropout(0.0), ((3, 4),)),
    Layer("Dropout1d", lambda t: t.nn.Dropout1d(0.3), ((3, 4, 5),)),
    Layer("Dropout2d", lambda t: t.nn.Dropout2d(0.3), ((3, 4, 5, 2),)),
    Layer("Dropout3d", lambda t: t.nn.Dropout3d(0.3), ((3, 4, 5, 2, 2),)),
    Layer("AlphaDropout", lambda t: t.nn.AlphaDropout(0.3), ((3, 4),)),
    Layer("FeatureAlphaDropout", lambda t: t.nn.FeatureAlphaDropout(0.3), ((3, 4),)),
]

IMAGES = [
    Layer("MaxPool1d", lambda t: t.nn.MaxPool1d(2, padding=1), ((2, 3, 7),)),
    Layer("MaxPool2d", lambda t: t.nn.MaxPool2d(3, stride=2, ceil_mode=True), ((2, 3, 6, 7),)),
    Layer("MaxPool2d dilated", lambda t: t.nn.MaxPool2d((2, 3), stride=1, dilation=2), ((2, 3, 6, 7),)),
    Layer("MaxPool3d", lambda t: t.nn.MaxPool3d(2), ((1, 2, 4, 4, 5),)),
    Layer("AvgPool1d", lambda t: t.nn.AvgPool1d(2, padding=1, count_include_pad=False), ((2, 3, 7),)),
    Layer("AvgPool2d", lambda t: t.nn.AvgPool2d(3, stride=2, padding=1), ((2, 3, 6, 7),)),
    Layer("AvgPool2d divided", lambda t: t.nn.AvgPool2d(2, divisor_override=3), ((2, 3, 6, 7),)),
    Layer("AvgPool3d", lambda t: t.nn.AvgPool3d(2), ((1, 2, 4, 4, 5),)),
    Layer("LPPool1d", lambda t: t.nn.LPPool1d(2, 3), ((2, 3, 7),), positive=True),
    Layer("LPPool2d", lambda t: t.nn.LPPool2d(3, 2, ceil_mode=True), ((2, 3, 5, 7),), positive=True),
    Layer("AdaptiveAvgPool1d", lambda t: t.nn.AdaptiveAvgPool1d(3), ((2, 3, 7),)),
    Layer("AdaptiveAvgPool2d", lambda t: t.nn.AdaptiveAvgPool2d((1, None)), ((2, 3, 6, 7),)),
    Layer("AdaptiveAvgPool3d", lambda t: t.nn.AdaptiveAvgPool3d(2), ((1, 2, 3, 4, 5),)),
    Layer("AdaptiveMaxPool1d", lambda t: t.nn.AdaptiveMaxPool1d(3), ((2, 3, 7),)),
    Layer("AdaptiveMaxPool2d", lambda t: t.nn.AdaptiveMaxPool2d((2, 3)), ((2, 3, 6, 7),)),
    Layer("AdaptiveMaxPool3d", lambda t: t.nn.AdaptiveMaxPool3d(2), ((1, 2, 3, 4, 5),)),
    Layer("ZeroPad1d", lambda t: t.nn.ZeroPad1d((1, 2)), ((2, 3, 4),)),
    Layer("ZeroPad2d", lambda t: t.nn.ZeroPad2d(1), ((2, 3, 4),)),
    Layer("ConstantPad2d", lambda t: t.nn.ConstantPad2d((1, 0, 2, 1), 3.5), ((1, 2, 3, 4),)),
    Layer("ConstantPad3d", lambda t: t.nn.ConstantPad3d(1, -1.0), ((1, 2, 3, 4, 2),)),
    Layer("ReflectionPad1d", lambda t: t.nn.ReflectionPad1d(2), ((2, 3, 4),)),
    Layer("ReflectionPad2d", lambda t: t.nn.ReflectionPad2d((1, 2, 0, 1)), ((1, 2, 3, 4),)),
    Layer("ReplicationPad2d", lambda t: t.nn.ReplicationPad2d(2), ((1, 2, 3, 4),)),
    Layer("CircularPad2d", lambda t: t.nn.CircularPad2d((1, 2, 0, 1)), ((1, 2, 3, 4),)),
    Layer("Upsample", lambda t: t.nn.Upsample(scale_factor=2), ((1, 2, 3, 4),)),
    Layer("Upsample bilinear", lambda t: t.nn.Upsample((5, 6), mode="bilinear"), ((1, 2, 3, 4),)),
    Layer("UpsamplingNearest2d", lambda t: t.nn.UpsamplingNearest2d(size=5), ((1, 2, 3, 4),)),
    Layer("UpsamplingBilinear2d", lambda t: t.nn.UpsamplingBilinear2d(scale_factor=2), ((1, 2, 3, 4),)),
    Layer("PixelShuffle", lambda t: t.nn.PixelShuffle(2), ((1, 8, 3, 4),)),
    Layer("PixelUnshuffle", lambda t: t.nn.PixelUnshuffle(2), ((1, 2, 4, 6),)),
    Layer("ChannelShuffle", lambda t: t.nn.ChannelShuffle(2), ((1, 4, 2, 2),)),
    Layer("Fold", lambda t: t.nn.Fold((4, 5), 2), ((1, 8, 12),)),
    Layer("Unfold", lambda t: t.nn.Unfold(2, padding=1), ((1, 2, 4, 5),)),
]

TABLES = [
    Layer("Embedding", lambda t: t.nn.Embedding(7, 3), (ints(4, 2, high=7),)),
    Layer("Embedding with padding", lambda t: t.nn.Embedding(7, 3, padding_idx=-1), (ints(9, high=7),)),
    Layer("Embedding by frequency", lambda t: t.nn.Embedding(4, 3, scale_grad_by_freq=True), (ints(9, high=4),)),
    Layer("Embedding renormalised", lambda t: t.nn.Embedding(7, 3, max_norm=0.5, norm_type=1.0), (ints(9, high=7),),
          modes=("train",)),
    Layer("EmbeddingBag", lambda t: t.nn.EmbeddingBag(7, 3), (ints(4, 5, high=7),)),
    Layer("EmbeddingBag sum", lambda t: t.nn.EmbeddingBag(7, 3, mode="sum"), (ints(6, high=7), np.array([0, 2, 2]))),
]

ATTENTION = [
    Layer("MultiheadAttention", lambda t: t.nn.MultiheadAttention(8, 2), ((5, 3, 8), (4, 3, 8), (4, 3, 8))),
    Layer("MultiheadAttention sizes",
          lambda t: t.nn.MultiheadAttention(8, 2, kdim=3, vdim=5, batch_first=True, bias=False),
          ((3, 5, 8), (3, 4, 3), (3, 4, 5))),
    Layer("MultiheadAttention extras", lambda t: t.nn.MultiheadAttention(8, 4, add_bias_kv=True, add_zero_attn=True),
          ((5, 3, 8), (4, 3, 8), (4, 3, 8)), call={"average_attn_weights": False}),
    Layer("TransformerEncoderLayer", lambda t: t.nn.TransformerEncoderLayer(8, 2, 16, 0.0), ((5, 3, 8),)),
    Layer("TransformerEncoderLayer first",
          lambda t: t.nn.TransformerEncoderLayer(8, 2, 16, 0.0, "gelu", norm_first=True, batch_first=True),
          ((3, 5, 8),)),
    Layer("TransformerEncoderLayer with dropout",
          lambda t: t.nn.TransformerEncoderLayer(8, 2, 16, 0.2, batch_first=True), ((3, 5, 8),)),
    Layer("TransformerDecoderLayer", lambda t: t.nn.TransformerDecoderLayer(8, 2, 16, 0.0), ((5, 3, 8), (4, 3, 8))),
    Layer("TransformerDecoderLayer first",
          lambda t: t.nn.TransformerDecoderLayer(8, 2, 16, 0.0, norm_first=True, bias=False),
          ((5, 3, 8), (4, 3, 8))),
    Layer("TransformerEncoder", lambda t: t.nn.TransformerEncoder(t.nn.TransformerEncoderLayer(8, 2, 16, 0.0), 2,
                                                                  t.nn.LayerNorm(8)), ((5, 3, 8),)),
    Layer("TransformerDecoder", lambda t: t.nn.TransformerDecoder(t.nn.TransformerDecoderLayer(8, 2, 16, 0.0), 2),
          ((5, 3, 8), (4, 3, 8))),
    Layer("Transformer", lambda t: t.nn.Transformer(8, 2, 1, 1, 16, 0.0), ((5, 3, 8), (4, 3, 8))),
]

RECURRENT = [
    Layer("RNN", lambda t: t.nn.RNN(3, 4, 2), ((5, 2, 3),)),
    Layer("RNN relu", lambda t: t.nn.RNN(3, 4, nonlinearity="relu", bidirectional=True), ((5, 2, 3), (2, 2, 4))),
    Layer("LSTM", lambda t: t.nn.LSTM(3, 4), ((5, 2, 3),)),
    Layer("LSTM deep", lambda t: t.nn.LSTM(3, 4, 2, bidirectional=True, batch_first=True, bias=False), ((2, 5, 3),)),
    Layer("LSTM projected", lambda t: t.nn.LSTM(3, 4, 2, proj_size=2, bidirectional=True), ((5, 2, 3),)),
    Layer("LSTM unbatched", lambda t: t.nn.LSTM(3, 4), ((5, 3),)),
    Layer("LSTM with dropout", lambda t: t.nn.LSTM(3, 4, 3, dropout=0.4), ((5, 2, 3),)),
    Layer("GRU", lambda t: t.nn.GRU(3, 4, 2, bidirectional=True), ((5, 2, 3), (4, 2, 4))),
    Layer("RNNCell", lambda t: t.nn.RNNCell(3, 4), ((2, 3),)),
    Layer("RNNCell relu", lambda t: t.nn.RNNCell(3, 4, bias=False, nonlinearity="relu"), ((2, 3), (2, 4))),
    Layer("LSTMCell", lambda t: t.nn.LSTMCell(3, 4), ((2, 3),)),
    Layer("GRUCell", lambda t: t.nn.GRUCell(3, 4), ((3,), (4,))),
]

LOSSES = [
    Layer("L1Loss", lambda t: t.nn.L1Loss(), ((3, 4), (3, 4))),
    Layer("MSELoss", lambda t: t.nn.MSELoss(reduction="sum"), ((3, 4), (3, 4))),
    Layer("MSELoss none", lambda t: t.nn.MSELoss(reduction="none"), ((3, 4), (3, 4))),
    Layer("SmoothL1Loss", lambda t: t.nn.SmoothL1Loss(beta=0.5), ((3, 4), (3, 4))),
    Layer("HuberLoss", lambda t: t.nn.HuberLoss(delta=0.5), ((3, 4), (3, 4))),
    Layer("CrossEntropyLoss", lambda t: t.nn.CrossEntropyLoss(), ((5, 4), ints(5, high=4))),
    Layer("CrossEntropyLoss weighted", lambda t: t.nn.CrossEntropyLoss(
        t.tensor([1.0, 2.0, 0.5, 1.0], dtype=t.float64), ignore_index=1, label_smoothing=0.1),
          ((5, 4, 3), ints(5, 3, high=4))),
    Layer("CrossEntropyLoss shares", lambda t: t.nn.CrossEntropyLoss(), ((5, 4), shares(5, 4))),
    Layer("NLLLoss", lambda t: t.nn.NLLLoss(), ((5, 4), ints(5, high=4))),
    Layer("PoissonNLLLoss", lambda t: t.nn.PoissonNLLLoss(full=True), ((3, 4), ints(3, 4, high=5).astype(float))),
    Layer("GaussianNLLLoss", lambda t: t.nn.GaussianNLLLoss(full=True), ((3, 4), (3, 4), shares(3, 4))),
    Layer("KLDivLoss", lambda t: t.nn.KLDivLoss(reduction="batchmean"), ((3, 4), shares(3, 4))),
    Layer("BCELoss", lambda t: t.nn.BCELoss(), (shares(3, 4), ints(3, 4, high=2).astype(float))),
    Layer("BCEWithLogitsLoss",
          lambda t: t.nn.BCEWithLogitsLoss(pos_weight=t.tensor([1.0, 2.0, 3.0, 4.0], dtype=t.float64)),
          ((3, 4), ints(3, 4, high=2).astype(float))),
    Layer("HingeEmbeddingLoss", lambda t: t.nn.HingeEmbeddingLoss(), ((3, 4), signs(3, 4))),
    Layer("SoftMarginLoss", lambda t: t.nn.SoftMarginLoss(), ((3, 4), signs(3, 4))),
    Layer("CosineEmbeddingLoss", lambda t: t.nn.CosineEmbeddingLoss(0.1), ((3, 4), (3, 4), signs(3))),
    Layer("MarginRankingLoss", lambda t: t.nn.MarginRankingLoss(0.1), ((3,), (3,), signs(3))),
    Layer("MultiLabelMarginLoss", lambda t: t.nn.MultiLabelMarginLoss(),
          ((2, 4), np.array([[3, 0, -1, 1], [1, -1, 0, 0]]))),
    Layer("MultiLabelSoftMarginLoss", lambda t: t.nn.MultiLabelSoftMarginLoss(),
          ((3, 4), ints(3, 4, high=2).astype(float))),
    Layer("MultiMarginLoss", lambda t: t.nn.MultiMarginLoss(2, 0.5), ((3, 4), ints(3, high=4))),
    Layer("TripletMarginLoss", lambda t: t.nn.TripletMarginLoss(swap=True), ((3, 4), (3, 4), (3, 4))),
    Layer("TripletMarginWithDistanceLoss", lambda t: t.nn.TripletMarginWithDistanceLoss(), ((3, 4), (3, 4), (3, 4))),
    Layer("CTCLoss", lambda t: t.nn.CTCLoss(), ((6, 2, 5), 1 + ints(2, 3, high=4), np.array([6, 5]), np.array([3, 2])),
          grad=False),
    Layer("PairwiseDistance", lambda t: t.nn.PairwiseDistance(keepdim=True), ((3, 4), (3, 4))),
    Layer("CosineSimilarity", lambda t: t.nn.CosineSimilarity(), ((3, 4), (3, 4))),
    Layer("AdaptiveLogSoftmaxWithLoss", lambda t: t.nn.AdaptiveLogSoftmaxWithLoss(16, 12, [4, 8], div_value=2.0),
          ((5, 16), ints(5, high=12))),
]
# fmt: on

LAYERS = [
    *(LINEAR + CONVOLUTIONS + NORMALISATIONS + ACTIVATIONS + IMAGES + TABLES),
    *(ATTENTION + RECURRENT + LOSSES),
]
