"""PyTorch's import names on Taper: `import torch`, `import torchvision` and `from d2l import torch` find Taper's modules.

`taper run script.py` installs the aliases for a script, `%load_ext taper` with `%taper` for a notebook, and
`taper.compat.install()` for a program.
"""

from .aliases import install, installed, uninstall
from .notebook import load_ipython_extension, unload_ipython_extension

__all__ = ["install", "installed", "load_ipython_extension", "uninstall", "unload_ipython_extension"]
