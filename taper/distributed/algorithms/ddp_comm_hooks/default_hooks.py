"""Hooks for `DistributedDataParallel.register_comm_hook`: how a bucket of gradients becomes the processes' mean."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ....dtypes import bfloat16, float16
from ....futures import Future
from ...bucket import GradBucket
from ...collectives import all_reduce
from ...groups import get_world_size


def _mean(group: Any, tensor: Any) -> Future:
    tensor /= get_world_size(group)
    work = all_reduce(tensor, group=group, async_op=True)
    return work.get_future().then(lambda future: future.value()[0])


def allreduce_hook(process_group: Any, bucket: GradBucket) -> Future:
    """The mean, as without a hook. process_group: None for the default one."""
    return _mean(process_group, bucket.buffer())


def _compressed(dtype: Any, process_group: Any, bucket: GradBucket) -> Future:
    buffer = bucket.buffer()
    return _mean(process_group, buffer.to(dtype)).then(lambda future: future.value().to(buffer.dtype))


def fp16_compress_hook(process_group: Any, bucket: GradBucket) -> Future:
    """The mean of gradients rounded to float16."""
    return _compressed(float16, process_group, bucket)


def bf16_compress_hook(process_group: Any, bucket: GradBucket) -> Future:
    """The mean of gradients rounded to bfloat16."""
    return _compressed(bfloat16, process_group, bucket)


def _wrapper(dtype: Any, hook: Callable) -> Callable:
    def wrapped(state: Any, bucket: GradBucket) -> Future:
        before = bucket.buffer()
        bucket.set_buffer(before.to(dtype))
        return hook(state, bucket).then(lambda future: future.value().to(before.dtype))

    return wrapped


def fp16_compress_wrapper(hook: Callable) -> Callable:
    """A hook that runs on gradients rounded to float16."""
    return _wrapper(float16, hook)


def bf16_compress_wrapper(hook: Callable) -> Callable:
    """A hook that runs on gradients rounded to bfloat16."""
    return _wrapper(bfloat16, hook)
