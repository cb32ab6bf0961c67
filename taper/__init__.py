"""Taper: PyTorch's programming model and public API in Python, on NumPy and LLVM."""

__version__ = "0.1.0.dev0"
