"""Training runs as TensorBoard shows them, written by tensorboardX, the extra `board`."""

from .writer import SummaryWriter

__all__ = ["SummaryWriter"]
