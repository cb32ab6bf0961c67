"""Hooks: what runs, in which order, with which values. Each scenario runs on Taper and on PyTorch."""

from __future__ import annotations

import warnings

import pytest

import taper


def forward_hooks(torch, log):
    layer = torch.nn.Linear(2, 2)

    def say(name, answer=None):
        def hook(*args):
            log.append((name, [type(a).__name__ for a in args]))
            return answer

        return hook

    layer.register_forward_pre_hook(say("pre"))
    layer.register_forward_pre_hook(say("pre first"), prepend=True)
    layer.register_forward_pre_hook(say("pre kwargs"), with_kwargs=True)
    layer.register_forward_hook(say("post"))
    layer.register_forward_hook(say("post first"), prepend=True)
    layer.register_forward_hook(say("post kwargs", 7), with_kwargs=True)
    log.append(layer(torch.ones(1, 2)))


def hooks_change_arguments_and_output(torch, log):
    layer = torch.nn.Identity()
    one = layer.register_forward_pre_hook(lambda m, args: args[0] * 2)
    layer.register_forward_pre_hook(lambda m, args, kwargs: ((args[0] + 1,), kwargs), with_kwargs=True)
    two = layer.register_forward_hook(lambda m, args, out: (out, args[0]))
    log.append([t.tolist() for t in layer(torch.ones(2))])
    one.remove()
    two.remove()
    log.append(layer(torch.ones(2)).tolist())
    log.append((len(layer._forward_pre_hooks), len(layer._forward_hooks), len(layer._forward_pre_hooks_with_kwargs)))


def bad_answer_with_kwargs(torch, log):
    layer = torch.nn.Identity()
    layer.register_forward_pre_hook(lambda m, args, kwargs: 3, with_kwargs=True)
    try:
        layer(torch.ones(1))
    except RuntimeError as error:
        log.append(str(error).split("\n")[0])


def always_called(torch, log):
    class Failing(torch.nn.Module):
        def forward(self, x):
            raise KeyError("no")

    layer = Failing()
    layer.register_forward_hook(lambda m, args, out: log.append("not called"))
    layer.register_forward_hook(lambda m, args, out: log.append(("called", out)), always_call=True)
    try:
        layer(torch.ones(1))
    except KeyError as error:
        log.append(str(error))


def everywhere(torch, log):
    module = torch.nn.modules.module
    net = torch.nn.Sequential(torch.nn.Identity(), torch.nn.Flatten())
    handles = [
        module.register_module_forward_pre_hook(lambda m, args: log.append(("pre", type(m).__name__))),
        module.register_module_forward_hook(lambda m, args, out: log.append(("post", type(m).__name__))),
    ]
    net(torch.ones(1, 2))
    for handle in handles:
        handle.remove()
    net(torch.ones(1, 2))


def registration(torch, log):
    module = torch.nn.modules.module
    handles = [
        module.register_module_parameter_registration_hook(lambda m, name, p: log.append(("parameter", name))),
        module.register_module_buffer_registration_hook(lambda m, name, b: log.append(("buffer", name))),
        module.register_module_module_registration_hook(lambda m, name, c: log.append(("module", name))),
    ]
    net = torch.nn.Sequential(torch.nn.BatchNorm1d(2))
    net.extra = torch.nn.Parameter(torch.ones(1))
    for handle in handles:
        handle.remove()
    torch.nn.Linear(1, 1)


def numbers(value):
    if value is None:
        return None
    return tuple(numbers(v) for v in value) if isinstance(value, tuple) else value.tolist()


