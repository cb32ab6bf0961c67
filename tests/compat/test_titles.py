"""Classes under `taper run`: they say the module in which PyTorch has them, and are found there again."""

from __future__ import annotations

import subprocess
import sys

import pytest

CLASSES = """nn.Linear nn.Conv2d nn.LSTM nn.LSTMCell nn.MultiheadAttention nn.Sequential nn.Module nn.CrossEntropyLoss
nn.TripletMarginLoss nn.ParameterDict nn.LazyConv2d nn.modules.conv._ConvNd nn.Parameter nn.utils.prune.L1Unstructured
nn.utils.parametrize.ParametrizationList nn.DataParallel nn.parallel.DistributedDataParallel optim.SGD optim.Adam
optim.AdamW optim.Adagrad optim.SparseAdam optim.LBFGS optim.Optimizer optim.Adafactor optim.lr_scheduler.StepLR
optim.lr_scheduler.OneCycleLR optim.swa_utils.AveragedModel utils.data.DataLoader utils.data.TensorDataset
utils.data.RandomSampler distributions.Normal distributions.ExpTransform distributions.StickBreakingTransform
amp.GradScaler""".split()
"""Classes of PyTorch's by what comes after `torch.`."""

SCRIPT = """
import pickle
import torch
import torch.distributions, torch.nn.utils.prune, torch.nn.utils.parametrize, torch.optim.swa_utils, torch.utils.data
from torch import nn

for name in {names}:
    found = torch
    for part in name.split("."):
        found = getattr(found, part)
    print(found)
    assert pickle.loads(pickle.dumps(found)) is found, name
model = nn.Sequential(nn.Linear(2, 3), nn.MultiheadAttention(4, 2))
print(pickle.loads(pickle.dumps(model)))
torch.save(model, "model.pt")
print(torch.load("model.pt", weights_only=False))
nn.utils.parametrize.register_parametrization(model[0], "weight", nn.ReLU())
print(type(model[0]), nn.utils.parametrize.type_before_parametrizations(model[0]))
step = torch.compile(lambda x: model[0](x).sum(), fullgraph=True)
print(step(torch.ones(2, 2)).shape)
try:
    model[0].bias = nn.ReLU()
except TypeError as error:
    print(error)
"""


def run(path, *command):
    found = subprocess.run([*command, str(path)], cwd=path.parent, capture_output=True, text=True, timeout=120)
    assert found.returncode == 0, found.stderr
    return found.stdout


def test_classes_say_where_pytorch_has_them(tmp_path):
    pytest.importorskip("torch")
    path = tmp_path / "script.py"
    path.write_text(SCRIPT.format(names=CLASSES))
    ours = run(path, sys.executable, "-m", "taper", "run").splitlines()
    path.write_text(path.read_text().replace("torch.compile", "torch.jit.ignore").replace(", fullgraph=True", ""))
    assert ours == run(path, sys.executable).splitlines()


def test_every_class_is_found_under_its_name(tmp_path):
    path = tmp_path / "script.py"
    path.write_text(
        "import pickle, sys\nimport torch, torch.distributions, torch.utils.data, torchvision\n"
        "for module in [m for n, m in list(sys.modules.items()) if n.startswith('taper.')]:\n"
        "    for cls in list(vars(module).values()):\n"
        "        if isinstance(cls, type) and cls.__module__.startswith('torch'):\n"
        "            assert pickle.loads(pickle.dumps(cls)) is cls, cls\n"
    )
    run(path, sys.executable, "-m", "taper", "run")


def test_without_the_aliases_classes_say_where_they_are(tmp_path):
    path = tmp_path / "script.py"
    path.write_text(
        "from taper import compat, nn\n"
        "compat.install()\n"
        "assert nn.LSTMCell.__module__ == 'torch.nn.modules.rnn' and hasattr(nn.modules.rnn, 'LSTMCell')\n"
        "compat.uninstall()\n"
        "assert nn.LSTMCell.__module__ == 'taper.nn.modules.rnn_cells' and not hasattr(nn.modules.rnn, 'LSTMCell')\n"
    )
    run(path, sys.executable)
