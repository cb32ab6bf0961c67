"""`torch.library`, which is not part of Taper: its names can be imported, and say what to use instead."""

from __future__ import annotations

from .refusal import room

_INSTEAD = "Write an autograd.Function, or a plain function over tensors that taper.compile fuses."

__getattr__ = room(
    __name__,
    _INSTEAD,
    (
        "Library",
        "custom_op",
        "define",
        "get_ctx",
        "impl",
        "impl_abstract",
        "opcheck",
        "register_autograd",
        "register_fake",
        "register_kernel",
        "triton_op",
        "wrap_triton",
    ),
)
