"""SummaryWriter: what is in its files, and what TensorBoard itself says of them over HTTP."""

from __future__ import annotations

import json
import math
import re
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request

import numpy as np
import pytest

import taper as torch
from taper import nn

pytest.importorskip("tensorboardX", reason="tensorboardX is not installed")
from taper.utils.tensorboard import SummaryWriter


def values(folder) -> dict[str, list]:
    """For every tag in a folder's event files its (step, value) pairs."""
    from tensorboardX.proto.event_pb2 import Event

    found: dict[str, list] = {}
    for file in sorted(folder.glob("events.out.tfevents.*")):
        content, at = file.read_bytes(), 0
        while at < len(content):
            size = int.from_bytes(content[at : at + 8], "little")
            event = Event.FromString(content[at + 12 : at + 12 + size])
            at += 16 + size
            if event.graph_def:
                found["graph"] = [(0, event.graph_def)]
            for value in event.summary.value:
                found.setdefault(value.tag, []).append((event.step, value))
    return found


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU())
        self.fc = nn.Linear(4 * 6 * 6, 10)

    def forward(self, x):
        return self.fc(self.features(x).flatten(1)).log_softmax(1)


def test_scalars_of_tensors_arrays_and_numbers(tmp_path):
    with SummaryWriter(tmp_path) as writer:
        assert writer.get_logdir() == writer.log_dir == str(tmp_path)
        for step, value in enumerate((1, 2.5, torch.tensor(3.0), np.float64(4))):
            writer.add_scalar("loss/train", value, step)
        writer.add_scalars("both", {"a": 1.0, "b": torch.tensor(2.0)}, 7)
        with pytest.raises(NotImplementedError, match="new_style"):
            writer.add_scalar("x", 1, new_style=True)
    assert [(s, v.simple_value) for s, v in values(tmp_path)["loss/train"]] == [(0, 1.0), (1, 2.5), (2, 3.0), (3, 4.0)]
    assert values(tmp_path / "both_b")["both"][0][1].simple_value == 2.0


def test_everything_else_that_is_written(tmp_path):
    pyplot = pytest.importorskip("matplotlib.pyplot", reason="figures need matplotlib")
    pyplot.switch_backend("Agg")
    weights = torch.nn.Parameter(torch.arange(100.0))
    with SummaryWriter(str(tmp_path)) as writer:
        writer.add_histogram("weights", weights, 3)
        writer.add_histogram_raw("raw", 0, 1, 2, 1, 1, torch.tensor([0.5, 1.0]), torch.tensor([1.0, 1.0]))
        writer.add_image("digit", torch.rand(1, 8, 8))
        writer.add_images("digits", torch.rand(4, 3, 8, 8), 1)
        writer.add_image_with_boxes("boxes", torch.rand(3, 20, 20), torch.tensor([[1.0, 2, 10, 12]]))
        figure = pyplot.figure()
        writer.add_figure("figure", figure)
        writer.add_text("note", "hello")
        writer.add_pr_curve("pr", torch.randint(0, 2, (50,)), torch.rand(50))
        writer.add_mesh("mesh", torch.rand(1, 5, 3))
        writer.add_embedding(torch.arange(12.0).reshape(4, 3), list("abcd"), torch.rand(4, 1, 8, 8))
        writer.add_hparams(
            {"lr": 0.1, "size": torch.tensor(3)}, {"hparam/accuracy": torch.tensor(0.75)}, run_name="one"
        )
        writer.add_custom_scalars({"losses": {"both": ["Multiline", ["loss/train", "loss/test"]]}})
        writer.flush()
        with pytest.raises(TypeError, match="dictionary"):
            writer.add_hparams([], {})
    found = values(tmp_path)
    ((step, histogram),) = found["weights"]
    assert (step, histogram.histo.min, histogram.histo.max, histogram.histo.num) == (3, 0, 99, 100)
    assert histogram.histo.sum == weights.sum().item()
    assert (found["digit"][0][1].image.width, found["digits"][0][1].image.height) == (8, 8)
    assert {"raw", "boxes", "figure", "pr", "custom_scalars__config__"} <= set(found)
    assert any(tag.startswith("note") for tag in found)
    (tensors,) = tmp_path.rglob("tensors.tsv")
    assert np.loadtxt(tensors).tolist() == [[0, 1, 2], [3, 4, 5], [6, 7, 8], [9, 10, 11]]
    assert values(tmp_path / "one")["hparam/accuracy"][0][1].simple_value == 0.75


