"""Names that PyTorch had for Python 2 and 3."""

from __future__ import annotations

import collections.abc as container_abcs
from math import inf, nan

string_classes = (str, bytes)
int_classes = int

__all__ = ["container_abcs", "inf", "int_classes", "nan", "string_classes"]
