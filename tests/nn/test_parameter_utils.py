"""nn.utils: each scenario runs on Taper and, where importable, on PyTorch; what it logs must agree."""

from __future__ import annotations

import copy
import math
import pickle
import warnings
from functools import partial

import numpy as np
import pytest

import taper
from taper import nn


def plain(value):
    """Tensors as lists of numbers rounded to seven digits, in whatever they are nested."""
    if isinstance(value, (tuple, list)):
        return [plain(v) for v in value]
    if hasattr(value, "detach"):
        return plain(value.detach().tolist())
    return float(f"{value:.6g}") if isinstance(value, float) else value


def with_gradients(torch, *grads):
    made = []
    for g in grads:
        p = torch.nn.Parameter(torch.zeros(np.shape(g)))
        p.grad = torch.tensor(g)
        made.append(p)
    return [*made, torch.nn.Parameter(torch.zeros(2))]


def attempt(log, action):
    try:
        log.append(action())
    except (RuntimeError, ValueError, TypeError) as error:
        log.append((type(error).__name__, str(error)))


def clip_norms(torch, log):
    for order in (2, 1, 0.5, 3.0, math.inf, -math.inf, 0):
        for limit in (1.0, 100.0):
            parameters = with_gradients(torch, [1.0, -2.0, 3.0], [[0.5], [4.0]])
            total = torch.nn.utils.clip_grad_norm_(iter(parameters), limit, norm_type=order)
            log.append((order, limit, total, [p.grad for p in parameters[:2]]))
    log.append(torch.nn.utils.clip_grad_norm_(with_gradients(torch, [3.0, 4.0])[0], 1.0))
    log.append(torch.nn.utils.get_total_norm([torch.tensor([3.0]), torch.tensor([4.0])]))
    log.append(torch.nn.utils.get_total_norm([]))


def clip_not_finite(torch, log):
    (p, _) = with_gradients(torch, [math.nan, 1.0])
    attempt(log, lambda: torch.nn.utils.clip_grad_norm_([p], 1.0, error_if_nonfinite=True))


def clip_values(torch, log):
    parameters = with_gradients(torch, [1.0, -2.0, 3.0], [0.2])
    torch.nn.utils.clip_grad_value_(parameters, 1.5)
    log.append([p.grad for p in parameters[:2]])


def vectors(torch, log):
    parameters = [torch.nn.Parameter(torch.ones(2, 2)), torch.nn.Parameter(torch.zeros(3))]
    vector = torch.nn.utils.parameters_to_vector(parameters)
    log.append((vector, vector.requires_grad))
    torch.nn.utils.vector_to_parameters(torch.arange(7.0), parameters)
    log.append(parameters)
    attempt(log, lambda: torch.nn.utils.vector_to_parameters([1], parameters))


def linear(torch, rows=2, columns=3):
    layer = torch.nn.Linear(columns, rows)
    with torch.no_grad():
        layer.weight.copy_(torch.arange(float(rows * columns)).view(rows, columns) - 1.5)
        layer.bias.fill_(0.5)
    return layer


def older_weight_norm(torch, log):
    for dim in (0, 1, None):
        layer = torch.nn.utils.weight_norm(linear(torch), dim=dim)
        log.append([(name, p.shape) for name, p in layer.named_parameters()])
        with torch.no_grad():
            layer.weight_g.mul_(2)
        out = layer(torch.ones(1, 3))
        out.sum().backward()
        log.append((out, layer.weight_g.grad, layer.weight_v.grad, repr(layer)))
        attempt(log, lambda layer=layer: torch.nn.utils.weight_norm(layer))
        torch.nn.utils.remove_weight_norm(layer)
        log.append((layer.weight, [name for name, _ in layer.named_parameters()]))
    attempt(log, lambda: torch.nn.utils.remove_weight_norm(layer))


def older_spectral_norm(torch, log):
    torch.manual_seed(0)
    layer = torch.nn.utils.spectral_norm(linear(torch))
    log.append(list(layer.state_dict()))
    for _ in range(3):
        out = layer(torch.ones(1, 3))
    out.sum().backward()
    log.append((out, layer.weight_orig.grad, layer.weight_u, layer.weight_v))
    layer.eval()
    log.append((layer(torch.ones(1, 3)), layer.weight_u))
    torch.nn.utils.remove_spectral_norm(layer)
    log.append((layer.weight, list(layer.state_dict())))


def new_weight_norm(torch, log):
    layer = torch.nn.utils.parametrizations.weight_norm(linear(torch), dim=0)
    log.append((repr(layer), list(layer.state_dict())))
    out = layer(torch.ones(1, 3))
    out.sum().backward()
    log.append((out, [p.grad for p in layer.parameters()]))
    with torch.no_grad():
        layer.weight = torch.ones(2, 3)
    log.append((layer.weight, layer.parametrizations.weight.original0))
    torch.nn.utils.parametrize.remove_parametrizations(layer, "weight")
    log.append((repr(layer), layer.weight, type(layer).__name__))


