"""Our own matrix products: blocking as data (`tiling`), packing, register tiles, and the driver that joins them."""

from .matmul import Finish, Operands, StoreRowMajor, emit_pack, emit_product
from .tiling import Plan, Product, plan_product

__all__ = ["Finish", "Operands", "Plan", "Product", "StoreRowMajor", "emit_pack", "emit_product", "plan_product"]
