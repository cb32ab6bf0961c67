"""The book's helpers: values, training, pictures in a script."""

from __future__ import annotations

import hashlib
import zipfile

import numpy as np
import pytest

import taper as torch
from taper.compat import d2l
from taper.compat.d2l import hub

from ..vision.files import write_mnist
from .programs import run, write

plt = pytest.importorskip("matplotlib.pyplot", reason="pictures need matplotlib")
plt.switch_backend("Agg")
NAMES = (
    *("synthetic_data", "load_array", "linreg", "squared_loss", "sgd", "Timer", "Accumulator", "Animator", "train_ch3"),
    *("train_ch6", "train_epoch_ch3", "evaluate_accuracy", "evaluate_accuracy_gpu", "evaluate_loss", "predict_ch3"),
    *("show_images", "get_fashion_mnist_labels", "get_dataloader_workers", "load_data_fashion_mnist", "set_figsize"),
    *("use_svg_display", "set_axes", "plot", "plt", "try_gpu", "try_all_gpus", "accuracy", "download", "DATA_HUB", "DATA_URL"),
    *("download_all", "download_extract", "corr2d", "Residual", "resnet18", "np", "torch", "nn", "F", "data", "transforms"),
    *("torchvision", "reshape", "size", "numpy", "astype", "reduce_sum", "reduce_mean", "argmax", "transpose", "to", "zeros", "d2l"),
)  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_names(name):
    assert getattr(d2l, name) is not None


def test_linear_regression_learns_what_made_the_data():
    torch.manual_seed(0)
    true_w, true_b = torch.tensor([2, -3.4]), 4.2
    features, labels = d2l.synthetic_data(true_w, true_b, 400)
    assert (features.shape, labels.shape) == ((400, 2), (400, 1))
    w, b = torch.zeros(2, 1, requires_grad=True), torch.zeros(1, requires_grad=True)
    for _ in range(6):
        for X, y in d2l.load_array((features, labels), 10):
            d2l.squared_loss(d2l.linreg(X, w, b), y).sum().backward()
            d2l.sgd([w, b], 0.03, 10)
    np.testing.assert_allclose(w.detach().numpy().ravel(), true_w.numpy(), atol=0.01)
    assert w.grad.abs().sum() == 0


def test_sums_clocks_and_scores():
    sums = d2l.Accumulator(2)
    sums.add(1, torch.tensor(2.5))
    sums.add(2, 0.5)
    assert (sums[0], sums[1]) == (3.0, 3.0)
    sums.reset()
    assert sums[1] == 0
    clock = d2l.Timer()
    clock.stop()
    clock.start()
    clock.stop()
    assert len(clock.times) == 2
    assert clock.sum() >= clock.avg() >= 0
    assert len(clock.cumsum()) == 2
    scores = torch.tensor([[0.1, 0.9], [0.8, 0.2]])
    assert d2l.accuracy(scores, torch.tensor([1, 1])) == 1.0
    assert d2l.accuracy(torch.tensor([1, 0]), torch.tensor([1, 0])) == 2.0
    batches = [(scores, torch.tensor([1, 0])), (scores, torch.tensor([0, 0]))]
    assert d2l.evaluate_accuracy(lambda x: x, batches) == 0.75
    assert d2l.evaluate_accuracy_gpu(torch.nn.Linear(2, 2), batches) <= 1
    loss = d2l.evaluate_loss(lambda x: x, [(torch.ones(4, 1), torch.zeros(4))], torch.nn.MSELoss(reduction="none"))
    assert loss == 1.0
    assert (d2l.try_gpu(99), d2l.try_all_gpus()) == (torch.device("cpu"), [torch.device("cpu")])
    kernel = torch.tensor([[0.0, 1.0], [2.0, 3.0]])
    assert d2l.corr2d(torch.arange(9.0).reshape(3, 3), kernel).tolist() == [[19.0, 25.0], [37.0, 43.0]]
    assert d2l.Residual(3, 6, True, 2)(torch.rand(4, 3, 6, 6)).shape == (4, 6, 3, 3)


