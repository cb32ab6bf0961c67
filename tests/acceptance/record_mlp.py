"""Record PyTorch's losses for `test_mlp.py`: `python -m tests.acceptance.record_mlp`, with PyTorch 2.13.0 (CPU)."""

from __future__ import annotations

import json

import torch

from .mlp import LOSSES, losses

if __name__ == "__main__":
    LOSSES.write_text(json.dumps({"torch": torch.__version__, "losses": losses(torch)}, indent=1) + "\n")
