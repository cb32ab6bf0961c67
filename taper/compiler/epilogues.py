"""Products of two matrices with what a library does to their elements in the same kernel: bias, relu, gelu, their slopes,
and sums over the columns of a gradient."""

from __future__ import annotations

from dataclasses import dataclass

import ml_dtypes
import numpy as np

from ..backends import cpu
from ..backends.cuda.cublaslt_products import Product
from ..ops.activation import gelu_tanh
from .routines import Routine


@dataclass(frozen=True)
class Finished(Routine):
    """epilogue(a @ b) of a `Product`; each of a and b as it lies in memory, (rows, columns) there.

    bias is added to each row; aux is what the gradient of the activation needs (`Product.aux_shape`); sums are those of the
    result's columns, or of the rows of a.
    """

    product: Product

    library = True

    @property
    def _does(self) -> set[str]:
        return set(self.product.epilogue.split("_"))

    @property
    def names(self) -> tuple[str, ...]:
        given = self._does
        bias = ("bias",) if "bias" in given else ()
        return ("a", "b", *bias, *(("aux",) if given & {"drelu", "dgelu"} else ()))

    @property
    def results(self) -> tuple[str, ...]:
        made = self._does
        return ("out", *(("sums",) if made & {"bgrad", "bgrada"} else ()), *(("aux",) if "aux" in made else ()))

    @property
    def title(self) -> str:
        p = self.product
        return f"matmul {p.m}x{p.k}x{p.n} and {p.epilogue.replace('_', ', ')}"

    def type_of(self, name: str) -> tuple[tuple[int, ...], np.dtype]:
        """The shape and dtype of a result."""
        p = self.product
        kind = np.dtype(ml_dtypes.bfloat16 if p.out == "bfloat16" else p.out)
        if name == "aux":
            return p.aux_shape, np.dtype(np.uint8) if "relu" in p.epilogue else kind
        return {"out": (p.m, p.n), "sums": (p.m if "bgrada" in self._does else p.n,)}[name], kind

    def evaluate(self, *arrays) -> list[np.ndarray]:
        p, x = self.product, dict(zip(self.names, arrays))
        a, b = (x[n].astype(np.float32) for n in "ab")
        a, b = a.T if p.a_across else a, b.T if p.b_across else b
        out = a @ b
        made = {"sums": a.sum(1)}
        if "bias" in x:
            out = out + x["bias"].astype(np.float32)
        if "aux" in self.results:
            made["aux"] = _bits(out > 0, p) if "relu" in p.epilogue else out
        if "relu" in self._does:
            out = np.maximum(np.float32(0), out)
        if "gelu" in self._does:
            out = gelu_tanh.forward(cpu, out)
        if "drelu" in self._does:
            out = np.where(np.unpackbits(x["aux"], axis=1, count=p.n, bitorder="little") != 0, out, np.float32(0))
        if "dgelu" in self._does:
            out = gelu_tanh.rules["x"](cpu, out, x["aux"].astype(np.float32))
        if "bgrad" in self._does:
            made["sums"] = out.sum(0)
        made["out"] = out
        return [np.ascontiguousarray(made[n].astype(self.type_of(n)[1])) for n in self.results]

    def flops(self, node) -> int:
        return 2 * self.product.m * self.product.n * self.product.k


def _bits(truth: np.ndarray, product: Product) -> np.ndarray:
    room = np.zeros((product.m, product.aux_leading), bool)
    room[:, : product.n] = truth
    return np.packbits(room, axis=1, bitorder="little")