def new_spectral_norm(torch, log):
    torch.manual_seed(0)
    layer = torch.nn.utils.parametrizations.spectral_norm(linear(torch))
    log.append((repr(layer), list(layer.state_dict())))
    out = layer(torch.ones(1, 3))
    out.sum().backward()
    log.append((out, [p.grad for p in layer.parameters()]))
    convolution = torch.nn.utils.parametrizations.spectral_norm(torch.nn.ConvTranspose2d(2, 3, 2))
    log.append(convolution.parametrizations.weight[0]._u.shape)


def orthogonal_weights(torch, log):
    orthogonal = torch.nn.utils.parametrizations.orthogonal
    for shape in ((3, 3), (2, 4), (4, 2)):
        for how in (None, "matrix_exp", "cayley", "householder"):
            for use in (True, False):
                torch.manual_seed(0)
                layer = orthogonal(torch.nn.Linear(*shape), orthogonal_map=how, use_trivialization=use)
                weight = layer.weight
                (weight * torch.arange(8.0)[: weight.numel()].sum()).sum().backward()
                log.append((weight, list(layer.state_dict()), layer.parametrizations.weight.original.grad))
                with torch.no_grad():
                    layer.parametrizations.weight.original.mul_(0.9)
                log.append(layer.weight)

                def assign(layer=layer, shape=shape):
                    with torch.no_grad():
                        layer.weight = torch.eye(*shape[::-1])
                    return layer.weight

                attempt(log, assign)
    log.append(repr(orthogonal(torch.nn.Linear(2, 2))))
    attempt(log, lambda: orthogonal(torch.nn.Linear(2, 2), "bias"))
    attempt(log, lambda: orthogonal(torch.nn.Linear(2, 2), "none"))
    attempt(log, lambda: orthogonal(torch.nn.Linear(2, 2), orthogonal_map="none"))


def symmetric(torch, with_inverse=False):
    class Symmetric(torch.nn.Module):
        def forward(self, x):
            return x.triu() + x.triu(1).T

    if with_inverse:
        Symmetric.right_inverse = lambda self, x: x.triu()
    return Symmetric()


def parametrised(torch, log):
    parametrize = torch.nn.utils.parametrize
    layer = linear(torch, 2, 2)
    original = layer.weight
    parametrize.register_parametrization(layer, "weight", symmetric(torch))
    log.append((repr(layer), list(layer.state_dict()), layer.parametrizations.weight.original is original))
    log.append((layer.weight, parametrize.is_parametrized(layer), parametrize.is_parametrized(layer, "bias")))
    layer(torch.ones(1, 2)).sum().backward()
    log.append(original.grad)
    attempt(log, lambda: setattr(layer, "weight", torch.ones(2, 2)))
    with parametrize.cached():
        log.append(layer.weight is layer.weight)
    log.append(layer.weight is layer.weight)
    parametrize.remove_parametrizations(layer, "weight", leave_parametrized=False)
    log.append((layer.weight is original, layer.weight, repr(layer)))


def parametrised_twice(torch, log):
    parametrize = torch.nn.utils.parametrize
    layer = linear(torch, 2, 2)
    parametrize.register_parametrization(layer, "weight", symmetric(torch, True))
    parametrize.register_parametrization(layer, "weight", symmetric(torch, True))
    layer.weight = torch.tensor([[1.0, 2.0], [2.0, 3.0]])
    log.append((repr(layer), layer.weight, layer.parametrizations.weight.original))
    twin = copy.deepcopy(layer)
    twin.weight = torch.zeros(2, 2)
    log.append((twin.weight, layer.weight, type(twin).__name__))
    attempt(log, lambda: parametrize.remove_parametrizations(layer, "bias"))
    parametrize.remove_parametrizations(layer, "weight")
    log.append((layer.weight, type(layer).__name__, isinstance(layer.weight, torch.nn.Parameter)))

    class Shifted(torch.nn.Module):
        def __init__(self, by):
            super().__init__()
            self.by = by

        def forward(self, x):
            return x + self.by

        def right_inverse(self, x):
            return x - 3 * self.by

    layer = linear(torch, 2, 2)
    for by in (2.0, 5.0):
        parametrize.register_parametrization(layer, "weight", Shifted(by))
        log.append((layer.weight, layer.parametrizations.weight.original))


def bad_parametrisations(torch, log):
    def of(function):
        class Made(torch.nn.Module):
            def forward(self, x):
                return function(x)

        return Made()

    register = torch.nn.utils.parametrize.register_parametrization
    for function in (lambda x: x.double(), lambda x: x[:1], lambda x: 3):
        attempt(log, partial(register, linear(torch), "weight", of(function)))
    attempt(log, lambda: register(linear(torch), "nothing", of(lambda x: x)))


def calls_with_other_parameters(torch, log):
    call = torch.func.functional_call if torch is not taper else nn.utils.stateless.functional_call
    layer = linear(torch)
    other = {"weight": torch.ones(2, 3), "bias": torch.zeros(2)}
    log.append((call(layer, other, torch.ones(1, 3)), call(layer, {"bias": torch.ones(2)}, (torch.ones(1, 3),))))
    log.append(
        (
            layer(torch.ones(1, 3)),
            call(layer, [{"bias": torch.ones(2)}, {"weight": torch.ones(2, 3)}], torch.ones(1, 3)),
        )
    )
    weight = torch.ones(2, 3, requires_grad=True)
    call(layer, {"weight": weight}, torch.ones(1, 3)).sum().backward()
    log.append((weight.grad, layer.weight.grad))


