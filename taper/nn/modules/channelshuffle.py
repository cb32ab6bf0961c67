"""Mixing groups of channels."""

from __future__ import annotations

from .. import functional as F
from ..module import Module


class ChannelShuffle(Module):
    """Reads the channels, written in `groups` rows, column by column (arXiv 1707.01083)."""

    def __init__(self, groups: int) -> None:
        super().__init__()
        self.groups = groups

    def forward(self, input):
        return F.channel_shuffle(input, self.groups)

    def extra_repr(self) -> str:
        return f"groups={self.groups}"
