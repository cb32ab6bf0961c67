"""What layers refuse: the class and the first line of the message are those that PyTorch 2.13 gives."""

from __future__ import annotations

import warnings

import pytest

import taper


def attend(t, query=(3, 2, 4), key=(5, 2, 4), value=None, hides=None, mask=None, **options):
    """Multi-head attention of zeros; hides and mask are tensors."""
    layer = t.nn.MultiheadAttention(4, 2, **options)
    zeros = [t.zeros(shape) for shape in (query, key, key if value is None else value)]
    return layer(*zeros, key_padding_mask=hides, attn_mask=mask)


# fmt: off
ATTENTION = [
    ("a vector", lambda t: attend(t, (4,), (4,)), AssertionError,
     "query should be unbatched 2D or batched 3D tensor but received 1-D query tensor"),
    ("four dimensions", lambda t: attend(t, (1, 1, 3, 4), (1, 1, 3, 4)), AssertionError,
     "query should be unbatched 2D or batched 3D tensor but received 4-D query tensor"),
    ("a batch of queries", lambda t: attend(t, key=(5, 4)), AssertionError,
     "For batched (3-D) `query`, expected `key` and `value` to be 3-D but found 2-D and 2-D tensors respectively"),
    ("a batch of keys", lambda t: attend(t, (3, 4)), AssertionError,
     "For unbatched (2-D) `query`, expected `key` and `value` to be 2-D but found 3-D and 3-D tensors respectively"),
    ("fewer values", lambda t: attend(t, value=(4, 2, 4)), AssertionError,
     "key shape torch.Size([5, 2, 4]) does not match value shape torch.Size([4, 2, 4])"),
    ("fewer separate values", lambda t: attend(t, value=(4, 2, 6), vdim=6), AssertionError,
     "key's sequence and batch dims torch.Size([5, 2]) do not match value's torch.Size([4, 2])"),
    ("a turned mask of keys", lambda t: attend(t, hides=t.zeros(5, 2).bool()), AssertionError,
     "Expected key_padded_mask.shape[0] to be 2, but got 5"),
    ("a short mask of keys", lambda t: attend(t, hides=t.zeros(2, 4).bool()), AssertionError,
     "Expected key_padded_mask.shape[1] to be 5, but got 4"),
    ("one mask of keys", lambda t: attend(t, hides=t.zeros(5).bool()), AssertionError,
     "For batched (3-D) `query`, expected `key_padding_mask` to be `None` or 2-D but found 1-D tensor instead"),
    ("a whole mask of keys", lambda t: attend(t, hides=t.zeros(2, 5).long()), AssertionError,
     "only bool and floating types of key_padding_mask are supported"),
    ("a vector of a mask", lambda t: attend(t, mask=t.zeros(5)), AssertionError,
     "For batched (3-D) `query`, expected `attn_mask` to be `None`, 2-D or 3-D but found 1-D tensor instead"),
    ("a turned mask", lambda t: attend(t, mask=t.zeros(5, 3)), RuntimeError,
     "The shape of the 2D attn_mask is torch.Size([5, 3]), but should be (3, 5)."),
    ("a mask of one head", lambda t: attend(t, mask=t.zeros(1, 3, 5)), RuntimeError,
     "The shape of the 3D attn_mask is torch.Size([1, 3, 5]), but should be (4, 3, 5)."),
    ("a whole mask", lambda t: attend(t, mask=t.zeros(3, 5).long()), AssertionError,
     "only bool and floating types of attn_mask are supported"),
    ("an unbatched mask of one head", lambda t: attend(t, (3, 4), (5, 4), mask=t.zeros(1, 3, 5)), AssertionError,
     "Expected `attn_mask` shape to be (2, 3, 5) but got torch.Size([1, 3, 5])"),
]
ROWS = [
    ("no groups", lambda t: t.nn.Conv2d(2, 2, 1, groups=0), ValueError, "groups must be a positive integer"),
    ("odd inputs", lambda t: t.nn.Conv2d(3, 2, 1, groups=2), ValueError, "in_channels must be divisible by groups"),
    ("odd outputs", lambda t: t.nn.Conv2d(2, 3, 1, groups=2), ValueError, "out_channels must be divisible by groups"),
    ("strided same", lambda t: t.nn.Conv2d(2, 3, 1, stride=2, padding="same"), ValueError,
     "padding='same' is not supported for strided convolutions"),
    ("padding word", lambda t: t.nn.Conv1d(2, 3, 1, padding="full"), ValueError, "Invalid padding string 'full'"),
    ("padding mode", lambda t: t.nn.Conv1d(2, 3, 1, padding_mode="full"), ValueError, "padding_mode must be one of"),
    ("transposed mode", lambda t: t.nn.ConvTranspose1d(2, 3, 1, padding_mode="reflect"), ValueError,
     'Only "zeros" padding mode is supported for ConvTranspose1d'),
    ("output size", lambda t: t.nn.ConvTranspose1d(1, 1, 3, stride=2)(t.ones(1, 1, 4), output_size=[20]), ValueError,
     "requested an output size of [20], but valid sizes range from [9] to [10] (for an input of torch.Size([4]))"),
    ("drop all", lambda t: t.nn.Dropout(1.5), ValueError, "dropout probability has to be between 0 and 1, but got 1.5"),
    ("groups of channels", lambda t: t.nn.GroupNorm(2, 3), ValueError,
     "num_channels (3) must be divisible by num_groups (2)"),
    ("norm 1d", lambda t: t.nn.BatchNorm1d(2)(t.ones(1, 2, 3, 4)), ValueError,
     "expected 2D or 3D input (got 4D input)"),
    ("norm 2d", lambda t: t.nn.BatchNorm2d(2)(t.ones(1, 2, 3)), ValueError, "expected 4D input (got 3D input)"),
    ("norm 3d", lambda t: t.nn.BatchNorm3d(2)(t.ones(1, 2, 3)), ValueError, "expected 5D input (got 3D input)"),
    ("instance 2d", lambda t: t.nn.InstanceNorm2d(2)(t.ones(1, 2)), ValueError,
     "expected 3D or 4D input (got 2D input)"),
    ("instance channels", lambda t: t.nn.InstanceNorm1d(2, affine=True)(t.ones(1, 3, 4)), ValueError,
     "expected input's size at dim=1 to match num_features (2), but got: 3."),
    ("padding row", lambda t: t.nn.Embedding(3, 2, padding_idx=3), AssertionError,
     "Padding_idx must be within num_embeddings"),
    ("table shape", lambda t: t.nn.Embedding(3, 2, _weight=t.ones(2, 2)), AssertionError,
     "Shape of weight does not match num_embeddings and embedding_dim"),
    ("vector table", lambda t: t.nn.Embedding.from_pretrained(t.ones(2)), AssertionError,
     "Embeddings parameter is expected to be 2-dimensional"),
    ("bilinear", lambda t: t.nn.Bilinear(0, 2, 2), ValueError, "in1_features must be > 0, but got (in1_features=0)"),
    ("unflatten", lambda t: t.nn.Unflatten(1, (2, 0.5)), TypeError,
     "unflattened_size must be tuple of ints, but found element of type float at pos 1"),
    ("softmax 2d", lambda t: t.nn.Softmax2d()(t.ones(2)), ValueError,
     "Softmax2d: expected input to be 3D or 4D, got 1D instead"),
    ("circular", lambda t: t.nn.CircularPad1d(1)(t.ones(2)), ValueError, "expected 2D or 3D input (got 1D input)"),
    ("fractional", lambda t: t.nn.FractionalMaxPool2d(2), ValueError,
     "FractionalMaxPool2d requires specifying either an output size, or a pooling ratio"),
    ("fractional twice", lambda t: t.nn.FractionalMaxPool2d(2, 2, 0.5), ValueError,
     "only one of output_size and output_ratio may be specified"),
    ("fractional ratio", lambda t: t.nn.FractionalMaxPool2d(2, output_ratio=1.5), ValueError,
     "output_ratio must be between 0 and 1 (got 1.5)"),
    ("heads", lambda t: t.nn.MultiheadAttention(8, 3), AssertionError, "embed_dim must be divisible by num_heads"),
    ("no heads", lambda t: t.nn.MultiheadAttention(8, 0), ValueError,
     "embed_dim and num_heads must be greater than 0, got embed_dim=8 and num_heads=0 instead"),
    *[(f"attention: {name}", call, error, words) for name, call, error, words in ATTENTION],
    ("unfolded", lambda t: t.nn.Fold(2, 2)(t.ones(1, 2, 4, 3)), RuntimeError,
     "Expected 2D or 3D (batch mode) tensor for input with possibly 0 batch size and non-zero dimensions for input"),
    ("no image", lambda t: t.nn.PixelUnshuffle(2)(t.ones(4, 4)), RuntimeError,
     "pixel_unshuffle expects input to have at least 3 dimensions, but got input with 2 dimension(s)"),
    ("no channels", lambda t: t.nn.ChannelShuffle(2)(t.ones(4, 4)), RuntimeError,
     "channel_shuffle expects input with > 2 dims, but got input with sizes [4, 4]"),
    ("reflection of nothing", lambda t: t.nn.ReflectionPad1d(1)(t.ones(0, 3)), RuntimeError,
     "Expected 2D or 3D (batch mode) tensor with possibly 0 batch size and other non-zero dimensions for input"),
    ("upsampling of nothing", lambda t: t.nn.Upsample(scale_factor=2)(t.ones(2, 0, 3)), RuntimeError,
     "Non-empty 3D data tensor expected but got a tensor with sizes [2, 0, 3]"),
    ("instances of other channels", lambda t: t.nn.functional.instance_norm(t.ones(2, 3, 4), t.zeros(2), t.ones(2)),
     RuntimeError, "running_mean should contain 6 elements not 4"),
    ("layer norm of ints", lambda t: t.nn.LayerNorm(3)(t.ones(2, 3, dtype=t.int64)), RuntimeError, "mixed dtype (CPU):"),
    ("group norm of ints", lambda t: t.nn.GroupNorm(1, 3)(t.ones(2, 3, dtype=t.int64)), RuntimeError,
     "mixed dtype (CPU):"),
    ("cell batch of a vector", lambda t: t.nn.RNNCell(3, 4)(t.ones(2, 3), t.zeros(4)), RuntimeError,
     "Input batch size 2 doesn't match hidden0 batch size 4"),
    ("ctc of ints", lambda t: t.nn.CTCLoss()(t.ones(4, 1, 3, dtype=t.int64), t.ones(1, 2), [4], [2]),
     NotImplementedError, '"ctc_loss_cpu" not implemented for \'Long\''),
    ("pool of a matrix", lambda t: t.nn.AvgPool2d(2)(t.ones(4, 4)), IndexError, "Dimension out of range"),
    ("bag beyond", lambda t: t.nn.EmbeddingBag(4, 2)(t.tensor([1]), t.tensor([0, 2])), RuntimeError,
     "offsets[-1] can not be greater than input's length 1"),
    ("instances with one statistic", lambda t: t.nn.functional.instance_norm(t.ones(2, 3, 4), t.zeros(3)), ValueError,
     "running_mean and running_var must either both be None or neither be None"),
    ("instances of another dtype", lambda t: t.nn.functional.instance_norm(t.ones(2, 3, 4), weight=t.ones(3).double()),
     RuntimeError, "mixed dtype (CPU): expect parameter to have scalar type of Float"),
    ("convolution of nothing", lambda t: t.nn.Conv1d(3, 3, 3, padding=2)(t.ones(1, 3, 0)), RuntimeError,
     "Only zero batch or zero channel inputs are supported, but got input shape: [1, 3,"),
    ("transposed convolution of nothing", lambda t: t.nn.ConvTranspose2d(3, 3, 3)(t.ones(1, 3, 4, 0)), RuntimeError,
     "Only zero batch or zero channel inputs are supported, but got input shape: [1, 3, 4, 0]"),
    ("linear with a vector", lambda t: t.nn.functional.linear(t.ones(2, 3), t.ones(3), t.ones(2)), RuntimeError,
     "mat2 must be a matrix, got 1-D tensor"),
    ("cropped away", lambda t: t.nn.functional.pad(t.ones(1, 3), (-5, -5), "circular"), RuntimeError,
     "Negative padding value is resulting in an empty dimension"),
    ("reflected away", lambda t: t.nn.functional.pad(t.ones(1, 3), (-1, -2), "reflect"), RuntimeError, "input "),
    ("no window", lambda t: t.nn.Unfold(0)(t.ones(1, 1, 5, 5)), RuntimeError, "kernel size should be greater than zero"),
    ("window backwards", lambda t: t.nn.Unfold(2, dilation=-1)(t.ones(1, 1, 5, 5)), RuntimeError,
     "dilation should be greater than zero"),
    ("cosine of negative norms", lambda t: t.nn.CosineSimilarity(eps=-1.0)(t.ones(2, 3), t.ones(2, 3)), RuntimeError,
     "eps must be non-negative, got: -1"),
    ("distances of a negative norm", lambda t: t.nn.functional.pdist(t.ones(3, 2), -1.0), RuntimeError,
     "pdist only supports non-negative p values"),
    ("targets of three dimensions", lambda t: t.nn.CTCLoss()(t.ones(4, 1, 3), t.ones(1, 1, 2).long(), (4,), (2,)),
     RuntimeError, "Expected 1 to 2 dimensions, but got 3-dimensional tensor for argument #2 'targets'"),
    ("weights that widen", lambda t: t.nn.functional.binary_cross_entropy_with_logits(t.ones(3), t.ones(3), t.ones(2, 3)),
     RuntimeError, "output with shape [3] doesn't match the broadcast shape [2, 3]"),
    ("positive weights that widen", lambda t: t.nn.BCEWithLogitsLoss(pos_weight=t.ones(2, 3))(t.ones(3), t.ones(3)),
     RuntimeError, "output with shape [3] doesn't match the broadcast shape [2, 3]"),
    ("weights that widen a share", lambda t: t.nn.BCELoss(weight=t.ones(2, 3))(t.ones(3), t.ones(3)), RuntimeError,
     "output with shape [3] doesn't match the broadcast shape [2, 3]"),
    ("positive bools", lambda t: t.nn.BCEWithLogitsLoss(pos_weight=t.ones(3).bool())(t.ones(3), t.ones(3)), RuntimeError,
     "Subtraction, the `-` operator, with a bool tensor is not supported"),
    ("huber's nan", lambda t: t.nn.functional.huber_loss(t.ones(3), t.ones(3), delta=float("nan")), RuntimeError,
     "huber_loss does not support non-positive values for delta"),
    ("activation", lambda t: t.nn.TransformerEncoderLayer(8, 2, activation="tanh"), RuntimeError,
     "activation should be relu/gelu, not tanh"),
    ("batches", lambda t: t.nn.Transformer(8, 2, 1, 1, 8)(t.ones(2, 3, 8), t.ones(2, 2, 8)), RuntimeError,
     "the batch number of src and tgt must be equal"),
    ("features", lambda t: t.nn.Transformer(8, 2, 1, 1, 8)(t.ones(2, 3, 8), t.ones(2, 3, 4)), RuntimeError,
     "the feature number of src and tgt must be equal to d_model"),
    ("margin power", lambda t: t.nn.MultiMarginLoss(p=3), ValueError, "only p == 1 and p == 2 supported"),
    ("triplet margin", lambda t: t.nn.TripletMarginLoss(margin=0), ValueError,
     "TripletMarginLoss: expected margin to be greater than 0, got 0 instead"),
    ("cutoffs", lambda t: t.nn.AdaptiveLogSoftmaxWithLoss(4, 5, [3, 3]), ValueError,
     "cutoffs should be a sequence of unique, positive integers sorted in an increasing order"),
    ("recurrent size", lambda t: t.nn.LSTM(3, 4)(t.ones(5, 2, 4)), RuntimeError,
     "input.size(-1) must be equal to input_size. Expected 3, got 4"),
    ("recurrent dtype", lambda t: t.nn.LSTM(3, 4)(t.ones(5, 2, 3).double()), ValueError,
     "RNN input dtype (torch.float64) does not match weight dtype (torch.float32)"),
    ("recurrent batch", lambda t: t.nn.GRU(3, 4)(t.ones(5, 2, 3), t.zeros(1, 3, 4)), RuntimeError,
     "Expected hidden size (1, 2, 4), got [1, 3, 4]"),
    ("recurrent state", lambda t: t.nn.LSTM(3, 4)(t.ones(5, 2, 3), (t.zeros(1, 2, 4), t.zeros(1, 2, 5))), RuntimeError,
     "Expected hidden[1] size (1, 2, 4), got [1, 2, 5]"),
    ("recurrent state dtype", lambda t: t.nn.GRU(3, 4)(t.ones(5, 2, 3), t.zeros(1, 2, 4).double()), RuntimeError,
     "mat1 and mat2 must have the same dtype, but got Double"),
    ("cell state dtype", lambda t: t.nn.LSTMCell(3, 4)(t.ones(2, 3), (t.zeros(2, 4).double(),) * 2), RuntimeError,
     "mat1 and mat2 must have the same dtype, but got Double"),
    ("recurrent state dims", lambda t: t.nn.LSTM(3, 4)(t.ones(5, 3), (t.zeros(1, 1, 4),) * 2), RuntimeError,
     "For unbatched 2-D input, hx and cx should also be 2-D but got (3-D, 3-D) tensors"),
    ("recurrent dims", lambda t: t.nn.RNN(3, 4)(t.ones(5)), ValueError,
     "RNN: Expected input to be 2D or 3D, got 1D tensor instead"),
    ("no steps", lambda t: t.nn.RNN(3, 4)(t.ones(0, 2, 3)), RuntimeError,
     "Expected sequence length to be larger than 0 in RNN"),
    ("hidden size type", lambda t: t.nn.LSTM(3, 4.0), TypeError, "hidden_size should be of type int, got: float"),
    ("hidden size", lambda t: t.nn.LSTM(3, 0), ValueError, "hidden_size must be greater than zero"),
    ("layers", lambda t: t.nn.LSTM(3, 4, 0), ValueError, "num_layers must be greater than zero"),
    ("projection", lambda t: t.nn.LSTM(3, 4, proj_size=4), ValueError, "proj_size has to be smaller than hidden_size"),
    ("projected gru", lambda t: t.nn.GRU(3, 4, proj_size=2), ValueError,
     "proj_size argument is only supported for LSTM, not RNN or GRU"),
    ("nonlinearity", lambda t: t.nn.RNN(3, 4, nonlinearity="x"), ValueError,
     "Unknown nonlinearity 'x'. Select from 'tanh' or 'relu'."),
    ("recurrent dropout", lambda t: t.nn.LSTM(3, 4, dropout=2), ValueError,
     "dropout should be a number in range [0, 1] representing the probability of an element being zeroed"),
    ("cell input", lambda t: t.nn.LSTMCell(3, 4)(t.ones(2, 4)), RuntimeError,
     "input has inconsistent input_size: got 4 expected 3"),
    ("cell dims", lambda t: t.nn.GRUCell(3, 4)(t.ones(2, 2, 3)), ValueError,
     "GRUCell: Expected input to be 1D or 2D, got 3D instead"),
    ("cell batch", lambda t: t.nn.GRUCell(3, 4)(t.ones(2, 3), t.zeros(3, 4)), RuntimeError,
     "Input batch size 2 doesn't match hidden0 batch size 3"),
    ("cell state", lambda t: t.nn.LSTMCell(3, 4)(t.ones(2, 3), (t.zeros(2, 5), t.zeros(2, 4))), RuntimeError,
     "hidden0 has inconsistent hidden_size: got 5, expected 4"),
    ("cell nonlinearity", lambda t: t.nn.RNNCell(3, 4, nonlinearity="z")(t.ones(2, 3)), RuntimeError,
     "Unknown nonlinearity: z"),
    ("lazy dims", lambda t: t.nn.LazyConv2d(3, 2)(t.ones(2, 3)), RuntimeError,
     "Expected 3D (unbatched) or 4D (batched) input to LazyConv2d, but got input of size: torch.Size([2, 3])"),
    ("lazy shape", lambda t: t.nn.LazyLinear(3).weight.shape, RuntimeError,
     "Can't access the shape of an uninitialized parameter or buffer"),
]
# fmt: on