def sequences(torch, log):
    rnn = torch.nn.utils.rnn
    rows = [torch.tensor([1.0, 2.0]), torch.tensor([3.0, 4.0, 5.0]), torch.tensor([6.0])]
    log.append(
        (rnn.pad_sequence(rows), rnn.pad_sequence(rows, True, -1.0), rnn.pad_sequence(rows, padding_side="left"))
    )
    packed = rnn.pack_sequence(rows, enforce_sorted=False)
    log.append(tuple(packed))
    log.append(rnn.pad_packed_sequence(packed))
    log.append(rnn.pad_packed_sequence(packed, batch_first=True, padding_value=9.0, total_length=4))
    log.append((rnn.unpack_sequence(packed), rnn.unpad_sequence(rnn.pad_sequence(rows), torch.tensor([2, 3, 1]))))
    padded = rnn.pad_sequence(rows, batch_first=True)
    again = rnn.pack_padded_sequence(padded[[1, 0, 2]], [3, 2, 1], batch_first=True)
    log.append((tuple(again), tuple(again.double()), again.is_cuda, repr(again).split("(")[0]))
    attempt(log, lambda: rnn.pack_padded_sequence(padded.T, [1, 2, 3]))
    attempt(log, lambda: rnn.pack_padded_sequence(padded.T, [3, 2]))
    attempt(log, lambda: rnn.pack_padded_sequence(padded.T, [3, 2, 0]))
    attempt(log, lambda: rnn.pad_packed_sequence(packed, total_length=2))
    attempt(log, lambda: rnn.pad_sequence([]))
    attempt(log, lambda: rnn.pad_sequence(3))


def packed_networks(torch, log):
    rnn = torch.nn.utils.rnn
    rng = np.random.default_rng(0)
    rows = [torch.from_numpy(rng.standard_normal((n, 3))).float() for n in (2, 4, 1)]
    for kind in ("RNN", "GRU", "LSTM"):
        torch.manual_seed(1)
        net = getattr(torch.nn, kind)(3, 4, 2, bidirectional=True)
        hidden = torch.from_numpy(rng.standard_normal((4, 3, 4))).float()
        start = (hidden, hidden * 2) if kind == "LSTM" else hidden
        output, final = net(rnn.pack_sequence(rows, enforce_sorted=False), start)
        output.data.square().sum().backward()
        log.append((tuple(output), final, [p.grad for p in net.parameters()]))


SCENARIOS = [
    clip_norms,
    clip_not_finite,
    clip_values,
    vectors,
    older_weight_norm,
    older_spectral_norm,
    new_weight_norm,
    new_spectral_norm,
    parametrised,
    orthogonal_weights,
    parametrised_twice,
    bad_parametrisations,
    calls_with_other_parameters,
    sequences,
    packed_networks,
]


def close(ours, theirs, where=""):
    if isinstance(theirs, list):
        assert isinstance(ours, list) and len(ours) == len(theirs), where
        for i, (a, b) in enumerate(zip(ours, theirs)):
            close(a, b, f"{where}[{i}]")
    elif isinstance(theirs, float):
        assert ours == pytest.approx(theirs, rel=1e-4, abs=1e-5, nan_ok=True), where
    else:
        assert ours == theirs, where


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda s: s.__name__)
def test_utilities_do_what_pytorchs_do(scenario):
    ours: list = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scenario(taper, ours)
        torch = pytest.importorskip("torch")
        theirs: list = []
        scenario(torch, theirs)
    assert ours
    close(plain(ours), plain(theirs))


def test_skip_init_draws_nothing():
    taper.manual_seed(0)
    before = taper.rand(1).item()
    taper.manual_seed(0)
    layer = nn.utils.skip_init(nn.Linear, 3, 2)
    assert layer.weight.shape == (2, 3) and taper.rand(1).item() == before
    with pytest.raises(RuntimeError, match="Module must support a 'device' arg to skip initialization"):
        nn.utils.skip_init(nn.ReLU)


def test_parametrised_modules_are_not_pickled():
    layer = nn.utils.parametrizations.weight_norm(nn.Linear(2, 2))
    with pytest.raises(
        RuntimeError, match="Serialization of parametrized modules is only supported through state_dict"
    ):
        pickle.dumps(layer)


def test_functional_call_checks_its_mappings():
    call, layer = nn.utils.stateless.functional_call, nn.Linear(3, 2)
    with pytest.raises(ValueError, match="appeared in multiple dictionaries"):
        call(layer, [{"bias": taper.ones(2)}, {"bias": taper.ones(2)}], taper.ones(1, 3))
    with pytest.raises(RuntimeError, match="missing key"):
        call(layer, {"bias": taper.ones(2)}, taper.ones(1, 3), strict=True)
    with pytest.raises(AttributeError, match="has no attribute `other`"):
        call(layer, {"other": taper.ones(2)}, taper.ones(1, 3))
