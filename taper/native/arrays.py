"""Where native code finds the fields of NumPy's arrays, which are passed as the objects they are.

Asking NumPy for an address from Python takes longer than a small step. The layout (`PyArrayObject`) is part of NumPy's
binary interface.
"""

from __future__ import annotations

import ctypes
import sys
from functools import lru_cache

import numpy as np

HEAD = object.__basicsize__
"""Bytes before an array's own fields: data, nd, dimensions, strides, base, descr, flags."""

FOREIGN = ">" if sys.byteorder == "little" else "<"
"""How a dtype says that its bytes are in the other order. Not all equal dtypes are one object: their numbers are equal."""

CONTIGUOUS, WRITEABLE = 0x101, 0x501
"""Flags of arrays that lie in C order and are aligned; that may also be written."""

INSPECTION = f"""
; How many elements an array has.
define internal i64 @taper_size(ptr %array) nounwind {{
entry:
  %nd_at = getelementptr i8, ptr %array, i64 {HEAD + 8}
  %nd32 = load i32, ptr %nd_at
  %nd = sext i32 %nd32 to i64
  %dims_at = getelementptr i8, ptr %array, i64 {HEAD + 16}
  %dims = load ptr, ptr %dims_at
  br label %each
each:
  %i = phi i64 [ 0, %entry ], [ %more, %next ]
  %size = phi i64 [ 1, %entry ], [ %grown, %next ]
  %over = icmp sge i64 %i, %nd
  br i1 %over, label %done, label %next
next:
  %at = getelementptr i64, ptr %dims, i64 %i
  %dim = load i64, ptr %at
  %grown = mul i64 %size, %dim
  %more = add i64 %i, 1
  br label %each
done:
  ret i64 %size
}}

; Whether an object is an array (its class, no subclass) of a dtype, by number, in the machine's order of bytes, with flags.
define internal i1 @taper_is(ptr %array, ptr %arrays, i64 %wanted, i32 %flags) nounwind {{
entry:
  %class_at = getelementptr i8, ptr %array, i64 {HEAD - 8}
  %class = load ptr, ptr %class_at
  %is_array = icmp eq ptr %class, %arrays
  br i1 %is_array, label %look, label %no
look:
  %flags_at = getelementptr i8, ptr %array, i64 {HEAD + 48}
  %has = load i32, ptr %flags_at
  %set = and i32 %has, %flags
  %lies = icmp eq i32 %set, %flags
  %descr_at = getelementptr i8, ptr %array, i64 {HEAD + 40}
  %descr = load ptr, ptr %descr_at
  %num_at = getelementptr i8, ptr %descr, i64 {HEAD + 12}
  %num32 = load i32, ptr %num_at
  %num = sext i32 %num32 to i64
  %same = icmp eq i64 %num, %wanted
  %order_at = getelementptr i8, ptr %descr, i64 {HEAD + 10}
  %order = load i8, ptr %order_at
  %native = icmp ne i8 %order, {ord(FOREIGN)}
  %f1 = and i1 %lies, %same
  %fits = and i1 %f1, %native
  ret i1 %fits
no:
  ret i1 false
}}
"""
"""LLVM's text of functions by which native code looks at arrays."""


@lru_cache(None)
def readable() -> bool:
    """Whether arrays have their fields where they are expected, as in CPython's ordinary builds."""
    sample = np.zeros((2, 3), np.float32)
    read = ctypes.c_int64.from_address(id(sample) + HEAD).value
    descr = ctypes.c_int64.from_address(id(sample) + HEAD + 40).value
    flags = ctypes.c_int32.from_address(id(sample) + HEAD + 48).value
    known = descr == id(sample.dtype) and read == sample.ctypes.data and flags & WRITEABLE == WRITEABLE
    return known and ctypes.c_int32.from_address(descr + HEAD + 12).value == sample.dtype.num
