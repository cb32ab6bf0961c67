"""Sharded tensors, meshes and sharded modules in a world of one process: what they are, and what they refuse."""

from __future__ import annotations

import copy
from functools import partial

import pytest

import taper
from taper import distributed as dist
from taper import nn
from taper.distributed.device_mesh import DeviceMesh, init_device_mesh
from taper.distributed.fsdp import (
    FSDPModule,
    FullStateDictConfig,
    FullyShardedDataParallel,
    MixedPrecisionPolicy,
    StateDictType,
    fully_shard,
    register_fsdp_forward_method,
)
from taper.distributed.fsdp.wrap import (
    CustomPolicy,
    always_wrap_policy,
    enable_wrap,
    lambda_auto_wrap_policy,
    size_based_auto_wrap_policy,
    transformer_auto_wrap_policy,
    wrap,
)
from taper.distributed.tensor import DTensor, Replicate, Shard, distribute_tensor
from taper.distributed.tensor.placement import rows


@pytest.fixture(autouse=True)
def world(tmp_path):
    dist.init_process_group("gloo", init_method=f"file://{tmp_path}/store", rank=0, world_size=1)
    yield
    dist.destroy_process_group()


@pytest.mark.parametrize("length", (0, 1, 5, 8, 9))
@pytest.mark.parametrize("processes", (1, 3, 4))
def test_rows_are_those_of_chunks(length, processes):
    parts = [list(rows(length, processes, r)) for r in range(processes)]
    assert sum(parts, []) == list(range(length))
    chunks = [list(c) for c in taper.arange(length).chunk(processes)] if length else []
    assert [p for p in parts if p] == [[int(i) for i in c] for c in chunks]


def test_meshes():
    mesh = init_device_mesh("cpu", (1, 1), mesh_dim_names=("dp", "tp"))
    assert mesh.shape == (1, 1) and mesh.size() == mesh.size(1) == 1 and mesh.ndim == 2
    assert mesh["tp"].get_group() is mesh.get_group("tp") and mesh["dp", "tp"] == mesh
    assert mesh.get_coordinate() == [0, 0] and mesh.get_local_rank("dp") == mesh.get_rank() == 0
    assert repr(mesh) == "DeviceMesh((dp=1, tp=1), 'cpu')" and mesh.mesh.tolist() == [[0]]
    assert len({mesh, init_device_mesh("cpu", (1, 1), mesh_dim_names=("dp", "tp"))}) == 1
    assert DeviceMesh.from_group(dist.group.WORLD, "cpu").get_all_groups() == [dist.group.WORLD]
    for error, words, call in (
        (RuntimeError, "should not be bigger than default world size 1", lambda: init_device_mesh("cpu", (2,))),
        (RuntimeError, "same length", lambda: init_device_mesh("cpu", (1,), mesh_dim_names=("a", "b"))),
        (NotImplementedError, "Use 'cpu'", lambda: init_device_mesh("cuda", (1,))),
        (KeyError, "Invalid mesh_dim_name", lambda: mesh["pp"]),
        (RuntimeError, "give mesh_dim", mesh.get_group),
        (ValueError, "once each", lambda: DeviceMesh("cpu", [0, 0])),
    ):
        with pytest.raises(error, match=words):
            call()


def test_a_sharded_tensor_has_the_shape_of_the_whole_and_no_operators():
    whole = taper.arange(6.0).reshape(3, 2)
    t = distribute_tensor(whole, init_device_mesh("cpu", (1,)), [Shard(0)])
    assert t.shape == (3, 2) and t.numel() == 6 and t.dtype == taper.float32 and t.dim() == 2 and t.size(0) == 3
    assert taper.equal(t.full_tensor(), whole) and t.placements == (Shard(0),)
    assert "DTensor(local_tensor=tensor(" in repr(t)
    one = taper.ones(2)
    for call in (
        lambda: t + 1,
        lambda: 1 + t,
        lambda: t @ one,
        lambda: taper.nn.functional.linear(one, t),
        lambda: t.sum(),
        lambda: taper.cat([t, t]),
        lambda: t[0],
        lambda: t.add_(1),
        lambda: t.numpy(),
        lambda: t.norm(),
        lambda: one.copy_(t),
        lambda: bool(t == t),
        lambda: t.mul_(2),
    ):
        with pytest.raises(NotImplementedError, match=r"to_local\(\) or x\.full_tensor"):
            call()
    assert taper.equal(t.full_tensor(), whole)
    t.to_local().mul_(2)
    t.copy_(t.clone())
    assert taper.equal(t.full_tensor(), whole * 2)
    t.copy_(whole)
    assert copy.deepcopy(t).full_tensor().tolist() == whole.tolist()
    assert t.fill_(3).full_tensor().tolist() == [[3, 3]] * 3
    whole_everywhere = t.redistribute(placements=[Replicate()])
    assert (whole_everywhere + 1).sum() == 24
    assert DTensor.from_local(whole, t.device_mesh, [Shard(0)]).shape == (3, 2)


