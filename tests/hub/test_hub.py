"""Downloads from file URLs: whole or not at all, checked, unpacked; local entry points."""

from __future__ import annotations

import hashlib
import zipfile

import pytest

import taper
from taper import hub


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "home"))
    return tmp_path / "home" / "hub"


@pytest.fixture
def weights(tmp_path):
    state = {"w": taper.arange(3.0)}
    path = tmp_path / "net.pth"
    taper.save(state, path)
    named = path.with_name(f"net-{hashlib.sha256(path.read_bytes()).hexdigest()[:8]}.pth")
    path.rename(named)
    return named


def test_state_dict_is_fetched_once(home, weights, capsys):
    url = weights.as_uri()
    for _ in range(2):
        state = hub.load_state_dict_from_url(url, progress=False, check_hash=True)
        assert state["w"].tolist() == [0, 1, 2]
    assert capsys.readouterr().err.count("Downloading") == 1
    assert [p.name for p in (home / "checkpoints").iterdir()] == [weights.name]
    assert hub.get_dir() == str(home)
    assert taper.utils.model_zoo.load_url(url, file_name="again.pth", progress=True)["w"].sum() == 3


def test_a_wrong_hash_leaves_nothing(home, weights, tmp_path):
    with pytest.raises(RuntimeError, match="invalid hash"):
        hub.download_url_to_file(weights.as_uri(), str(tmp_path / "x.pth"), hash_prefix="00", progress=False)
    assert not list(tmp_path.glob("x.pth*"))


def test_a_zip_of_one_file_is_unpacked(home, weights, tmp_path):
    path = tmp_path / "packed.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.write(weights, "inner.pth")
    assert hub.load_state_dict_from_url(path.as_uri(), progress=False)["w"].tolist() == [0, 1, 2]


def test_local_entry_points(tmp_path):
    (tmp_path / "hubconf.py").write_text('dependencies = ["json"]\ndef double(x):\n    "Twice x."\n    return 2 * x\n')
    assert hub.load(str(tmp_path), "double", 4, source="local") == 8
    assert hub.list(str(tmp_path)) == ["double"] and hub.help(str(tmp_path), "double") == "Twice x."
    with pytest.raises(RuntimeError, match="Cannot find callable"):
        hub.load(str(tmp_path), "triple", source="local")
    with pytest.raises(NotImplementedError, match="source='local'"):
        hub.load("somebody/something", "model")
    (tmp_path / "hubconf.py").write_text('dependencies = ["not_a_module_at_all"]\n')
    with pytest.raises(RuntimeError, match="not_a_module_at_all"):
        hub.load(str(tmp_path), "double", source="local")


def test_set_dir(tmp_path, monkeypatch):
    monkeypatch.setattr(hub, "_hub_dir", None)
    hub.set_dir(tmp_path)
    assert hub.get_dir() == str(tmp_path)