each_row = pytest.mark.parametrize("name, action, error, words", ROWS, ids=[row[0] for row in ROWS])


@each_row
def test_errors(name, action, error, words):
    with pytest.raises(error) as caught:
        action(taper)
    assert type(caught.value) is error
    assert str(caught.value).startswith(words)


@each_row
def test_pytorch_says_the_same(name, action, error, words):
    torch = pytest.importorskip("torch")
    with warnings.catch_warnings(), pytest.raises(error) as caught:
        warnings.simplefilter("ignore")
        action(torch)
    assert str(caught.value).startswith(words)


def test_dropout_between_no_layers_warns():
    with pytest.warns(UserWarning, match="dropout option adds dropout after all but last recurrent layer"):
        taper.nn.LSTM(3, 4, dropout=0.5)


def test_channels_that_do_not_matter_warn():
    with pytest.warns(UserWarning, match="does not match num_features"):
        taper.nn.InstanceNorm1d(2)(taper.ones(1, 3, 4))


def test_older_reduction_arguments_win_with_a_warning():
    with pytest.warns(UserWarning, match="please use reduction='sum' instead"):
        assert taper.nn.MSELoss(size_average=False).reduction == "sum"
    with pytest.warns(UserWarning, match="please use reduction='none' instead"):
        assert taper.nn.CrossEntropyLoss(reduce=False).reduction == "none"
