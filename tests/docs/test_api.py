"""docs/api.md says what is so: it is what its script writes."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent

pytest.importorskip("PIL", reason="torchvision's rooms need Pillow")
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def script():
    import sys

    spec = importlib.util.spec_from_file_location("api_page", ROOT / "scripts" / "api_page.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["api_page"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["api_page"]


@pytest.fixture(scope="module")
def made(script):
    return script.page()


def test_the_page_is_what_the_script_writes(script, made):
    written = script.PAGE.read_text("utf-8")
    for ours, theirs in zip(written.splitlines(), made.splitlines()):
        assert ours == theirs, "docs/api.md is out of date: run python scripts/api_page.py"
    assert written == made


def test_every_name_has_one_state_and_what_is_not_there_says_what_instead(script):
    look = script.Lookup()
    names = script.names()
    assert len({n.full for n in names}) == len(names) > 2700
    for name in names:
        found = script.state(name, look)
        assert found.word in ("yes", "partly", "no")
        assert (found.how == "") == (found.word == "yes"), name


def test_the_lookup_can_say_no(script):
    look = script.Lookup()
    say = lambda full: script.state(script.Name(full, "A", 1), look)
    assert say("torch.cat").word == "yes" and say("torch.nn.Linear.weight").word == "yes"
    assert say("torch.there_is_no_such_name").word == "no"
    assert say("torch.jit.trace").word == "no" and "taper.compile" in say("torch.jit.trace").how
    assert say("torch.float8_e5m2").word == "no"


def test_the_totals_are_those_of_the_tables(made):
    totals = re.findall(r"^\| \w+ \(.*?\) \| (\d+) \| (\d+) \| (\d+) \| (\d+) \|", made, re.MULTILINE)
    assert (
        sum(int(row[2]) for row in totals) == made.count(" | partly | ") - 1
    )  # the head of the totals has the word, too
    assert sum(int(row[3]) for row in totals) == made.count(" | no | ") - 1
