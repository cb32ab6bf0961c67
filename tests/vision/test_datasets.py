"""Datasets from files, whole and damaged; downloads, whole and interrupted; batches equal to single images."""

from __future__ import annotations

import functools
import hashlib
import http.server
import pickle
import tarfile
import threading

import numpy as np
import pytest

import taper
from taper.utils import data
from taper.vision import datasets, transforms
from taper.vision.datasets.download import download

from .files import write_mnist

Image = pytest.importorskip("PIL.Image", reason="images need Pillow")


@pytest.mark.parametrize("packed", [False, True])
def test_mnist_reads_its_files(tmp_path, packed):
    write_mnist(tmp_path, packed=packed)
    train, test = (datasets.MNIST(tmp_path, train=t) for t in (True, False))
    assert (len(train), len(test)) == (60, 20)
    image, label = train[3]
    assert image.size == (28, 28)
    assert image.mode == "L"
    assert label == 3
    assert train.data.dtype == taper.uint8
    assert train.targets.tolist() == [i % 10 for i in range(60)]
    assert train.class_to_idx["3 - three"] == 3
    assert "Number of datapoints: 60" in repr(train)
    assert datasets.MNIST(tmp_path, transform=transforms.ToTensor(), target_transform=lambda t: -t)[3][1] == -3


def test_missing_and_damaged_files_are_named(tmp_path):
    with pytest.raises(RuntimeError, match="download=True"):
        datasets.MNIST(tmp_path)
    write_mnist(tmp_path)
    path = tmp_path / "MNIST" / "raw" / "train-images-idx3-ubyte"
    content = path.read_bytes()
    for damaged in (content[:-5], content[:3], b"", b"\x00\x00\x63" + content[3:], b"\x1f\x8b" + content):
        path.write_bytes(damaged)
        with pytest.raises(RuntimeError, match="train-images-idx3-ubyte is damaged"):
            datasets.MNIST(tmp_path)


PIPELINES = [
    transforms.ToTensor(),
    transforms.Compose([transforms.ToTensor(), transforms.Normalize([0.1], [0.3])]),
    transforms.PILToTensor(),
    transforms.Compose(
        [transforms.RandomCrop(28, padding=3), transforms.RandomHorizontalFlip(), transforms.ToTensor()]
    ),
    transforms.Compose([transforms.RandomVerticalFlip(0.3), transforms.RandomCrop((20, 24)), transforms.ToTensor()]),
]


@pytest.mark.parametrize("i", range(len(PIPELINES)))
def test_batches_are_those_of_single_images(tmp_path, i):
    dataset = datasets.MNIST(write_mnist(tmp_path), transform=PIPELINES[i])
    assert dataset.__getbatch__(np.arange(3)) is not NotImplemented
    both = []
    for collate in (None, lambda b: data.default_collate(b)):
        taper.manual_seed(0)
        both.append(list(data.DataLoader(dataset, 16, shuffle=True, collate_fn=collate)))
    for (x, y), (u, v) in zip(*both):
        assert taper.equal(x, u)
        assert taper.equal(y, v)
        assert x.dtype == u.dtype


def test_a_transform_without_batches_goes_image_by_image(tmp_path):
    dataset = datasets.MNIST(
        write_mnist(tmp_path), transform=transforms.Compose([transforms.Resize(8), transforms.ToTensor()])
    )
    assert dataset.__getbatch__(np.arange(3)) is NotImplemented
    assert next(iter(data.DataLoader(dataset, 4)))[0].shape == (4, 1, 8, 8)


def test_digits_are_real_and_split_evenly():
    pytest.importorskip("sklearn", reason="digits are scikit-learn's")
    train, test = datasets.Digits(), datasets.Digits(train=False)
    assert len(train) + len(test) == 1797
    assert np.bincount(test.targets).min() >= 34
    assert train.data.shape[1:] == (8, 8)
    assert train.data.max() == 255


def cifar_files(root):
    """A CIFAR-10 of four images a batch."""
    folder = root / "cifar-10-batches-py"
    folder.mkdir(parents=True)
    random = np.random.default_rng(0)
    for name in [f"data_batch_{i}" for i in range(1, 6)] + ["test_batch"]:
        content = {"data": random.integers(0, 256, (4, 3072)).astype(np.uint8), "labels": [0, 1, 2, 3]}
        (folder / name).write_bytes(pickle.dumps(content, protocol=2))
    (folder / "batches.meta").write_bytes(pickle.dumps({"label_names": [f"class {i}" for i in range(10)]}, protocol=2))
    return folder


