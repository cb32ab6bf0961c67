"""tensorboardX, imported so that it does not bring PyTorch along."""

from __future__ import annotations

import sys


def tensorboardx():
    """The library. ImportError with what to install where it is missing."""
    hide = "torch" not in sys.modules
    if hide:
        # It imports torch for the sake of one annotation, and goes on without.
        sys.modules["torch"] = None  # type: ignore[assignment]
    try:
        import tensorboardX
    except ImportError as error:
        raise ImportError(f"torch.utils.tensorboard needs tensorboardX: pip install 'taper[board]' ({error})") from None
    finally:
        if hide:
            del sys.modules["torch"]
    return tensorboardX
