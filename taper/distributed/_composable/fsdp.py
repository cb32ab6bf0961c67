"""Names of `torch.distributed.fsdp` where PyTorch's programs also look for them."""

from __future__ import annotations

from typing import Any

from .. import fsdp


def __getattr__(name: str) -> Any:
    return getattr(fsdp, name)
