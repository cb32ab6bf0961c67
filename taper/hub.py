"""Files and models from elsewhere: downloads with checksums, state dicts by URL, entry points of a local `hubconf.py`.

Downloads go to `get_dir()`: $TORCH_HOME/hub, or the user's cache. Code is never fetched: `load` takes a local folder.
"""

from __future__ import annotations

import builtins
import hashlib
import importlib.util
import os
import re
import sys
import urllib.request
import uuid
import zipfile
from collections.abc import Callable
from types import ModuleType
from typing import Any
from urllib.parse import urlparse

__all__ = ["download_url_to_file", "get_dir", "help", "list", "load", "load_state_dict_from_url", "set_dir"]

# A file named resnet18-5c106cde.pth says how its SHA-256 begins.
HASH_REGEX = re.compile(r"-([a-f0-9]*)\.")
_CHUNK = 1 << 17
_hub_dir: str | None = None


def _get_torch_home() -> str:
    """The folder of what PyTorch's programs keep: $TORCH_HOME, or torch/ in the user's cache."""
    cache = os.getenv("XDG_CACHE_HOME", "~/.cache")
    return os.path.expanduser(os.getenv("TORCH_HOME", os.path.join(cache, "torch")))


def get_dir() -> str:
    """The folder of downloads."""
    return os.path.join(_get_torch_home(), "hub") if _hub_dir is None else _hub_dir


def set_dir(d: str | os.PathLike) -> None:
    """Choose the folder of downloads."""
    global _hub_dir
    _hub_dir = os.path.expanduser(d)


def download_url_to_file(url: str, dst: str, hash_prefix: str | None = None, progress: bool = True) -> None:
    """Fetch a file; it appears at `dst` only when it is whole.

    hash_prefix: how its SHA-256 must begin, else RuntimeError. progress: show a bar. http, https and file URLs.
    """
    dst = os.path.expanduser(dst)
    part = f"{dst}.{uuid.uuid4().hex}.partial"
    digest = hashlib.sha256()
    request = urllib.request.Request(url, headers={"User-Agent": "taper"})
    try:
        with urllib.request.urlopen(request) as response, open(part, "wb") as file, _bar(response, progress) as advance:
            while chunk := response.read(_CHUNK):
                file.write(chunk)
                digest.update(chunk)
                advance(len(chunk))
        found = digest.hexdigest()
        if hash_prefix is not None and not found.startswith(hash_prefix):
            raise RuntimeError(f'invalid hash value (expected "{hash_prefix}", got "{found}")')
        os.replace(part, dst)
    finally:
        if os.path.exists(part):
            os.unlink(part)


class _bar:
    """A progress bar on the error stream; gives the function that advances it."""

    def __init__(self, response, shown: bool):
        self.total = int(response.headers.get("Content-Length") or 0) or None
        self.shown = shown

    def __enter__(self) -> Callable[[int], None]:
        if not self.shown:
            return lambda n: None
        from rich.console import Console
        from rich.progress import BarColumn, DownloadColumn, Progress, TransferSpeedColumn

        console = Console(stderr=True)
        self.progress = Progress(BarColumn(), DownloadColumn(), TransferSpeedColumn(), console=console, transient=True)
        self.progress.start()
        task = self.progress.add_task("", total=self.total)
        return lambda n: self.progress.advance(task, n)

    def __exit__(self, *error) -> None:
        if self.shown:
            self.progress.stop()


def load_state_dict_from_url(
    url: str,
    model_dir: str | None = None,
    map_location: Any = None,
    progress: bool = True,
    check_hash: bool = False,
    file_name: str | None = None,
    weights_only: bool = False,
) -> dict[str, Any]:
    """The checkpoint at a URL, downloaded to `model_dir` (get_dir()/checkpoints) unless it is there.

    check_hash: the name must contain the beginning of its SHA-256 (name-<hash>.ext), and the content have it. A zip with
    one file in it is unpacked. Checkpoints are read by Taper's safe reader whatever `weights_only` says.
    """
    from .serialization import load as load_checkpoint

    folder = os.path.join(get_dir(), "checkpoints") if model_dir is None else model_dir
    os.makedirs(folder, exist_ok=True)
    name = file_name or os.path.basename(urlparse(url).path)
    path = os.path.join(folder, name)
    if not os.path.exists(path):
        sys.stderr.write(f'Downloading: "{url}" to {path}\n')
        match = HASH_REGEX.search(name) if check_hash else None
        download_url_to_file(url, path, match.group(1) if match else None, progress=progress)
    if _is_archive_of_one(path):
        with zipfile.ZipFile(path) as archive:
            inner = os.path.join(folder, archive.infolist()[0].filename)
            archive.extractall(folder)
        return load_checkpoint(inner, map_location=map_location)
    return load_checkpoint(path, map_location=map_location)


def _is_archive_of_one(path: str) -> bool:
    """Whether this is a zip file around one checkpoint, and not itself one."""
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        names = [i.filename for i in archive.infolist()]
        return len(names) == 1 and not names[0].endswith("data.pkl")


def _local_conf(repo_or_dir, source: str, name: str) -> ModuleType:
    """The module `hubconf.py` of a local folder."""
    if source not in ("github", "local"):
        raise ValueError(f'Unknown source: "{source}". Allowed values: "github" | "local".')
    if source == "github":
        raise NotImplementedError(
            f"hub.{name}: Taper runs no code from the network. Clone {repo_or_dir} and pass its folder with "
            "source='local', or fetch weights alone by load_state_dict_from_url."
        )
    folder = os.path.expanduser(repo_or_dir)
    path = os.path.join(folder, "hubconf.py")
    spec = importlib.util.spec_from_file_location("hubconf", path)
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, folder)
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(folder)
    missing = [d for d in getattr(module, "dependencies", []) if importlib.util.find_spec(d) is None]
    if missing:
        raise RuntimeError(f"Missing dependencies: {', '.join(missing)}")
    return module


def _entry(module: ModuleType, model: str) -> Callable:
    found = getattr(module, model, None)
    if not callable(found):
        raise RuntimeError(f"Cannot find callable {model} in hubconf")
    return found


def load(
    repo_or_dir,
    model: str,
    *args,
    source: str = "github",
    trust_repo="check",
    force_reload: bool = False,
    verbose: bool = True,
    skip_validation: bool = False,
    **kwargs,
):
    """What an entry point of a folder's `hubconf.py` returns: `load(folder, name, *args, source="local")`.

    NotImplementedError for source="github"; RuntimeError for an entry point or a dependency that is not there.
    """
    return _entry(_local_conf(repo_or_dir, source, "load"), model)(*args, **kwargs)


def list(
    github, force_reload: bool = False, skip_validation: bool = False, trust_repo="check", verbose: bool = True
) -> builtins.list[str]:
    """The entry points of a local folder's `hubconf.py`. NotImplementedError for a repository's name."""
    module = _local_conf(github, "local" if os.path.isdir(os.path.expanduser(github)) else "github", "list")
    return [n for n, f in vars(module).items() if callable(f) and not n.startswith("_")]


def help(github, model: str, force_reload: bool = False, skip_validation: bool = False, trust_repo="check"):
    """The documentation of an entry point of a local folder. NotImplementedError for a repository's name."""
    module = _local_conf(github, "local" if os.path.isdir(os.path.expanduser(github)) else "github", "help")
    return _entry(module, model).__doc__