@pytest.fixture
def fashion(tmp_path, monkeypatch):
    """Fashion-MNIST's files, made up, where the book looks for them."""
    write_mnist(tmp_path / "data", 120, 40, name="FashionMNIST")
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setattr(d2l.images, "get_dataloader_workers", lambda: 0)


def test_the_loops_train(fashion, capsys):
    train, test = d2l.load_data_fashion_mnist(40)
    assert (len(train), len(test)) == (3, 1)
    assert next(iter(d2l.load_data_fashion_mnist(8, resize=12)[0]))[0].shape == (8, 1, 12, 12)
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(784, 10))
    loss, updater = torch.nn.CrossEntropyLoss(reduction="none"), torch.optim.SGD(net.parameters(), lr=0.1)
    first, _ = d2l.train_epoch_ch3(net, train, loss, updater)
    for _ in range(5):
        last, accuracy = d2l.train_epoch_ch3(net, train, loss, updater)
    assert last < first
    assert 0 <= accuracy <= 1
    with pytest.raises(AssertionError):
        d2l.train_ch3(net, train, test, lambda p, y: loss(p, y) + 10, 2, updater)
    d2l.predict_ch3(net, test, n=4)
    assert len(plt.gcf().axes) == 4
    d2l.train_ch6(torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(784, 10)), train, test, 2, 0.1, d2l.try_gpu())
    assert "examples/sec on cpu" in capsys.readouterr().out
    plt.close("all")


def test_pictures():
    d2l.use_svg_display()
    d2l.set_figsize((3, 2))
    d2l.plot(torch.arange(3.0), [torch.arange(3.0), torch.ones(3)], "x", "y", legend=["a", "b"], xlim=[0, 2])
    axes = plt.gca()
    assert (len(axes.get_lines()), axes.get_xlabel()) == (2, "x")
    d2l.plot([[1, 2, 3]], axes=axes)
    assert len(axes.get_lines()) == 1
    images = d2l.show_images(torch.rand(4, 5, 5), 2, 2, titles=list("abcd"))
    assert (len(images), images[3].get_title()) == (4, "d")
    assert d2l.get_fashion_mnist_labels([0, 9]) == ["t-shirt", "ankle boot"]
    plt.close("all")


def test_a_scripts_animator_leaves_a_png(tmp_path):
    write(
        tmp_path,
        script="""
        from d2l import torch as d2l
        animator = d2l.Animator(xlabel="epoch", xlim=[1, 3], legend=["loss", "accuracy"])
        for i in range(3):
            animator.add(i + 1, (1 / (i + 1), None if i == 1 else i))
        assert [len(y) for y in animator.Y] == [3, 2]
        d2l.Animator()
        """,
    )
    done = run("run", "script.py", cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert sorted(p.name for p in tmp_path.glob("*.png")) == ["animator-1.png"]
    assert (tmp_path / "animator-1.png").read_bytes()[:4] == b"\x89PNG"


def test_downloads_are_checked_and_unpacked(tmp_path, monkeypatch):
    source = tmp_path / "source.zip"
    with zipfile.ZipFile(source, "w") as archive:
        archive.writestr("source/a.csv", "1,2")
    sha1 = hashlib.sha1(source.read_bytes()).hexdigest()
    monkeypatch.setitem(hub.DATA_HUB, "mine", (source.as_uri(), sha1))
    monkeypatch.setitem(hub.DATA_HUB, "false", (source.as_uri(), "0" * 40))
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    assert d2l.download_extract("mine") == "../data/source"
    assert (tmp_path / "data" / "source" / "a.csv").read_text() == "1,2"
    with pytest.raises(AssertionError, match="unknown"):
        d2l.download("unknown")
    with pytest.raises(RuntimeError, match="SHA1"):
        d2l.download("false", "elsewhere")
