"""A process that dies, hangs, stops, raises or leaves: all others name it, and everything ends."""

from __future__ import annotations

import os
import re
import signal
import stat
import subprocess
import sys
import time
import uuid

import pytest

from . import launching

pytestmark = launching.needs_mpi

WHO = r"rank 1 \(process \d+ on [^)]+\)"
CASES = {
    "kill": rf"{WHO} has died",
    "stop": rf"did not finish within 2 s on rank \d\. Missing: {WHO} does not answer",
    "hang": rf"did not finish within 2 s on rank \d\. Missing: {WHO} has not called it: it is at \S+faults.py:\d+ in hangs",
    "raise": rf"{WHO} ended by ValueError: a bad value",
    "leave": rf"all_reduce \(operation 4 of the default group\) cannot finish: {WHO} has left without calling it",
    "receive": rf"recv from rank 1 did not finish within 2 s on rank 0\. Missing: {WHO} is at \S+faults.py",
    "sizes": rf"operation 4 of the default group differs: .*{WHO} called all_reduce\(SUM, float32, 8 elements\)",
    "reductions": rf"operation 4 of the default group differs: .*{WHO} called all_reduce\(MAX, float32, 4 elements\)",
    "kinds": rf"operation 4 of the default group differs: .*{WHO} called broadcast\(float32, 4 elements, root 0\)",
    "monitored": rf"\[Rank \d\] failed to pass monitoredBarrier in 1000 ms\. Missing: {WHO} has not called it",
}


@pytest.mark.parametrize("mode", CASES)
def test_the_others_name_it_and_all_end(mode):
    token = uuid.uuid4().hex
    ended = launching.launch(3, "faults.py", mode, token, seconds=60)
    assert ended.status != 0 and launching.left(token) == []
    said = re.findall(CASES[mode], ended.text)
    # Whoever waits for rank 0 meanwhile may be the first to give up, and names rank 0.
    assert len(said) >= (1 if mode == "receive" else 2), ended.text
    if mode == "kill":
        assert re.search(r"\[rank 1\] process \d+ on \S+ was ended by signal 9 \(SIGKILL\)", ended.text)


def test_without_faults():
    ended = launching.launch(3, "faults.py", "fine")
    assert ended.status == 0 and sorted(re.findall(r"rank \d ends", ended.text)) == [f"rank {r} ends" for r in range(3)]


def test_a_script_that_is_not_there():
    ended = launching.launch(2, "nowhere.py")
    assert ended.status == 2 and "there is no such file" in ended.text


@pytest.mark.parametrize("whom", ("all", "launch"))
def test_control_c_ends_all(whom):
    """The terminal's Ctrl-C goes to all processes; a signal of another program's to `taper launch` alone."""
    token = uuid.uuid4().hex
    process = launching.start(launching.taper("launch", "-n", 3, launching.SCRIPTS / "faults.py", "wait", token))
    seen = ""
    while seen.count("is here") < 3:
        line = process.stdout.readline()
        assert line, seen
        seen += line
    time.sleep(0.2)
    if whom == "all":
        os.killpg(process.pid, signal.SIGINT)
    else:
        process.send_signal(signal.SIGINT)
    ended = launching.end(process, 30)
    assert ended.status == 130 and launching.left(token) == [], ended.text


def test_when_launch_is_killed_nothing_stays():
    token = uuid.uuid4().hex
    process = launching.start(launching.taper("launch", "-n", 2, launching.SCRIPTS / "faults.py", "wait", token))
    while "is here" not in process.stdout.readline():
        pass
    process.kill()
    process.wait()
    process.stdout.close()
    assert launching.left(token, 10) == []


def test_hosts_are_the_launchers():
    ended = launching.launch(2, "faults.py", "fine", options=("--hosts", "localhost:2"))
    assert ended.status == 0 and ended.text.count("ends") == 2, ended.text


FAKE = """#!{python}
import sys
if "--version" in sys.argv:
    print({version!r})
else:
    print("GIVEN", *sys.argv[1:])
"""


@pytest.mark.parametrize(
    "version, options",
    [
        ("mpirun (Open MPI) 4.1.6", ["--oversubscribe", "--bind-to", "none", "--host", "a:2,b:4"]),
        ("HYDRA build details:", ["-hosts", "a:2,b:4"]),
    ],
)
def test_the_options_are_those_of_the_launcher(tmp_path, version, options):
    fake = tmp_path / "mpiexec"
    fake.write_text(FAKE.format(python=sys.executable, version=version))
    fake.chmod(fake.stat().st_mode | stat.S_IXUSR)
    # What lies beside the interpreter would be found first.
    python = tmp_path / "python"
    python.symlink_to(sys.executable)
    code = f"import sys; sys.executable = {str(python)!r}; from taper.cli import main; sys.argv[0] = 'taper'; sys.exit(main())"
    command = [sys.executable, "-c", code, "launch", "-n", "6", "--hosts", "a:2,b:4", __file__, "--x"]
    ended = subprocess.run(command, capture_output=True, text=True, env=launching.environment(), timeout=60)
    assert ended.returncode == 0, ended.stderr
    words = ended.stdout.split()
    root = ["--allow-run-as-root"] if "Open" in version and os.geteuid() == 0 else []
    assert words[: 3 + len(options) + len(root)] == ["GIVEN", "-n", "6", *options, *root]
    assert words[-6:] == [str(python), "-m", "taper", "run", __file__, "--x"] and "MASTER_ADDR=a" in words


@pytest.mark.parametrize("hosts", ("", "a,,b", "a:x", "a:0", "-f"))
def test_hosts_that_are_none(hosts):
    command = launching.taper("launch", "-n", 2, "--hosts", hosts, __file__)
    ended = launching.end(launching.start(command), 60)
    assert ended.status == 2 and "--hosts" in ended.text and "A,B:4" in ended.text, ended.text
