"""What to use in the place of names of PyTorch's that Taper does not have."""

from __future__ import annotations

from difflib import get_close_matches
from fnmatch import fnmatchcase

from .names import known, members, table

INSTEAD = (
    ("torch.jit.*", "Call the function or module itself: Taper has no TorchScript."),
    ("torch.jit", "Call the function or module itself: Taper has no TorchScript."),
    ("torch.fx*", "There is no graph of a module; hooks see what passes through its layers."),
    ("torch.onnx*", "Save the weights with torch.save or safetensors, and export where PyTorch is installed."),
    ("torch.export*", "Save the weights with torch.save, and export where PyTorch is installed."),
    ("torch.hub*", "Download the weights yourself and load them with torch.load."),
    ("torch.utils.model_zoo*", "Download the weights yourself and load them with torch.load."),
    ("torch.utils.tensorboard*", "Install tensorboardX: pip install 'taper[board]'."),
    ("torch.utils.cpp_extension*", "Write the operator in Python: docs/adding-an-operator.md."),
    ("torch.ops*", "Call the public function of the operator."),
    ("torch.library*", "Write the operator as a torch.autograd.Function, or see docs/adding-an-operator.md."),
    (
        "torch.distributed*",
        "Start processes with `taper launch -n N script.py`, and use the collectives and DistributedDataParallel.",
    ),
    ("torch.nn.parallel*", "Use torch.nn.parallel.DistributedDataParallel, or the module itself."),
    ("torch.nn.DataParallel", "Use the module itself: Taper runs it on the threads of this machine."),
    ("torch.multiprocessing*", "Use Python's multiprocessing; a DataLoader has num_workers."),
    ("torch.quantization*", "Run in float32: Taper has no quantised tensors."),
    ("torch.ao*", "Run in float32: Taper has no quantised tensors."),
    ("torch.sparse*", "Use torch.sparse_coo_tensor, torch.sparse_csr_tensor, or dense tensors."),
    ("torch.profiler*", "Use Python's cProfile: every operator is a Python call."),
    ("torch.autograd.profiler*", "Use Python's cProfile: every operator is a Python call."),
    ("torch.xpu*", "Use the device 'cpu'."),
    ("torch.mps*", "Use the device 'cpu'."),
    ("torch.cuda*", "Ask torch.cuda.is_available() first: it says False, and the program goes on with 'cpu'."),
    ("torch.backends.*", "Leave the setting out: there is nothing for it to set."),
    (
        "torchvision.models.*",
        "Build the model from torch.nn; torchvision.models.list_models() names those that are there.",
    ),
    ("torchvision.datasets.*", "Read the files with ImageFolder or a Dataset of your own."),
    ("torch.testing*", "Use numpy.testing on tensors' .numpy()."),
)
"""(pattern, advice), the first that fits."""


def instead(full: str) -> str:
    """One sentence on what to use in the place of a name; a near name if PyTorch has no such name either."""
    if known(full) is False and not any(owner.startswith(full + ".") for owner in table()):
        owner, _, leaf = full.rpartition(".")
        near = get_close_matches(leaf, members(owner), 1, 0.75)
        return "PyTorch 2.13 has no such name either." + (f" Did you mean {owner}.{near[0]}?" if near else "")
    for pattern, advice in INSTEAD:
        if fnmatchcase(full, pattern):
            return advice
    leaf = full.rpartition(".")[2]
    if full == f"torch.Tensor.{leaf}" and leaf.endswith("_"):
        return f"Use the form that returns a new tensor, {leaf.rstrip('_')}, and assign its result."
    return "Compose it from names that are there."
