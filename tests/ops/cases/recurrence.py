"""Recurrent layers over sequences, as the layers call them."""

from __future__ import annotations

from ..case import FLOATS, Case, real


def layer(kind: str, sizes=None, **options):
    """The layer of a kind with the given parameters, over x; packed into `sizes` where there are such."""

    def call(T, x, h, *rest):
        states, parameters = (rest[:1], rest[1:]) if kind == "LSTM" else ((), rest)
        start = (h, *states) if states else h
        made = getattr(T.nn, kind)(x.shape[-1], parameters[1].shape[0] // GATES[kind], **options).to(x.dtype)
        named = dict(zip([name for name, _ in made.named_parameters()], parameters))
        given = x if sizes is None else T.nn.utils.rnn.PackedSequence(x, T.tensor(sizes))
        out, last = T.func.functional_call(made, named, (given, start))
        return (out if sizes is None else out.data), *(last if states else (last,))

    return call


GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}


def inputs(
    kind: str, lead: tuple, batch: int, hidden: int = 4, bias: bool = True, directions: int = 1, project: int = 0
):
    gates, out = GATES[kind] * hidden, project or hidden
    found = [real(*lead, 3, seed=kind), real(directions, batch, out, seed="h")]
    if kind == "LSTM":
        found.append(real(directions, batch, hidden, seed="c"))
    for d in range(directions):
        found += [real(gates, 3, low=-1, high=1, seed=f"wi{d}"), real(gates, out, low=-1, high=1, seed=f"wh{d}")]
        found += [real(gates, seed=f"bi{d}"), real(gates, seed=f"bh{d}")] if bias else []
        found += [real(project, hidden, seed=f"p{d}")] if project else []
    return tuple(found)


def row(name: str, kind: str, given: dict, sizes=None, **options) -> Case:
    # PyTorch's float32 kernels for LSTM round as they like.
    return Case(name, layer(kind, sizes, **options), inputs(kind, **given), rtol=1e-4, atol=1e-5, dtypes=FLOATS)


PACKED = (4, 3, 3, 1)
BOTH = dict(batch=2, lead=(3, 2), directions=2)

CASES = [
    row("recurrence.tanh", "RNN", dict(lead=(4, 2), batch=2)),
    row("recurrence.relu", "RNN", dict(lead=(4, 2), batch=2), nonlinearity="relu"),
    row("recurrence.lstm", "LSTM", dict(lead=(4, 2), batch=2)),
    row("recurrence.gru", "GRU", dict(lead=(4, 2), batch=2)),
    row("recurrence.gru without biases", "GRU", dict(lead=(4, 2), batch=2, bias=False), bias=False),
    row("recurrence.lstm without biases", "LSTM", dict(lead=(1, 2), batch=2, bias=False), bias=False),
    row("recurrence.projected lstm", "LSTM", dict(lead=(3, 2), batch=2, project=2), proj_size=2),
    row("recurrence.lstm both ways", "LSTM", BOTH, bidirectional=True),
    row("recurrence.gru both ways", "GRU", BOTH, bidirectional=True),
    row("recurrence.packed tanh", "RNN", dict(lead=(11,), batch=4), PACKED),
    row("recurrence.packed gru both ways", "GRU", dict(lead=(11,), batch=4, directions=2), PACKED, bidirectional=True),
    row(
        "recurrence.packed lstm both ways", "LSTM", dict(lead=(11,), batch=4, directions=2), PACKED, bidirectional=True
    ),
]
