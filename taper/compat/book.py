"""What `import d2l` finds: the package whose module `torch` holds the helpers of the book Dive into Deep Learning."""

from . import d2l as torch

__all__ = ["torch"]
