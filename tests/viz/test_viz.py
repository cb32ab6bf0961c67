"""Pictures, drawings and tables: what is on them, what they are as files and in notebooks, what they refuse."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

import taper as torch
from taper import nn, viz

matplotlib = pytest.importorskip("matplotlib", reason="pictures need matplotlib")


def himmelblau(x):
    return (x[0] ** 2 + x[1] - 11) ** 2 + (x[0] + x[1] ** 2 - 7) ** 2


def test_curves_of_a_run_and_by_name(tmp_path):
    rows = [{"epoch": i, "train_loss": 1 / i, "test_loss": 2 / i, "test_accuracy": i / 4} for i in (1, 2, 3)]
    picture = viz.curves(rows, tmp_path / "run.png", "a run")
    loss, accuracy = picture.figure.axes
    assert [line.get_label() for line in loss.get_lines()] == ["train", "test"]
    assert accuracy.get_lines()[0].get_ydata().tolist() == [0.25, 0.5, 0.75]
    assert (tmp_path / "run.png").read_bytes()[:4] == b"\x89PNG"
    (axis,) = viz.curves({"loss": torch.tensor([3.0, 1.0]), "other": [1, 2, 3]}).figure.axes
    assert [len(line.get_ydata()) for line in axis.get_lines()] == [2, 3]
    assert picture._repr_png_()[:4] == b"\x89PNG"
    picture.save(tmp_path / "run.svg")
    assert "<svg" in (tmp_path / "run.svg").read_text()


def test_confusion_counts():
    picture = viz.confusion((torch.tensor([0, 1, 2, 1]), torch.tensor([0, 1, 1, 1])), ["a", "b", "c"])
    axis = picture.figure.axes[0]
    assert {(t.get_position(), t.get_text()) for t in axis.texts} == {((0, 0), "1"), ((1, 1), "2"), ((1, 2), "1")}
    assert [t.get_text() for t in axis.get_yticklabels()] == ["a", "b", "c"]
    assert viz.confusion(np.eye(2)).figure.axes
    with pytest.raises(ValueError, match="classes"):
        viz.confusion(np.eye(3), ["a", "b"])


GRIDS = [
    torch.rand(5, 1, 8, 6),
    torch.rand(5, 8, 6),
    torch.randn(5, 3, 8, 6),
    [torch.zeros(1, 8, 6)] * 5,
    np.zeros((5, 8, 6, 3), np.uint8),
]


@pytest.mark.parametrize("i", range(len(GRIDS)))
def test_images_in_rows(i):
    axes = viz.image_grid(GRIDS[i], list("abcde"), columns=3).figure.axes
    shown = [axis for axis in axes if axis.images]
    assert (len(axes), len(shown)) == (6, 5)
    assert shown[4].get_title() == "e"
    pixels = shown[0].images[0].get_array()
    assert pixels.shape[:2] == (8, 6)
    assert 0 <= pixels.min() <= pixels.max() <= 1


def test_images_that_are_none():
    with pytest.raises(ValueError, match="captions"):
        viz.image_grid(torch.rand(2, 4, 4), ["one"])
    with pytest.raises(ValueError, match=r"\(5,\)"):
        viz.image_grid([torch.rand(5)])


def test_surface_with_the_way_over_it(tmp_path):
    point = torch.tensor([-4.0, 0.0], requires_grad=True)
    optimizer, track = torch.optim.Adam([point], lr=0.1), []
    for _ in range(200):
        track.append(point.tolist())
        optimizer.zero_grad()
        himmelblau(point).backward()
        optimizer.step()
    picture = viz.surface(himmelblau, track=track, path=tmp_path / "surface.png", steps=41)
    solid, flat = picture.figure.axes
    assert solid.name == "3d"
    np.testing.assert_allclose(flat.get_lines()[0].get_xydata(), track, rtol=1e-6)
    np.testing.assert_allclose(flat.get_lines()[2].get_xydata()[0], [-3.779, -3.283], atol=0.02)
    assert (tmp_path / "surface.png").stat().st_size > 10_000
    with pytest.raises(ValueError, match="expected"):
        viz.surface(lambda x: x.sum(), steps=5)


def test_the_tape_as_a_drawing(tmp_path):
    x, layer = torch.ones(2, 3, requires_grad=True), nn.Linear(3, 2)
    y = torch.relu(layer(x)).sum() + (x * x).mean()
    drawing = viz.graph(y, {"<x>": x, **dict(layer.named_parameters())}, tmp_path / "tape.svg")
    root = ElementTree.fromstring((tmp_path / "tape.svg").read_text())
    words = [t.text for t in root.iter("{http://www.w3.org/2000/svg}text")]
    assert sorted(words) == [
        "<x> [2, 3]",
        "Add",
        "Addmm",
        "Mean",
        "Mul",
        "Relu",
        "Sum",
        "bias [2]",
        "result []",
        "weight [2, 3]",
    ]
    heights = {t.text: float(t.get("y")) for t in root.iter("{http://www.w3.org/2000/svg}text")}
    assert (
        heights["weight [2, 3]"]
        < heights["Addmm"]
        < heights["Relu"]
        < heights["Sum"]
        < heights["Add"]
        < heights["result []"]
    )
    lines = list(root.iter("{http://www.w3.org/2000/svg}line"))
    assert len(lines) == 11
    assert drawing._repr_svg_() == drawing.svg
    with pytest.raises(ValueError, match="no history"):
        viz.graph(torch.ones(2))


def test_a_long_tape_is_drawn_without_recursion():
    y = torch.ones(1, requires_grad=True)
    for _ in range(3000):
        y = y + 1
    assert viz.graph(y).svg.count("<rect") == 3002


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU())
        self.head = nn.Linear(4 * 6 * 6, 10, bias=False)

    def forward(self, x):
        return self.head(self.body(x).flatten(1))


def test_summary_counts_and_leaves_the_model_alone():
    model = Net()
    model.body[1].eval()
    before = {k: v.clone() for k, v in model.state_dict().items()}
    modes = [m.training for m in model.modules()]
    table = viz.summary(model, (1, 6, 6))
    assert [row.name for row in table.rows] == ["", "body", "0", "1", "2", "head"]
    found = {row.name: (row.shape, row.parameters, row.flops) for row in table.rows}
    assert found["0"] == ((1, 4, 6, 6), 40, 2 * 4 * 36 * 9 + 4 * 36)
    assert found["head"] == ((1, 10), 1440, 2 * 1440)
    assert (table.parameters, table.trainable, table.flops) == (40 + 8 + 1440, 1488, 2736 + 2880)
    assert [m.training for m in model.modules()] == modes
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())
    assert "0: Conv2d" in str(table) and "[N, 4, 6, 6]" in str(table) and "1,488 parameters (0 frozen)" in str(table)
    assert table._repr_html_().count("<tr>") == 7
    assert not any(m._forward_hooks for m in model.modules())


def test_summary_of_several_inputs_recurrent_and_shared_layers():
    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.table, self.cell = nn.Embedding(5, 3), nn.LSTM(3, 4, batch_first=True)
            self.shared = nn.Linear(4, 4)

        def forward(self, words, start):
            out, _ = self.cell(self.table(words))
            return self.shared(self.shared(out[:, -1] + start))

    table = viz.summary(Two(), [(7,), (4,)], dtypes=[torch.int64, torch.float32])
    assert [row.kind for row in table.rows] == ["Two", "Embedding", "LSTM", "Linear", "Linear"]
    assert [row.parameters for row in table.rows] == [0, 15, 4 * 4 * (3 + 4 + 2), 20, 0]
    assert table.rows[2].flops == 2 * 7 * 4 * 4 * (3 + 4)
    model = Two()
    model.shared.weight.requires_grad_(False)
    assert "(16 frozen)" in str(viz.summary(model, [(7,), (4,)], [torch.int64, None]))