def cifar_class(folder):
    """CIFAR10 with the checksums of the files in a folder."""
    md5 = lambda name: hashlib.md5((folder / name).read_bytes()).hexdigest()
    return type("CIFAR10", (datasets.CIFAR10,), {
        "train_list": [[f"data_batch_{i}", md5(f"data_batch_{i}")] for i in range(1, 6)],
        "test_list": [["test_batch", md5("test_batch")]],
        "meta": {"filename": "batches.meta", "key": "label_names", "md5": md5("batches.meta")},
    })  # fmt: skip


def test_cifar_reads_its_batches_and_executes_nothing(tmp_path):
    folder = cifar_files(tmp_path)
    dataset = cifar_class(folder)(tmp_path)
    assert len(dataset) == 20
    assert dataset[1][0].size == (32, 32)
    assert dataset.classes[2] == "class 2"
    (folder / "data_batch_1").write_bytes(pickle.dumps(print))
    with pytest.raises(RuntimeError, match="data_batch_1 is damaged"):
        cifar_class(folder)(tmp_path)
    with pytest.raises(RuntimeError, match="download=True"):
        datasets.CIFAR10(tmp_path)


def test_folders_of_images(tmp_path):
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
        for i in range(3):
            Image.new("RGB", (5 + i, 4), (i, 0, 0)).save(tmp_path / name / f"{i}.png")
    (tmp_path / "cat" / "notes.txt").write_text("no image")
    dataset = datasets.ImageFolder(tmp_path)
    assert dataset.classes == ["cat", "dog"]
    assert len(dataset) == 6
    assert dataset[5][1] == 1
    assert dataset.imgs == dataset.samples
    with pytest.raises(FileNotFoundError, match="class folder"):
        datasets.ImageFolder(tmp_path / "cat")
    (tmp_path / "bird").mkdir()
    with pytest.raises(FileNotFoundError, match="bird"):
        datasets.ImageFolder(tmp_path)


@pytest.fixture
def server(tmp_path):
    """A web server over a folder, whose first answer may be cut short."""
    served = tmp_path / "served"
    served.mkdir()

    class Handler(http.server.SimpleHTTPRequestHandler):
        cut = False

        def do_GET(self):
            content = (served / self.path.lstrip("/")).read_bytes()
            start = int(self.headers.get("Range", "bytes=0-")[6:].split("-")[0])
            self.send_response(206 if start else 200)
            self.send_header("Content-Length", str(len(content) - start))
            self.end_headers()
            part = content[start:]
            if Handler.cut:
                Handler.cut, part = False, part[: len(part) // 2]
            self.wfile.write(part)

        def log_message(self, *args):
            pass

    made = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=str(served)))
    threading.Thread(target=made.serve_forever, daemon=True).start()
    made.folder, made.handler = served, Handler
    yield made
    made.shutdown()
    made.server_close()


def test_download_checks_and_resumes(tmp_path, server, capsys):
    content = np.random.default_rng(0).bytes(300_000)
    (server.folder / "file").write_bytes(content)
    url = f"http://127.0.0.1:{server.server_port}/file"
    md5 = hashlib.md5(content).hexdigest()
    target = tmp_path / "got" / "file"
    server.handler.cut = True
    with pytest.raises(RuntimeError, match="run again to continue"):
        download([url], target, md5)
    assert not target.exists()
    assert 0 < target.with_name("file.part").stat().st_size < len(content)
    download([url], target, md5)
    assert target.read_bytes() == content
    assert not target.with_name("file.part").exists()
    with pytest.raises(RuntimeError, match="MD5"):
        download([url], tmp_path / "other", "0" * 32)
    assert list(tmp_path.glob("other*")) == []
    with pytest.raises(RuntimeError, match="could not be downloaded"):
        download(
            [f"http://127.0.0.1:{server.server_port}/missing".replace(str(server.server_port), "9")],
            tmp_path / "x",
            md5,
        )


def test_mnist_and_cifar_download_what_is_missing(tmp_path, server):
    source = write_mnist(tmp_path / "source", packed=True) / "MNIST" / "raw"
    names = sorted(p.name for p in source.iterdir())
    for name in names:
        (server.folder / name).write_bytes((source / name).read_bytes())
    address = f"http://127.0.0.1:{server.server_port}/"
    order = [n for n, _ in datasets.MNIST.resources]
    local = type("MNIST", (datasets.MNIST,), {
        "mirrors": ("http://127.0.0.1:9/", address),
        "resources": tuple((n, hashlib.md5((source / n).read_bytes()).hexdigest()) for n in order),
    })  # fmt: skip
    assert len(local(tmp_path / "root", download=True)) == 60

    folder = cifar_files(tmp_path / "cifar")
    archive = server.folder / "cifar-10-python.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(folder, "cifar-10-batches-py")
    small = cifar_class(folder)
    small.url, small.tgz_md5 = address + archive.name, hashlib.md5(archive.read_bytes()).hexdigest()
    assert len(small(tmp_path / "root", train=False, download=True)) == 4
