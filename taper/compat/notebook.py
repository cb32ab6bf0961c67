"""The notebook's magic: `%load_ext taper`, then `%taper`, and the cells' `import torch` is Taper."""

from __future__ import annotations

from .aliases import install, installed, uninstall


def magic(line: str) -> None:
    """`%taper` or `%taper on` installs the aliases, `%taper off` takes them back. ValueError for anything else."""
    word = line.strip() or "on"
    if word not in ("on", "off"):
        raise ValueError(f"%taper takes 'on' or 'off', got {word!r}; after %taper, run a script with %run script.py.")
    install() if word == "on" else uninstall()
    print(f"import torch now finds {'Taper' if installed() else 'what is installed under that name'}")


def load_ipython_extension(shell) -> None:
    """Give a notebook the magic `%taper`."""
    shell.register_magic_function(magic, "line", "taper")


def unload_ipython_extension(shell) -> None:
    """Take the magic and the aliases back."""
    shell.magics_manager.magics["line"].pop("taper", None)
    uninstall()