def test_what_sharded_tensors_cannot_be():
    mesh = init_device_mesh("cpu", (1,))
    for error, words, call in (
        (NotImplementedError, r"Use Shard\(0\)", lambda: distribute_tensor(taper.ones(2, 2), mesh, [Shard(1)])),
        (RuntimeError, "no rows", lambda: distribute_tensor(taper.tensor(1.0), mesh, [Shard(0)])),
        (ValueError, "one for each of the 1", lambda: distribute_tensor(taper.ones(2), mesh, [Shard(0), Replicate()])),
        (TypeError, "from_local", DTensor),
        (
            NotImplementedError,
            "distributed.checkpoint",
            lambda: taper.save(distribute_tensor(taper.ones(2), mesh, [Shard(0)]), "/x"),
        ),
    ):
        with pytest.raises(error, match=words):
            call()


class Two(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(4, 8), nn.Linear(8, 2)

    def forward(self, x):
        return self.second(self.first(x).relu())

    def other(self, x):
        return self.first(x)


def test_a_module_is_sharded_outside_of_its_forward():
    model = Two()
    model.first.register_forward_hook(lambda m, *_: seen.append(type(m.weight)))
    seen = []
    assert fully_shard(model.first) is model.first and isinstance(model.first, FSDPModule)
    fully_shard(model)
    assert type(model).__name__ == "FSDPTwo" and isinstance(model, Two)
    assert [n for n, p in model.named_parameters() if isinstance(p, DTensor)] == list(dict(model.named_parameters()))
    assert isinstance(model.second.weight, nn.Parameter) and model.second.weight.requires_grad
    loss = model(taper.ones(3, 4)).sum()
    assert not isinstance(model.second.weight, DTensor), "the outermost module's parameters stay until backward"
    assert isinstance(model.first.weight, DTensor)
    loss.backward()
    assert all(isinstance(p, DTensor) and p.grad.shape == p.shape for p in model.parameters())
    model.unshard(async_op=True).wait()
    assert not isinstance(model.second.weight, DTensor)
    model.reshard()
    assert isinstance(model.second.weight, DTensor)
    model.set_reshard_after_forward(True)
    with taper.no_grad():
        model(taper.ones(3, 4))
    assert isinstance(model.second.weight, DTensor)
    with pytest.raises(AssertionError, match="deepcopy"):
        copy.deepcopy(model)
    with pytest.raises(AssertionError, match="once"):
        fully_shard(model)


def test_other_methods_can_have_the_whole_parameters():
    model = fully_shard(Two())
    with pytest.raises(NotImplementedError, match="DTensor"):
        model.other(taper.ones(4))
    register_fsdp_forward_method(model, "other")
    model.other(taper.ones(4)).sum().backward()
    assert model.first.weight.grad is not None and model.second.weight.grad is None


def test_what_the_tape_kept_is_never_read_after_it_was_given_back():
    class Hidden(nn.Module):
        """Its output does not show the tensor that backward begins at."""

        def __init__(self):
            super().__init__()
            self.inner, self.kept = nn.Linear(3, 3), []

        def forward(self, x):
            self.kept.append(self.inner(x.requires_grad_()) * 2)
            return x.detach()

    model = fully_shard(Hidden(), reshard_after_forward=True)
    model(taper.ones(2, 3))
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        model.kept[0].sum().backward()
    model(taper.ones(2, 3))
    model.unshard()
    model.kept[1].sum().backward()
    assert model.inner.weight.grad.full_tensor().tolist() == [[4.0] * 3] * 3


def test_a_step_between_forward_and_backward_is_an_error():
    model = fully_shard(nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3)), reshard_after_forward=True)
    optimizer = taper.optim.SGD(model.parameters(), lr=0.1)
    model(taper.ones(2, 3)).sum().backward()
    loss = model(taper.ones(2, 3)).sum()
    optimizer.step()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


