"""Maps of a network's stages, each enriched with what the smaller ones know (Lin et al. 2016, arXiv 1612.03144)."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from ... import nn
from ...autograd.tape import Variable
from ...nn import init
from ...nn.functional import interpolate, max_pool2d, relu
from .layers import Conv2dNormActivation


class ExtraFPNBlock(nn.Module):
    """Adds smaller levels to a pyramid."""

    def forward(self, results: list[Variable], x: list[Variable], names: list[str]) -> tuple[list[Variable], list[str]]:
        """From the pyramid's maps, the network's maps and the names: all maps, and all names."""
        raise NotImplementedError(f"{type(self).__name__} must define forward(results, x, names)")


class LastLevelMaxPool(ExtraFPNBlock):
    """A level `pool`: every second pixel of the smallest."""

    def forward(self, results, x, names):
        """The maps and names, with one more."""
        results.append(max_pool2d(results[-1], kernel_size=1, stride=2, padding=0))
        names.append("pool")
        return results, names


class LastLevelP6P7(ExtraFPNBlock):
    """Two levels `p6` and `p7`, by convolutions. Source: arXiv 1708.02002."""

    def __init__(self, in_channels: int, out_channels: int):
        super().__init__()
        self.p6 = nn.Conv2d(in_channels, out_channels, 3, 2, 1)
        self.p7 = nn.Conv2d(out_channels, out_channels, 3, 2, 1)
        for module in [self.p6, self.p7]:
            init.kaiming_uniform_(module.weight, a=1)
            init.constant_(module.bias, 0)
        self.use_P5 = in_channels == out_channels

    def forward(self, p, c, names):
        """The maps and names, with two more."""
        p6 = self.p6(p[-1] if self.use_P5 else c[-1])
        p.extend([p6, self.p7(relu(p6))])
        names.extend(["p6", "p7"])
        return p, names


class FeaturePyramidNetwork(nn.Module):
    """Maps by name, largest first, with in_channels_list channels, to maps of the same sizes with out_channels.

    extra_blocks: more levels. norm_layer: after each convolution. ValueError for a map without channels, TypeError for
    extra_blocks that are no ExtraFPNBlock.
    """

    _version = 2

    def __init__(
        self,
        in_channels_list: list[int],
        out_channels: int,
        extra_blocks: ExtraFPNBlock | None = None,
        norm_layer: Callable[..., nn.Module] | None = None,
    ):
        super().__init__()
        self.inner_blocks, self.layer_blocks = nn.ModuleList(), nn.ModuleList()
        plain = {"norm_layer": norm_layer, "activation_layer": None}
        for in_channels in in_channels_list:
            if in_channels == 0:
                raise ValueError("in_channels=0 is currently not supported")
            self.inner_blocks.append(Conv2dNormActivation(in_channels, out_channels, 1, padding=0, **plain))
            self.layer_blocks.append(Conv2dNormActivation(out_channels, out_channels, 3, **plain))
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                init.kaiming_uniform_(module.weight, a=1)
                if module.bias is not None:
                    init.constant_(module.bias, 0)
        if extra_blocks is not None and not isinstance(extra_blocks, ExtraFPNBlock):
            raise TypeError(f"extra_blocks should be of type ExtraFPNBlock not {type(extra_blocks)}")
        self.extra_blocks = extra_blocks

    def _load_from_state_dict(self, state_dict, prefix, local_metadata, *rest):
        if local_metadata.get("version") is None or local_metadata["version"] < 2:
            # The blocks were convolutions, where they now are sequences of one.
            for blocks in ("inner_blocks", "layer_blocks"):
                for i in range(len(getattr(self, blocks))):
                    for kind in ("weight", "bias"):
                        old = f"{prefix}{blocks}.{i}.{kind}"
                        if old in state_dict:
                            state_dict[f"{prefix}{blocks}.{i}.0.{kind}"] = state_dict.pop(old)
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *rest)

    def forward(self, x: dict[str, Variable]) -> dict[str, Variable]:
        """Maps by name, largest first."""
        names, maps = list(x.keys()), list(x.values())
        inner = self.inner_blocks[-1](maps[-1])
        results = [self.layer_blocks[-1](inner)]
        for i in range(len(maps) - 2, -1, -1):
            lateral = self.inner_blocks[i](maps[i])
            inner = lateral + interpolate(inner, size=lateral.shape[-2:], mode="nearest")
            results.insert(0, self.layer_blocks[i](inner))
        if self.extra_blocks is not None:
            results, names = self.extra_blocks(results, maps, names)
        return OrderedDict(zip(names, results))
