"""Streams, events and graphs of GPUs, and scopes that choose one: without a GPU, scopes do nothing and the rest refuses."""

from __future__ import annotations

from typing import Any


class Stream:
    """A queue of a GPU's work. RuntimeError without a GPU."""

    def __new__(cls, *args, **kwargs):
        raise RuntimeError(f"torch.cuda.{cls.__name__} requires CUDA support: Taper found no usable GPU.")

    def synchronize(self) -> None:
        """Wait for the work in this stream."""

    def wait_stream(self, stream) -> None:
        """Let later work wait for another stream's."""

    def wait_event(self, event) -> None:
        """Let later work wait for an event."""

    def record_event(self, event=None):
        """Note an event in this stream."""

    def query(self) -> bool:
        """Whether all work is done."""
        return True


ExternalStream = Stream


class Event:
    """A mark in a GPU's work. RuntimeError without a GPU."""

    def __new__(cls, *args, **kwargs):
        raise RuntimeError("torch.cuda.Event requires CUDA support: time with time.perf_counter on the CPU.")

    def record(self, stream=None) -> None:
        """Put the mark into a stream."""

    def wait(self, stream=None) -> None:
        """Let a stream wait for the mark."""

    def synchronize(self) -> None:
        """Wait for the mark."""

    def elapsed_time(self, end_event) -> float:
        """Milliseconds between two marks."""
        return 0.0

    def query(self) -> bool:
        """Whether the mark was passed."""
        return True


class CUDAGraph:
    """Recorded work of a GPU. RuntimeError without a GPU."""

    def __new__(cls, *args, **kwargs):
        raise RuntimeError("torch.cuda.CUDAGraph requires CUDA support: taper.compile makes one program of a step.")

    def replay(self) -> None:
        """Run the recorded work."""


class StreamContext:
    """A scope in which work goes to a stream: nothing to do without a GPU."""

    def __init__(self, stream: Any):
        self.stream = stream

    def __enter__(self) -> None:
        pass

    def __exit__(self, *error) -> None:
        pass


def stream(stream: Any) -> StreamContext:
    """The scope in which work goes to a stream; None changes nothing."""
    return StreamContext(stream)


def set_stream(stream: Any) -> None:
    """Let work go to a stream; None changes nothing."""
    if stream is not None:
        raise RuntimeError("torch.cuda.set_stream requires CUDA support: Taper found no usable GPU.")


class device:
    """A scope in which a GPU is the current one. Without GPUs it does nothing."""

    def __init__(self, device: Any):
        self.idx = -1

    def __enter__(self) -> None:
        pass

    def __exit__(self, *error) -> bool:
        return False


class device_of(device):
    """A scope in which a tensor's GPU is the current one. Without GPUs it does nothing."""


class graph:
    """A scope that records a graph. RuntimeError without a GPU."""

    def __init__(self, cuda_graph: Any, *args: Any, **kwargs: Any):
        Stream()
