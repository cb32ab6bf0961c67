"""Our own matrix products: blocking as data (`tiling`), packing, register tiles, and the driver that joins them."""

from .matmul import Finish, Operands, emit_pack, emit_product, store_row_major
from .tiling import Plan, Product, plan_product

__all__ = ["Finish", "Operands", "Plan", "Product", "emit_pack", "emit_product", "plan_product", "store_row_major"]