def test_a_models_graph(tmp_path, capsys):
    from tensorboardX.proto.graph_pb2 import GraphDef

    model = Net()
    with SummaryWriter(tmp_path) as writer:
        writer.add_graph(model, torch.rand(2, 1, 8, 8), verbose=True)
        with pytest.raises(ValueError, match="input_to_model"):
            writer.add_graph(model)
        with pytest.raises(RuntimeError, match="does not depend"):
            writer.add_graph(nn.Identity(), torch.ones(2, dtype=torch.int64))
    graph = GraphDef.FromString(values(tmp_path)["graph"][0][1])
    nodes = {node.name: node for node in graph.node}
    assert list(nodes["Net/features/0/Convolution"].input) == [
        "Net/input/0",
        "Net/features/0/weight",
        "Net/features/0/bias",
    ]
    assert list(nodes["Net/features/1/Relu"].input) == ["Net/features/0/Convolution"]
    assert nodes["Net/LogSoftmax"].input == ["Net/fc/Addmm"]
    assert "Net/fc/Addmm: Addmm(" in capsys.readouterr().out
    assert not any(m._forward_hooks for m in model.modules())


def test_the_real_pytorch_is_not_imported():
    code = "import sys; import taper.utils.tensorboard; print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"


@pytest.fixture
def board(tmp_path):
    """TensorBoard over a folder, on loopback; its address."""
    pytest.importorskip("tensorboard", reason="TensorBoard is not installed")
    with SummaryWriter(tmp_path / "run") as writer:
        for step in range(50):
            writer.add_scalar("loss/train", torch.tensor(math.exp(-step / 10)), step)
        writer.add_graph(Net(), torch.rand(1, 1, 8, 8))
        writer.add_histogram("weights", torch.randn(100), 0)
    command = [
        sys.executable,
        "-m",
        "tensorboard.main",
        "--logdir",
        str(tmp_path),
        "--port",
        "0",
        "--host",
        "127.0.0.1",
        "--load_fast",
        "false",
    ]
    with open(tmp_path / "log", "w+") as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
        try:
            yield _address(process, tmp_path / "log")
        finally:
            process.terminate()
            process.wait(10)


def _address(process, log) -> str:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        found = [word for word in log.read_text().split() if word.startswith("http://127.0.0.1:")]
        if found:
            return found[0].rstrip("/")
        assert process.poll() is None, log.read_text()
        time.sleep(0.2)
    raise AssertionError(log.read_text())


def ask(address: str, path: str):
    """TensorBoard's answer, once it has read its files."""
    deadline = time.monotonic() + 30
    while True:
        with urllib.request.urlopen(address + path, timeout=30) as answer:
            found = json.loads(answer.read())
        if found or time.monotonic() > deadline:
            return found
        time.sleep(0.3)


def test_tensorboard_shows_the_run(board):
    assert list(ask(board, "/data/plugin/scalars/tags")["run"]) == ["loss/train"]
    points = ask(board, "/data/plugin/scalars/scalars?run=run&tag=loss%2Ftrain")
    assert [p[1] for p in points] == list(range(50))
    np.testing.assert_allclose([p[2] for p in points], np.exp(-np.arange(50) / 10), rtol=1e-6)
    assert "run" in ask(board, "/data/plugin/histograms/tags")
    with urllib.request.urlopen(board + "/data/plugin/graphs/graph?run=run&conceptual=false", timeout=30) as answer:
        assert b"Net/features/0/Convolution" in answer.read()


def test_the_page_draws_the_curve(board, tmp_path):
    browser = shutil.which("chromium") or shutil.which("chromium-browser")
    if browser is None:
        pytest.skip("Chromium is not installed")
    ask(board, "/data/plugin/scalars/tags")
    # Without WebGL the page draws its curves as SVG, which the document then holds.
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-3d-apis", "--disable-dev-shm-usage"]
    options += [f"--user-data-dir={tmp_path / 'browser'}", "--window-size=1400,1000", "--virtual-time-budget=20000"]
    page = subprocess.run(
        [browser, *options, "--dump-dom", board + "/#timeseries"], capture_output=True, text=True, timeout=120
    ).stdout
    paths = [
        np.array([p.split(",") for p in d[1:].split("L")], float)
        for d in re.findall(r'<path[^>]* d="(M[-\d.,L]+)"', page)
    ]
    curves = [path for path in paths if len(path) == 50]
    assert curves, "no curve of 50 points on the page"
    expected = np.exp(-np.arange(50) / 10)
    assert max(abs(np.corrcoef(curve[:, 1], expected)[0, 1]) for curve in curves) > 0.999999
