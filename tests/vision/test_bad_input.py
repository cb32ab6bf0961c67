"""What goes wrong with data: damaged files, servers that stall, cut or lie, transforms that raise, batches that do not fit.
Each ends soon, with one clear error."""

from __future__ import annotations

import gzip
import hashlib
import http.server
import threading
import time
import zipfile
import zlib

import numpy as np
import pytest

import taper
from taper.utils import data
from taper.vision import datasets, transforms
from taper.vision.datasets import download as downloading
from taper.vision.datasets.download import download

from .files import idx, write_mnist

Image = pytest.importorskip("PIL.Image", reason="images need Pillow")
CONTENT = np.random.default_rng(0).bytes(200_000)
MD5 = hashlib.md5(CONTENT).hexdigest()


class Server(http.server.ThreadingHTTPServer):
    """Serves CONTENT, well or badly, as the first part of the address says; `asked` are the ranges asked for."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[str] = []
        self.release = threading.Event()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def url(self, manner: str) -> str:
        return f"http://127.0.0.1:{self.server_port}/{manner}/file"


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        manner = self.path.split("/")[1]
        wanted = self.headers.get("Range", "")
        self.server.asked.append(f"{manner} {wanted}".strip())
        if manner == "missing":
            self.send_error(404)
            return
        start = int(wanted[6:].split("-")[0]) if wanted and manner != "whole" else 0
        if start >= len(CONTENT):
            self.send_error(416)
            return
        body = CONTENT[start:] if manner != "lies" else CONTENT[start:-1] + b"!"
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if manner in ("cuts", "stalls"):
            body = body[: len(body) // 2]
        self.wfile.write(body)
        if manner == "stalls":
            self.server.release.wait(20)

    def log_message(self, *args):
        pass


@pytest.fixture
def server():
    made = Server()
    yield made
    made.release.set()
    made.shutdown()
    made.server_close()


def test_a_server_that_cuts_is_resumed_from_another(tmp_path, server):
    download([server.url("cuts"), server.url("good")], tmp_path / "file", MD5)
    assert (tmp_path / "file").read_bytes() == CONTENT
    assert server.asked == ["cuts", "good bytes=100000-"]
    download([server.url("missing")], tmp_path / "file", MD5)
    assert len(server.asked) == 2, "what is there is not fetched again"


def test_a_server_that_stalls_is_given_up(tmp_path, server, monkeypatch):
    monkeypatch.setattr(downloading, "TIMEOUT", 0.3)
    start = time.monotonic()
    download([server.url("stalls"), server.url("missing"), server.url("good")], tmp_path / "file", MD5)
    assert time.monotonic() - start < 10
    assert (tmp_path / "file").read_bytes() == CONTENT
    with pytest.raises(RuntimeError, match="timed out"):
        download([server.url("stalls")], tmp_path / "other", MD5)


def test_a_server_that_lies_is_not_believed(tmp_path, server):
    with pytest.raises(RuntimeError, match=f"expected {MD5}"):
        download([server.url("lies")], tmp_path / "file", MD5)
    assert list(tmp_path.iterdir()) == []
    download([server.url("lies"), server.url("good")], tmp_path / "file", MD5)
    assert (tmp_path / "file").read_bytes() == CONTENT


def test_what_is_left_of_another_file_is_thrown_away(tmp_path, server):
    for rubbish in (b"x" * 500, b"x" * (len(CONTENT) + 5)):
        (tmp_path / "file.part").write_bytes(rubbish)
        download([server.url("good")], tmp_path / "file", MD5)
        assert (tmp_path / "file").read_bytes() == CONTENT
        (tmp_path / "file").unlink()


def test_a_server_without_ranges_starts_again(tmp_path, server):
    (tmp_path / "file.part").write_bytes(CONTENT[:1000])
    download([server.url("whole")], tmp_path / "file", MD5)
    assert (tmp_path / "file").read_bytes() == CONTENT


def test_urls_and_archives_of_ones_own(tmp_path, server):
    datasets.utils.download_url(server.url("good"), tmp_path, "a.bin", MD5)
    datasets.utils.download_url(server.url("good"), tmp_path, "b.bin")
    assert datasets.utils.check_integrity(tmp_path / "b.bin", MD5)
    assert not datasets.utils.check_integrity(tmp_path / "nothing")
    with pytest.raises(RuntimeError, match="404"):
        datasets.utils.download_url(server.url("missing"), tmp_path, "c.bin")
    with pytest.raises(RuntimeError, match="is no .zip"):
        datasets.utils.extract_archive(tmp_path / "a.bin")
    (tmp_path / "d.gz").write_bytes(gzip.compress(b"text"))
    datasets.utils.extract_archive(tmp_path / "d.gz", remove_finished=True)
    assert (tmp_path / "d").read_bytes() == b"text" and not (tmp_path / "d.gz").exists()


DAMAGE = {
    "not an idx file": b"hello world",
    "cut": idx(np.zeros((60, 28, 28)))[:5000],
    "header only": idx(np.zeros((60, 28, 28)))[:10],
    "empty": b"",
    "cut gzip": gzip.compress(idx(np.zeros((60, 28, 28))))[:40],
    "not gzip": b"\x1f\x8b" + b"rubbish" * 10,
}


@pytest.mark.parametrize("content", DAMAGE.values(), ids=DAMAGE)
def test_damaged_idx_files(tmp_path, content):
    raw = write_mnist(tmp_path) / "MNIST" / "raw"
    (raw / "train-images-idx3-ubyte").write_bytes(content)
    with pytest.raises(RuntimeError, match="train-images-idx3-ubyte is damaged"):
        datasets.MNIST(tmp_path)
    assert len(datasets.MNIST(tmp_path, train=False)) == 20


def test_labels_and_images_of_different_length(tmp_path):
    raw = write_mnist(tmp_path) / "MNIST" / "raw"
    (raw / "train-labels-idx1-ubyte").write_bytes(idx(np.zeros(59)))
    with pytest.raises(RuntimeError, match=r"\(60, 28, 28\) images and \(59,\) labels"):
        datasets.MNIST(tmp_path)


def test_a_damaged_image_is_named(tmp_path):
    (tmp_path / "cat").mkdir()
    (tmp_path / "cat" / "1.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing more")
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (50, 50)).astype(np.uint8)).save(
        tmp_path / "cat" / "2.png"
    )
    whole = (tmp_path / "cat" / "2.png").read_bytes()
    (tmp_path / "cat" / "2.png").write_bytes(whole[: len(whole) // 2])
    # Pillow has another class of error for a header that ends early.
    (tmp_path / "cat" / "3.png").write_bytes(
        whole[:8] + b"\0\0\0\5IHDR12345" + zlib.crc32(b"IHDR12345").to_bytes(4, "big")
    )
    dataset = datasets.ImageFolder(tmp_path)
    for i in (0, 1, 2):
        with pytest.raises(OSError, match=f"{i + 1}.png is no image"):
            dataset[i]


def raising(image):
    raise ValueError("no such colour")


@pytest.mark.parametrize("workers", [0, 2])
def test_a_transform_that_raises(tmp_path, workers):
    dataset = datasets.MNIST(write_mnist(tmp_path), transform=transforms.Lambda(raising))
    with pytest.raises(ValueError, match="no such colour") as caught:
        next(iter(data.DataLoader(dataset, 4, num_workers=workers)))
    if workers:
        assert "DataLoader worker process" in str(caught.value) and "in raising" in str(caught.value)


def test_batches_that_do_not_collate(tmp_path):
    dataset = datasets.MNIST(write_mnist(tmp_path))
    message = "default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; found <class 'PIL.Image.Image'>"
    with pytest.raises(TypeError, match=message):
        next(iter(data.DataLoader(dataset, batch_size=2)))
    sizes = data.DataLoader([taper.zeros(2), taper.zeros(3)], batch_size=2)
    with pytest.raises(RuntimeError, match="stack"):
        next(iter(sizes))


def write_emnist(folder, server_content=None):
    """EMNIST's archive with one split."""
    archive = folder / "gzip.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        for kind, count in (("train", 6), ("test", 4)):
            labels, images = np.arange(count) % 26 + 1, np.zeros((count, 28, 28))
            for what, array in (("labels-idx1", labels), ("images-idx3", images)):
                packed.writestr(f"gzip/emnist-letters-{kind}-{what}-ubyte.gz", gzip.compress(idx(array)))
    return archive


