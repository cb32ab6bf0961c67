"""Visdom's own client with Taper's tensors, against a Visdom server on loopback."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import pytest

from .programs import run, write

pytest.importorskip("visdom", reason="Visdom is not installed")

SERVER = """
import sys
from visdom.server.run_server import main
main()
"""

PROGRAM = """
import json, sys
import torch
from visdom import Visdom

viz = Visdom(port=int(sys.argv[1]), raise_exceptions=True, use_incoming_socket=False)
viz.line([0.], [0.], win="loss", opts=dict(title="train loss"))
model = torch.nn.Linear(2, 1)
for step in range(1, 4):
    viz.line([1 / step], [step], win="loss", update="append")
viz.line(torch.tensor([[0., 1.], [2., 3.]]), torch.tensor([0., 1.]), win="two", opts=dict(legend=["a", "b"]))
viz.line(model(torch.ones(3, 2)).squeeze(), win="grad")
viz.images(torch.rand(6, 1, 8, 8), nrow=3, win="images")
viz.histogram(model.weight.flatten(), win="histogram", opts=dict(numbins=2))
viz.heatmap(torch.ones(2, 3), win="heatmap")
print(json.dumps([json.loads(viz.get_window_data(w))["content"] for w in ("loss", "two", "grad", "heatmap")]))
print([viz.win_exists(w) for w in ("images", "histogram", "nothing")])
"""


@pytest.fixture
def port(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        number = free.getsockname()[1]
    # The ordinary start fetches the page's scripts from the internet first; the data need none.
    command = [
        sys.executable,
        "-c",
        SERVER,
        "-port",
        str(number),
        "--hostname",
        "127.0.0.1",
        "-env_path",
        str(tmp_path),
        "-bind_local",
    ]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 30
    try:
        while True:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{number}/", timeout=5).close()
                break
            except urllib.error.HTTPError:
                # It answers: the page lacks its scripts, no more.
                break
            except (urllib.error.URLError, OSError):
                assert process.poll() is None and time.monotonic() < deadline, "the Visdom server did not start"
                time.sleep(0.2)
        yield number
    finally:
        process.terminate()
        process.wait(10)


def test_curves_images_and_heatmaps(tmp_path, port):
    write(tmp_path, script=PROGRAM)
    done = run("run", "script.py", str(port), cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    contents, exists = done.stdout.splitlines()[-2:]
    loss, two, grad, heatmap = json.loads(contents)
    assert loss["data"][0]["x"] == [0, 1, 2, 3]
    assert loss["data"][0]["y"] == [0, 1, 1 / 2, 1 / 3]
    assert [trace["y"] for trace in two["data"]] == [[0, 2], [1, 3]]
    assert len(grad["data"][0]["y"]) == 3
    assert heatmap["data"][0]["z"] == [[1, 1, 1], [1, 1, 1]]
    assert exists == "[True, True, False]"