def backward_hooks(torch, log):
    class Two(torch.nn.Module):
        def forward(self, x, y, z):
            return x * y, y + z

    layer = Two()
    layer.register_full_backward_pre_hook(lambda m, g: log.append(("pre", numbers(g))))
    layer.register_full_backward_hook(lambda m, gi, go: log.append(("post", numbers(gi), numbers(go))))
    x, y = torch.tensor([1.0, 2.0], requires_grad=True), torch.tensor([3.0, 4.0], requires_grad=True)
    a, b = layer(x, y, torch.ones(2))
    (a * 2 + b * 3).sum().backward()
    log.append((x.grad.tolist(), y.grad.tolist(), type(a.grad_fn).__name__))
    with torch.no_grad():
        layer(x, y, torch.ones(2))
    a, b = layer(x, y, torch.ones(2))
    a.sum().backward()


def backward_hooks_change_gradients(torch, log):
    layer = torch.nn.Identity()
    layer.register_full_backward_pre_hook(lambda m, g: (g[0] * 10,))
    layer.register_full_backward_hook(lambda m, gi, go: (gi[0] + 1,))
    x = torch.ones(2, requires_grad=True)
    (layer(x * 1) * 2).sum().backward()
    log.append(x.grad.tolist())


def backward_hook_without_input_gradient(torch, log):
    layer = torch.nn.Linear(2, 1, bias=False)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[1.0, 2.0]]))
    layer.register_full_backward_hook(lambda m, gi, go: log.append((numbers(gi), numbers(go))))
    layer(torch.ones(1, 2)).sum().backward()
    log.append(layer.weight.grad.tolist())


def backward_hooks_are_of_one_kind(torch, log):
    layer = torch.nn.Identity()
    layer.register_full_backward_hook(lambda *args: None)
    try:
        layer.register_backward_hook(lambda *args: None)
    except RuntimeError as error:
        log.append(str(error))


def older_backward_hook(torch, log):
    class Double(torch.nn.Module):
        def forward(self, x):
            return x * 2

    layer = Double()
    layer.register_backward_hook(lambda m, gi, go: log.append((numbers(gi[:1]), numbers(go))))
    x = torch.ones(2, requires_grad=True)
    layer(x).sum().backward()
    log.append(x.grad.tolist())


def wrong_number_of_gradients(torch, log):
    layer = torch.nn.Identity()
    layer.register_full_backward_hook(lambda m, gi, go: (gi[0], gi[0]))
    try:
        layer(torch.ones(2, requires_grad=True) * 1).sum().backward()
    except RuntimeError as error:
        log.append(str(error))


def in_place_on_a_hooked_output_is_refused(torch, log):
    layer = torch.nn.Identity()
    layer.register_full_backward_hook(lambda m, gi, go: None)
    out = layer(torch.ones(2, requires_grad=True) * 1)
    try:
        out.mul_(2)
    except RuntimeError as error:
        log.append("is a view and is being modified inplace" in str(error))


SCENARIOS = [
    forward_hooks,
    hooks_change_arguments_and_output,
    bad_answer_with_kwargs,
    always_called,
    everywhere,
    registration,
    backward_hooks,
    backward_hooks_change_gradients,
    backward_hook_without_input_gradient,
    backward_hooks_are_of_one_kind,
    older_backward_hook,
    wrong_number_of_gradients,
    in_place_on_a_hooked_output_is_refused,
]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda s: s.__name__)
def test_hooks_do_what_pytorchs_do(scenario):
    ours: list = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scenario(taper, ours)
        torch = pytest.importorskip("torch")
        theirs: list = []
        scenario(torch, theirs)
    assert ours == theirs
    assert ours


def test_other_outputs_warn():
    layer = taper.nn.Identity()
    layer.register_full_backward_hook(lambda m, gi, go: None)
    with pytest.warns(UserWarning, match="module output should be a Tensor or a tuple of Tensors"):
        assert layer([taper.ones(1, requires_grad=True)])[0].requires_grad


def test_a_failing_hook_does_not_hide_the_error_of_forward():
    class Failing(taper.nn.Module):
        def forward(self):
            raise KeyError("first")

    def hook(module, args, output):
        raise ValueError("second")

    layer = Failing()
    layer.register_forward_hook(hook, always_call=True)
    with pytest.warns(UserWarning, match="second"), pytest.raises(KeyError, match="first"):
        layer()