def test_emnist_and_kmnist(tmp_path):
    archive = write_emnist(tmp_path)
    md5 = hashlib.md5(archive.read_bytes()).hexdigest()
    local = type("EMNIST", (datasets.EMNIST,), {"url": archive.as_uri(), "md5": md5})
    letters = local(tmp_path / "root", "letters", download=True)
    assert (len(letters), letters[2][1], letters.classes[1]) == (6, 3, "a")
    assert len(local(tmp_path / "root", split="letters", train=False)) == 4
    with pytest.raises(ValueError, match="Valid values"):
        local(tmp_path, "words")
    with pytest.raises(RuntimeError, match="download=True"):
        local(tmp_path / "root", "digits")
    kuzushiji = datasets.KMNIST(write_mnist(tmp_path, name="KMNIST"))
    assert (len(kuzushiji), kuzushiji.classes[3]) == (60, "tsu")
    with pytest.warns(UserWarning, match="targets"):
        assert kuzushiji.train_labels is kuzushiji.targets


def test_fake_data_is_the_same_each_time():
    dataset = datasets.FakeData(5, (3, 4, 6), 10, transforms.PILToTensor())
    assert len(dataset) == 5
    taper.manual_seed(0)
    before = taper.rand(1)
    taper.manual_seed(0)
    first, label = dataset[3]
    assert taper.equal(taper.rand(1), before), "the stream is where it was"
    assert taper.equal(dataset[3][0], first) and dataset[3][1] == label
    assert not taper.equal(dataset[2][0], first)
    with pytest.raises(IndexError):
        dataset[5]
