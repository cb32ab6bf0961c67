"""`taper run`: a script sees what Python would show it, with PyTorch's names standing for Taper."""

from __future__ import annotations

import pytest

from .programs import run, script, write


def test_names_are_tapers_own_modules(tmp_path):
    said = script(
        tmp_path,
        """
        import sys
        import torch
        import torch.nn.functional as F
        import torch.utils.data.dataloader, torch.optim.lr_scheduler, torch.nn.modules.module, torch.backends.cudnn
        import torchvision.transforms.functional
        from torch import nn, optim
        from torchvision import datasets, transforms
        from d2l import torch as d2l
        import taper

        assert torch is taper and nn is taper.nn and F is taper.nn.functional and optim is taper.optim
        assert torch.nn.functional is F and sys.modules["torch.nn.functional"] is sys.modules["taper.nn.functional"]
        assert transforms is taper.vision.transforms and torchvision.datasets is datasets
        assert d2l is taper.compat.d2l and d2l.torch is torch
        assert taper.nn.__spec__.name == "taper.nn" and taper.nn.__name__ == "taper.nn"
        assert torch.__version__.startswith("2.13") and torchvision.__version__.startswith("0.28")
        assert torch.__file__.endswith("taper/__init__.py")
        print(nn.Linear(2, 1)(torch.ones(3, 2)).shape)
        """,
    )
    assert said == "torch.Size([3, 1])\n"


def test_path_arguments_and_status_are_the_scripts(tmp_path):
    text = """
        import sys
        import helper
        from package.inner import two
        print(sys.argv, __name__, two())
        print(__file__, sys.path[0], helper.torch.__name__)
        assert sys.modules["__main__"].__dict__ is globals()
        exit(7)
    """
    inner = "import torch\ndef two():\n    return torch.tensor(2).item()\n"
    said = script(
        tmp_path,
        text,
        "a",
        "--help",
        "-x",
        "--",
        "b",
        status=7,
        helper="import torch",
        package____init__="",
        package__inner=inner,
    ).splitlines()
    assert said[0] == "['script.py', 'a', '--help', '-x', '--', 'b'] __main__ 2"
    assert said[1] == f"{tmp_path / 'script.py'} {tmp_path} taper"


STATUSES = [("", 0), ("raise SystemExit", 0), ("import sys; sys.exit(3)", 3), ("raise ValueError('x')", 1), ("1 +", 1)]


@pytest.mark.parametrize("text, status", STATUSES)
def test_exit_status(tmp_path, text, status):
    script(tmp_path, text, status=status)


def test_errors_are_shown_as_pythons_own(tmp_path):
    write(tmp_path, script="def f():\n    import torch\n    torch.ones(2) @ torch.ones(3)\n\nf()\n")
    done = run("run", "script.py", cwd=tmp_path)
    assert done.returncode == 1
    lines = done.stderr.splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert lines[1] == f'  File "{tmp_path / "script.py"}", line 5, in <module>'
    assert "RuntimeError" in lines[-1] or "ValueError" in lines[-1]
    write(tmp_path, script="import sys\nsys.exit('all is lost')\n")
    done = run("run", "script.py", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (1, "all is lost\n")
    write(tmp_path, script="input()\n")
    assert "EOFError" in run("run", "script.py", cwd=tmp_path).stderr


def test_a_missing_script_is_a_mistake(tmp_path):
    done = run("run", "nowhere.py", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "nowhere.py" in done.stderr and "Traceback" not in done.stderr


def test_a_folder_with_a_main_file(tmp_path):
    (tmp_path / "program").mkdir()
    (tmp_path / "program" / "__main__.py").write_text("import torch, sys\nprint(torch.ones(1).item(), sys.path[0])\n")
    done = run("run", "program", cwd=tmp_path)
    assert done.stdout == f"1.0 {tmp_path / 'program'}\n"


WORKERS = """
import torch
from torch.utils.data import DataLoader, Dataset

class Squares(Dataset):
    def __len__(self):
        return 6

    def __getitem__(self, i):
        import torch.nn.functional as F
        return F.relu(torch.tensor(i) ** 2)

METHOD = {method!r}
for epoch in range(2):
    loader = DataLoader(Squares(), batch_size=4, num_workers=2, multiprocessing_context=METHOD)
    print("epoch", [batch.tolist() for batch in loader])
"""


@pytest.mark.parametrize("method", [None, "fork", "spawn", "forkserver"])
def test_workers_start_from_scripts_without_a_guard(tmp_path, method):
    said = script(tmp_path, WORKERS.format(method=method)).splitlines()
    assert said == ["epoch [[0, 1, 4, 9], [16, 25]]"] * 2


def test_processes_of_the_scripts_own_find_the_names(tmp_path):
    text = """
        import multiprocessing as mp
        import torch

        def work(queue):
            queue.put(torch.ones(2).sum().item())

        if __name__ == "__main__":
            context = mp.get_context("spawn")
            queue = context.Queue()
            process = context.Process(target=work, args=(queue,))
            process.start()
            print(queue.get(timeout=60))
            process.join()
            print(process.exitcode)
    """
    assert script(tmp_path, text) == "2.0\n0\n"


def test_classes_of_the_script_are_pickled_by_name(tmp_path):
    text = """
        import io, torch
        class Net(torch.nn.Linear):
            pass
        file = io.BytesIO()
        torch.save(Net(2, 1), file)
        file.seek(0)
        print(type(torch.load(file, weights_only=False)) is Net)
    """
    assert script(tmp_path, text) == "True\n"


def test_the_real_pytorch_stays_out(tmp_path):
    # A package of this name beside the script, or installed, is not what the script gets.
    text = "import sys, torch\nprint('Tensor' in dir(torch), hasattr(torch, 'imposter'))\n"
    assert script(tmp_path, text, torch="imposter = 1") == "True False\n"


def test_a_d2l_of_the_scripts_own_comes_first(tmp_path):
    text = "from d2l import torch as d2l\nprint(d2l.mine)\n"
    assert script(tmp_path, text, d2l__torch="import torch\nmine = torch.ones(1).item()") == "1.0\n"