def test_after_a_failure_training_goes_on():
    model = fully_shard(Two(), reshard_after_forward=True)
    with pytest.raises(RuntimeError):
        model(taper.ones(3, 5))
    out = model(taper.ones(3, 4))
    handle = out.register_hook(lambda g: (_ for _ in ()).throw(KeyError("in backward")))
    with pytest.raises(KeyError):
        out.sum().backward()
    handle.remove()
    model(taper.ones(3, 4)).sum().backward()
    assert taper.allclose(model.second.bias.grad.full_tensor(), taper.full((2,), 3.0))


def test_optimizers_that_are_not_elementwise_refuse():
    model = fully_shard(nn.Linear(3, 2))

    class Own(taper.optim.Optimizer):
        def __init__(self, params):
            super().__init__(params, {})

        def step(self, closure=None):
            for p in self.param_groups[0]["params"]:
                p.sub_(p.grad / p.grad.norm())

    def closure():
        loss = model(taper.ones(1, 3)).sum()
        loss.backward()
        return loss

    for optimizer in (taper.optim.LBFGS(model.parameters()), Own(model.parameters())):
        closure()
        with pytest.raises(NotImplementedError, match="DTensor"):
            optimizer.step(closure)
    optimizer = taper.optim.Adam(model.parameters())
    assert optimizer.step(closure).item() != 0
    state = optimizer.state[model.weight]
    assert isinstance(state["exp_avg"], DTensor) and not isinstance(state["step"], DTensor)
    other = taper.optim.Adam(model.parameters())
    other.load_state_dict(optimizer.state_dict())
    assert isinstance(other.state[model.weight]["exp_avg"], DTensor)
    assert other.state[model.weight]["exp_avg"].to_local() is not state["exp_avg"].to_local()


def test_what_cannot_be_sharded():
    class Scalar(nn.Module):
        def __init__(self):
            super().__init__()
            self.x = nn.Parameter(taper.tensor(1.0))

    for error, words, call in (
        (ValueError, "scalar parameters: x", lambda: fully_shard(Scalar())),
        (ValueError, "do not implement forward", lambda: fully_shard(nn.ModuleList([nn.Linear(1, 1)]))),
        (NotImplementedError, "not a number", lambda: fully_shard(nn.Linear(1, 1), reshard_after_forward=2)),
        (
            NotImplementedError,
            r"only as Shard\(0\)",
            lambda: fully_shard(nn.Linear(1, 1), shard_placement_fn=lambda p: Shard(1)),
        ),
        (RuntimeError, "no shape yet", lambda: fully_shard(nn.LazyLinear(1))),
        (NotImplementedError, "param_init_fn", lambda: FullyShardedDataParallel(nn.Linear(1, 1), param_init_fn=print)),
    ):
        with pytest.raises(error, match=words):
            call()
    scalar = Scalar()
    fully_shard(scalar, ignored_params={scalar.x})
    assert isinstance(scalar.x, nn.Parameter) and not isinstance(scalar.x, DTensor)


def test_the_policy_casts():
    policy = MixedPrecisionPolicy(param_dtype=taper.bfloat16, output_dtype=taper.float32)
    model = fully_shard(nn.Linear(3, 2), mp_policy=policy)
    inner = []
    model.register_forward_hook(lambda m, args, out: inner.append((args[0].dtype, m.weight.dtype)))
    out = model(taper.ones(2, 3))
    assert out.dtype == taper.float32 and inner == [(taper.bfloat16, taper.bfloat16)]
    out.sum().backward()
    assert model.weight.dtype == model.weight.grad.dtype == taper.float32


def wrapped_names(policy):
    model = nn.Sequential(nn.Sequential(nn.Linear(4, 4), nn.ReLU()), nn.Linear(4, 2))
    outer = FullyShardedDataParallel(model, auto_wrap_policy=policy)
    return [n for n, m in outer.named_modules() if isinstance(m, FullyShardedDataParallel)]


