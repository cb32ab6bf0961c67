"""Batch normalisation, and the running statistics that it shares with instance normalisation."""

from __future__ import annotations

from typing import Any

from ...autograd.modes import no_grad
from ...distributed import get_world_size, is_initialized
from ...distributed.nn.functional import gathered
from ...dtypes import bfloat16, float16, int64
from ...tensor import cat, empty, ones, tensor, zeros
from .. import functional as F
from .. import init
from ..functional.normalization import count_batch, counted
from ..module import Module
from ..parameter import Parameter, UninitializedBuffer, UninitializedParameter
from .lazy import LazyModule


class _NormBase(Module):
    """Scale, shift and running statistics of `num_features` channels.

    weight, bias: (num_features), ones and zeros, or None unless affine. running_mean, running_var, num_batches_tracked:
    buffers, or None unless track_running_stats.
    """

    _version = 2
    num_features: int
    momentum: float | None

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device=None,
        dtype=None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.num_features = num_features
        self.eps = eps
        self.momentum = momentum
        self.affine = affine
        self.track_running_stats = track_running_stats
        self._make_state(bias, device, dtype)
        self.reset_parameters()

    def _make_state(self, bias: bool, device, dtype) -> None:
        n = self.num_features
        self.register_parameter("weight", Parameter(empty(n, device=device, dtype=dtype)) if self.affine else None)
        has_bias = self.affine and bias
        self.register_parameter("bias", Parameter(empty(n, device=device, dtype=dtype)) if has_bias else None)
        tracked = self.track_running_stats
        self.register_buffer("running_mean", zeros(n, device=device, dtype=dtype) if tracked else None)
        self.register_buffer("running_var", ones(n, device=device, dtype=dtype) if tracked else None)
        self.register_buffer("num_batches_tracked", tensor(0, dtype=int64, device=device) if tracked else None)

    def reset_running_stats(self) -> None:
        """Forget the batches seen: mean 0, variance 1, count 0."""
        if self.track_running_stats:
            self.running_mean.zero_()
            self.running_var.fill_(1)
            self.num_batches_tracked.zero_()

    def reset_parameters(self) -> None:
        """Scale 1, shift 0, no batches seen."""
        self.reset_running_stats()
        if self.affine:
            init.ones_(self.weight)
            if self.bias is not None:
                init.zeros_(self.bias)

    def _check_input_dim(self, input) -> None:
        raise NotImplementedError(
            f"{type(self).__name__} does not say which inputs it takes: override _check_input_dim"
        )

    def extra_repr(self) -> str:
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
            f"bias={self.bias is not None}, track_running_stats={self.track_running_stats}"
        )

    def _load_from_state_dict(
        self, state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs
    ) -> None:
        key = prefix + "num_batches_tracked"
        if (local_metadata.get("version") or 0) < 2 and self.track_running_stats and key not in state_dict:
            # Checkpoints of the first version did not count batches.
            counted = self.num_batches_tracked
            state_dict[key] = tensor(0, dtype=int64) if counted is None else counted
        super()._load_from_state_dict(
            state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs
        )


class _BatchNorm(_NormBase):
    """Normalises each channel over the batch: in training by the batch's statistics, else by the running ones."""

    def forward(self, input):
        self._check_input_dim(input)
        momentum = 0.0 if self.momentum is None else self.momentum
        if self.training and self.track_running_stats and self.num_batches_tracked is not None:
            count_batch(self.num_batches_tracked)
            if self.momentum is None:  # the plain average of all batches
                momentum = 1.0 / counted(self.num_batches_tracked)
        by_batch = self.training or (self.running_mean is None and self.running_var is None)
        keeps = not self.training or self.track_running_stats
        return F.batch_norm(
            input,
            self.running_mean if keeps else None,
            self.running_var if keeps else None,
            self.weight,
            self.bias,
            by_batch,
            momentum,
            self.eps,
        )


def _expect_dims(input, *dims: int) -> None:
    """ValueError unless the input has one of these numbers of dimensions."""
    if input.dim() not in dims:
        raise ValueError(f"expected {' or '.join(f'{d}D' for d in dims)} input (got {input.dim()}D input)")


class BatchNorm1d(_BatchNorm):
    """Batch normalisation of (N, C) or (N, C, L)."""

    def _check_input_dim(self, input) -> None:
        _expect_dims(input, 2, 3)


class BatchNorm2d(_BatchNorm):
    """Batch normalisation of (N, C, H, W)."""

    def _check_input_dim(self, input) -> None:
        _expect_dims(input, 4)


class BatchNorm3d(_BatchNorm):
    """Batch normalisation of (N, C, D, H, W)."""

    def _check_input_dim(self, input) -> None:
        _expect_dims(input, 5)


