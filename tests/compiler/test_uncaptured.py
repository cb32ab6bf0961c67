"""What cannot be captured runs eagerly, with one warning that names the reason and the user's line; never silently."""

from __future__ import annotations

import inspect
import warnings

import pytest

import taper
from taper import CaptureError

WEIGHT = taper.ones(3, requires_grad=True)
calls = 0
losses: list = []


class Counter:
    def __init__(self):
        self.n = 0


counter = Counter()


def prints(x):
    y = x * 2
    print(y)
    return y


def formats(x):
    return f"{x.sum()}"


def takes_item(x):
    return x * x.sum().item()


def takes_float(x):
    return x * float(x.sum())


def takes_list(x):
    return taper.tensor(x.tolist())


def takes_numpy(x):
    return taper.from_numpy(x.numpy() * 2)


def branches(x):
    loss = (x * WEIGHT).sum()
    if loss < 1:
        return loss * 2
    return loss


def loops(x):
    while x.sum() < 40:
        x = x * 2
    return x


def finds(x):
    return taper.nonzero(x - 1)


def masks(x):
    return x[x > 1]


def counts_in_object(x):
    counter.n += 1
    return x * 2


def counts_in_global(x):
    global calls
    calls += 1
    return x * 2


def collects(x):
    loss = (x * 2).sum()
    losses.append(loss)
    return loss


def replaces_memory(x):
    WEIGHT.data = WEIGHT.data * 1
    return x * WEIGHT.detach()


def counts_unique(x):
    return taper.unique(x)


AT_ONCE = [
    (prints, "Printing", "print(y)"),
    (formats, "looks at the values", 'f"{x.sum()}"'),
    (takes_item, "item", "x.sum().item()"),
    (takes_float, "looks at the values", "float(x.sum())"),
    (takes_list, "tolist", "x.tolist()"),
    (takes_numpy, "NumPy array", "x.numpy()"),
    (branches, "looks at the values", "if loss < 1"),
    (loops, "looks at the values", "while x.sum()"),
    (finds, "depends on values", "nonzero"),
    (masks, "depends on values", "x[x > 1]"),
    (counts_unique, "depends on values", "taper.unique"),
    (replaces_memory, "memory is replaced", "def replaces_memory"),
]
LATER = [
    (counts_in_object, "'n'", "def counts_in_object"),
    (counts_in_global, "'calls'", "def counts_in_global"),
    (collects, "a list", "def collects"),
]
every = pytest.mark.parametrize(
    ("function", "reason", "line"), AT_ONCE + LATER, ids=lambda v: getattr(v, "__name__", "")
)


def line_number(function, text: str) -> int:
    lines, first = inspect.getsourcelines(function)
    return first + next(i for i, line in enumerate(lines) if text in line)


def equal(a, b) -> bool:
    return a == b if isinstance(a, str) else bool((a == b).all()) and a.shape == b.shape


@every
def test_one_warning_with_reason_and_line_and_the_right_results(function, reason, line, capsys):
    compiled = taper.compile(function)
    given = [taper.tensor([1.0, 2.0, 3.0]) * k for k in range(1, 6)]
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        results = [compiled(x) for x in given]
    (warning,) = found
    message = str(warning.message)
    assert "taper.compile" in message and function.__name__ in message and reason in message
    assert f"{__file__}:{line_number(function, line)}" in message
    assert warning.filename == __file__
    assert all(equal(a, function(x)) for a, x in zip(results, given))


@every
def test_fullgraph_raises_with_the_line(function, reason, line, capsys):
    compiled = taper.compile(function, fullgraph=True)
    with pytest.raises(CaptureError, match=reason) as error:
        for _ in range(3):
            compiled(taper.ones(3))
    assert f"{__file__}:{line_number(function, line)}" in str(error.value)


def test_counters_and_lists_change_once_a_call():
    global calls
    counter.n, calls = 0, 0
    losses.clear()
    for function in (counts_in_object, counts_in_global, collects):
        with pytest.warns(UserWarning, match="runs eagerly"):
            compiled = taper.compile(function)
            for _ in range(7):
                compiled(taper.ones(3))
    assert (counter.n, calls, len(losses)) == (7, 7, 7)
    assert all(loss.item() == 6 for loss in losses)


def test_the_users_own_mistake_is_raised_in_the_eager_engines_words_and_spoils_nothing():
    weight = taper.ones(3, 2)

    def product(x):
        return x @ weight

    compiled = taper.compile(product)
    for _ in range(2):
        with pytest.raises(RuntimeError, match="mat1 and mat2 shapes cannot be multiplied"):
            compiled(taper.ones(4, 5))
        assert (compiled(taper.ones(4, 3)) == 3).all()
    assert compiled.compilations == 1


def test_an_exception_of_the_users_goes_through_and_leaves_everything_as_it_was():
    model = taper.nn.Linear(3, 1)
    before = {k: v.clone() for k, v in model.state_dict().items()}
    seen = [0.0]

    class Stop(Exception):
        pass

    def step(x):
        loss = model(x).sum()
        loss.backward()
        with taper.no_grad():
            for p in model.parameters():
                p -= p.grad
        seen[0] += 1
        raise Stop

    compiled = taper.compile(step)
    with pytest.raises(Stop):
        compiled(taper.ones(2, 3))
    assert all(equal(v, before[k]) for k, v in model.state_dict().items())
    assert all(p.grad is None for p in model.parameters()) and seen == [0.0]


def test_without_gradients_nothing_of_a_failed_capture_stays():
    """The tensors hold their own arrays again, views included."""
    model = taper.nn.Linear(3, 3)
    arrays = [p._array for p in model.parameters()]

    def looks(x):
        y = model(x)
        y.sum().backward()
        return y.sum().item()

    with pytest.warns(UserWarning, match="item"):
        taper.compile(looks)(taper.ones(2, 3))
    assert all(p._array is a for p, a in zip(model.parameters(), arrays))
    assert all(type(p.grad.numpy()).__name__ == "ndarray" for p in model.parameters())