def test_policies_choose():
    prefix = "_fsdp_wrapped_module."
    both = ["", f"{prefix}0.{prefix}0", f"{prefix}1"]
    assert wrapped_names(partial(transformer_auto_wrap_policy, transformer_layer_cls={nn.Linear})) == [
        "", f"{prefix}0.0", f"{prefix}1"
    ]  # fmt: skip
    assert wrapped_names(partial(lambda_auto_wrap_policy, lambda_fn=lambda m: isinstance(m, nn.Sequential))) == [
        "",
        f"{prefix}0",
    ]
    assert wrapped_names(partial(size_based_auto_wrap_policy, min_num_params=15)) == ["", f"{prefix}0.0"]
    assert set(both) <= set(wrapped_names(always_wrap_policy))
    assert wrapped_names(CustomPolicy(lambda m: {"forward_prefetch": True} if isinstance(m, nn.ReLU) else False)) == [
        "", f"{prefix}0.1"
    ]  # fmt: skip
    with enable_wrap(wrapper_cls=FullyShardedDataParallel):
        assert isinstance(wrap(nn.Linear(1, 1)), FullyShardedDataParallel)
    assert isinstance(wrap(nn.Linear(1, 1)), nn.Linear)


def test_the_wrapper_shows_the_modules_state():
    taper.manual_seed(0)
    plain = Two()
    model = FullyShardedDataParallel(copy.deepcopy(plain), auto_wrap_policy=always_wrap_policy)
    assert list(model.state_dict()) == list(plain.state_dict())
    assert not any(isinstance(v, DTensor) for v in model.state_dict().values())
    FSDP = FullyShardedDataParallel
    with FSDP.state_dict_type(model, StateDictType.SHARDED_STATE_DICT):
        assert all(isinstance(v, DTensor) for v in model.state_dict().values())
        model.load_state_dict(model.state_dict())
    with FSDP.state_dict_type(model, StateDictType.FULL_STATE_DICT, FullStateDictConfig(rank0_only=True)):
        model.load_state_dict({k: v * 2 for k, v in plain.state_dict().items()})
    assert taper.equal(model.state_dict()["first.weight"], plain.first.weight * 2)
    with FSDP.summon_full_params(model), taper.no_grad():
        model.module.first.weight.fill_(1)
    assert model.state_dict()["first.weight"].sum() == 32 and model.first is model.module.first
    optimizer = taper.optim.Adam(model.parameters())
    with model.no_sync():
        model(taper.ones(1, 4)).sum().backward()
    assert all(p.grad is None for p in model.parameters())
    model(taper.ones(1, 4)).sum().backward()
    norm = model.clip_grad_norm_(1e9)
    optimizer.step()
    state = FSDP.optim_state_dict(model, optimizer)
    assert list(state["state"]) == list(plain.state_dict()) and norm.item() > 0
    other = taper.optim.Adam(model.parameters())
    other.load_state_dict(FSDP.optim_state_dict_to_load(model, other, state))
    assert taper.equal(
        FSDP.optim_state_dict(model, other)["state"]["second.bias"]["exp_avg"], state["state"]["second.bias"]["exp_avg"]
    )
    with (
        pytest.raises(NotImplementedError, match="SHARDED_STATE_DICT"),
        FSDP.state_dict_type(model, StateDictType.LOCAL_STATE_DICT),
    ):
        pass


def test_what_modules_are_given_later_is_taken_over():
    """Shards from a checkpoint (assign=True), another dtype, frozen parameters; what lies otherwise is refused."""
    model = fully_shard(Two())
    with taper.no_grad():
        before = model(taper.ones(1, 4))
    given = {
        name: distribute_tensor(t.full_tensor() * 2, t.device_mesh, t.placements)
        for name, t in model.state_dict().items()
    }
    model.load_state_dict(given, assign=True)
    assert model.first.weight.to_local() is given["first.weight"].to_local()
    with taper.no_grad():
        bias = given["second.bias"].full_tensor() / 2
        assert taper.allclose(model(taper.ones(1, 4)) - 2 * bias, 4 * (before - bias), atol=1e-5)
    model.reshard()
    model.double()
    model.first.requires_grad_(False)
    out = model(taper.ones(1, 4, dtype=taper.float64))
    out.sum().backward()
    assert out.dtype == model.second.weight.grad.dtype == taper.float64 and model.first.weight.grad is None
    assert model.to("cpu") is model and model.second.weight.to(taper.float64) is model.second.weight
    model.second.weight = nn.Parameter(taper.ones(2, 8))
    with pytest.raises(RuntimeError, match="second.weight was sharded .* distribute_tensor"):
        model(taper.ones(1, 4))
    with pytest.raises(TypeError, match="must be one that lies as it does"):
        model.first.weight.data = taper.ones(8, 4)