class SyncBatchNorm(_BatchNorm):
    """Batch normalisation over the batches of all processes of a group; with one process it is batch normalisation.

    In training every process must call it, in the same order; process_group None is the default group. Means and
    variances of the processes are combined as in Chan, Golub and LeVeque (1979).
    """

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        process_group=None,
        device=None,
        dtype=None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype, bias=bias)
        self.process_group = process_group

    def forward(self, input):
        self._check_input_dim(input)
        by_batch = self.training or (self.running_mean is None and self.running_var is None)
        if not by_batch or not is_initialized() or get_world_size(self.process_group) == 1:
            return super().forward(input)
        return self._over_all(input)

    def _over_all(self, input):
        """Normalise by the statistics of all processes' batches."""
        channels, dims = input.shape[1], [d for d in range(input.dim()) if d != 1]
        shape = [1, channels, *[1] * (input.dim() - 2)]
        x = input.float() if input.dtype in (float16, bfloat16) else input
        count = x.numel() // channels
        own_mean = x.mean(dims)
        own_var = (x - own_mean.reshape(shape)).pow(2).mean(dims)
        found = gathered(cat([own_mean, own_var, own_mean.new_full((1,), count)]), self.process_group)
        counts = found[:, -1:].detach()
        total = counts.sum()
        if float(total) <= 1:
            raise ValueError(f"Expected more than 1 value per channel when training, got input size {input.shape}")
        weights = counts / total
        means, variances = found[:, :channels], found[:, channels : 2 * channels]
        mean = (weights * means).sum(0)
        var = (weights * (variances + (means - mean).pow(2))).sum(0)
        if self.training and self.track_running_stats:
            self._keep(mean.detach(), var.detach() * (total / (total - 1)))
        scale = (var + self.eps).rsqrt()
        if self.weight is not None:
            scale = scale * self.weight
        made = (x - mean.reshape(shape)) * scale.reshape(shape)
        if self.bias is not None:
            made = made + self.bias.reshape(shape)
        return made.to(input.dtype)

    def _keep(self, mean, var) -> None:
        """Let the running statistics follow those of a batch."""
        self.num_batches_tracked.add_(1)
        momentum = 1.0 / counted(self.num_batches_tracked) if self.momentum is None else self.momentum
        with no_grad():
            self.running_mean.mul_(1 - momentum).add_(mean * momentum)
            self.running_var.mul_(1 - momentum).add_(var * momentum)

    def _check_input_dim(self, input) -> None:
        if input.dim() < 2:
            raise ValueError(f"expected at least 2D input (got {input.dim()}D input)")

    @classmethod
    def convert_sync_batchnorm(cls, module: Module, process_group=None) -> Module:
        """The module with every batch normalisation in it made a SyncBatchNorm, sharing parameters and statistics."""
        made = module
        if isinstance(module, _BatchNorm):
            made = cls(
                module.num_features,
                module.eps,
                module.momentum,
                module.affine,
                module.track_running_stats,
                process_group,
            )
            made._parameters.update(module._parameters)
            made._buffers.update(module._buffers)
            made.training = module.training
        for name, child in module.named_children():
            made.add_module(name, cls.convert_sync_batchnorm(child, process_group))
        return made


class _LazyNorm(LazyModule, _NormBase):
    """A normalisation made without num_features."""

    def __init__(
        self,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device=None,
        dtype=None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(0, eps, momentum, affine, track_running_stats, device, dtype, bias=bias)

    def _make_state(self, bias: bool, device, dtype) -> None:
        where: dict[str, Any] = {"device": device, "dtype": dtype}
        self.register_parameter("weight", UninitializedParameter(**where) if self.affine else None)
        self.register_parameter("bias", UninitializedParameter(**where) if self.affine and bias else None)
        tracked = self.track_running_stats
        self.register_buffer("running_mean", UninitializedBuffer(**where) if tracked else None)
        self.register_buffer("running_var", UninitializedBuffer(**where) if tracked else None)
        self.register_buffer("num_batches_tracked", tensor(0, dtype=int64, device=device) if tracked else None)

    def reset_parameters(self) -> None:
        if not self.has_uninitialized_params() and self.num_features != 0:
            super().reset_parameters()

    def initialize_parameters(self, input) -> None:
        self.num_features = input.shape[1]
        if not self.has_uninitialized_params():
            return
        for held in (self.weight, self.bias, self.running_mean, self.running_var):
            if held is not None:
                held.materialize((self.num_features,))
        self.reset_parameters()


class LazyBatchNorm1d(_LazyNorm, BatchNorm1d):
    """A BatchNorm1d that takes num_features from its first input."""

    cls_to_become = BatchNorm1d


class LazyBatchNorm2d(_LazyNorm, BatchNorm2d):
    """A BatchNorm2d that takes num_features from its first input."""

    cls_to_become = BatchNorm2d


class LazyBatchNorm3d(_LazyNorm, BatchNorm3d):
    """A BatchNorm3d that takes num_features from its first input."""

    cls_to_become = BatchNorm3d
