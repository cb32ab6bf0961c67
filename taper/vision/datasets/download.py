"""Downloading: with checksum, resumed where it stopped, put in place only when whole."""

from __future__ import annotations

import hashlib
import http.client
import os
import urllib.error
import urllib.request
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

CHUNK = 1 << 16
TIMEOUT = 30
"""Seconds without a byte after which a server is given up."""


def checksum(path: Path, kind: str = "md5") -> str:
    """The MD5 of a file, or another checksum of hashlib's, in hexadecimal."""
    digest = hashlib.new(kind, usedforsecurity=False)
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def download(urls: list[str], path: Path, expected: str, kind: str = "md5") -> None:
    """Fetch a file from the first mirror that has it. RuntimeError if none does, or what came has another checksum."""
    if path.exists() and checksum(path, kind) == expected:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    failures = []
    for url in urls:
        try:
            resumed = fetch(url, part, path.name)
            if resumed and checksum(part, kind) != expected:
                # What an earlier try left was of another file.
                part.unlink()
                fetch(url, part, path.name)
        except (urllib.error.URLError, http.client.HTTPException, OSError) as error:
            failures.append(f"{url}: {error}")
            continue
        found = checksum(part, kind)
        if found != expected:
            part.unlink()
            failures.append(f"{url}: the file has {kind.upper()} {found}, expected {expected}")
            continue
        os.replace(part, path)
        return
    raise RuntimeError(
        f"{path.name} could not be downloaded ({'; '.join(failures)}). Try again later, or put it into {path.parent}."
    )


def fetch(url: str, part: Path, label: str) -> bool:
    """Fetch what is missing of a file; what came before an interruption is kept. Whether there was something to keep."""
    have = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(
        url, headers={"User-Agent": "taper", **({"Range": f"bytes={have}-"} if have else {})}
    )
    try:
        response = urllib.request.urlopen(request, timeout=TIMEOUT)
    except urllib.error.HTTPError as error:
        if error.code == 416 and have:
            # Nothing is missing.
            return True
        raise
    with response:
        resumed = have and response.status == 206
        length = response.headers.get("Content-Length")
        total = (int(length) + (have if resumed else 0)) if length else None
        bars = (TextColumn(label), BarColumn(), DownloadColumn(), TransferSpeedColumn())
        with (
            part.open("ab" if resumed else "wb") as file,
            Progress(*bars, console=Console(stderr=True), transient=True) as progress,
        ):
            task = progress.add_task("", total=total, completed=have if resumed else 0)
            while chunk := response.read(CHUNK):
                file.write(chunk)
                progress.advance(task, len(chunk))
        if total is not None and part.stat().st_size < total:
            raise OSError(f"the connection ended after {part.stat().st_size} of {total} bytes; run again to continue")
    return bool(resumed)
