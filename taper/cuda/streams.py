"""Streams and events of GPUs, and scopes that choose one: without a GPU, scopes do nothing and the rest refuses."""

from __future__ import annotations

from typing import Any

from ..backends.cuda import driver
from ..backends.device import device as _device
from ..backends.transfer import place_of
from .devices import current_device, number_of, set_device, with_gpu


def _required(name: str) -> None:
    if not driver.count():
        raise RuntimeError(f"torch.cuda.{name} requires CUDA support: Taper found no usable GPU.")


class Stream:
    """A queue of a GPU's work, beside the others. A lower `priority` goes first. RuntimeError without a GPU.

    Work is put into it inside `with taper.cuda.stream(s):` or `with s:`.
    """

    _stream: Any

    def __new__(cls, device: Any = None, priority: int = 0, **kwargs):
        _required(cls.__name__)
        cupy = driver.library()

        made = object.__new__(cls)
        number = number_of(device)
        with driver.on(_device("cuda", number)):
            made._stream = cupy.cuda.Stream(non_blocking=True, priority=priority)
        made._number = number
        return made

    @classmethod
    def _of(cls, stream: Any, number: int) -> Stream:
        made = object.__new__(Stream)
        made._stream, made._number = stream, number
        return made

    @property
    def device(self) -> _device:
        """The stream's GPU."""
        return _device("cuda", self._number)

    @property
    def device_index(self) -> int:
        """The number of the stream's GPU."""
        return self._number

    @property
    def cuda_stream(self) -> int:
        """CUDA's handle of the stream."""
        return self._stream.ptr

    stream_id = cuda_stream

    @property
    def priority(self) -> int:
        """The stream's priority."""
        return self._stream.priority

    def synchronize(self) -> None:
        """Wait for the work in this stream."""
        self._stream.synchronize()

    def wait_stream(self, stream: Stream) -> None:
        """Let later work wait for another stream's."""
        self.wait_event(stream.record_event())

    def wait_event(self, event: Event) -> None:
        """Let later work wait for an event."""
        event.wait(self)

    def record_event(self, event: Event | None = None) -> Event:
        """Note an event in this stream."""
        event = Event() if event is None else event
        event.record(self)
        return event

    def query(self) -> bool:
        """Whether all work is done."""
        return self._stream.done

    def __enter__(self) -> Stream:
        self._scope = getattr(self, "_scope", [])
        self._scope.append(driver.on(self.device))
        self._scope[-1].__enter__()
        self._stream.__enter__()
        return self

    def __exit__(self, *error) -> None:
        self._stream.__exit__(*error)
        self._scope.pop().__exit__(*error)

    def __eq__(self, other) -> bool:
        return isinstance(other, Stream) and (self.cuda_stream, self._number) == (other.cuda_stream, other._number)

    def __hash__(self) -> int:
        return hash((self.cuda_stream, self._number))

    def __repr__(self) -> str:
        return f"<torch.cuda.Stream device={self.device} cuda_stream={self.cuda_stream:#x}>"


class ExternalStream(Stream):
    """A stream that another library made, by CUDA's handle. RuntimeError without a GPU."""

    def __new__(cls, stream_ptr: int, device: Any = None, **kwargs):
        _required(cls.__name__)
        cupy = driver.library()

        made = object.__new__(cls)
        made._number = number_of(device)
        made._stream = cupy.cuda.ExternalStream(stream_ptr, made._number)
        return made


class Event:
    """A mark in a GPU's work. enable_timing: for `elapsed_time`. RuntimeError without a GPU."""

    _event: Any

    def __new__(cls, enable_timing: bool = False, blocking: bool = False, interprocess: bool = False):
        if not driver.count():
            raise RuntimeError("torch.cuda.Event requires CUDA support: time with time.perf_counter on the CPU.")
        cupy = driver.library()

        made = object.__new__(cls)
        made._event = cupy.cuda.Event(block=blocking, disable_timing=not enable_timing, interprocess=interprocess)
        made._timed, made._recorded = enable_timing, False
        return made

    def record(self, stream: Stream | None = None) -> None:
        """Put the mark into a stream, by default the current one."""
        self._event.record((current_stream() if stream is None else stream)._stream)
        self._recorded = True

    def wait(self, stream: Stream | None = None) -> None:
        """Let a stream, by default the current one, wait for the mark."""
        (current_stream() if stream is None else stream)._stream.wait_event(self._event)

    def synchronize(self) -> None:
        """Wait for the mark."""
        self._event.synchronize()

    def query(self) -> bool:
        """Whether the mark was passed."""
        return not self._recorded or self._event.done

    def elapsed_time(self, end_event: Event) -> float:
        """Milliseconds between two marks. RuntimeError for marks that are not timed, or were not put into a stream."""
        cupy = driver.library()

        if not (self._timed and end_event._timed):
            raise RuntimeError("Both events must be created with argument 'enable_timing=True'.")
        if not (self._recorded and end_event._recorded):
            raise RuntimeError("Both events must be recorded before calculating elapsed time.")
        return cupy.cuda.get_elapsed_time(self._event, end_event._event)

    @property
    def cuda_event(self) -> int:
        """CUDA's handle of the mark."""
        return self._event.ptr


class CUDAGraph:
    """Recorded work of a GPU. NotImplementedError: `taper.compile` makes one program of a step. RuntimeError without a GPU."""

    def __new__(cls, *args, **kwargs):
        if not driver.count():
            raise RuntimeError("torch.cuda.CUDAGraph requires CUDA support: taper.compile makes one program of a step.")
        raise NotImplementedError(
            "CUDAGraph: Taper does not record eager work. taper.compile makes one program of a step."
        )

    def replay(self) -> None:
        """Run the recorded work."""


class graph:
    """A scope that records a graph. As `CUDAGraph`, it refuses."""

    def __init__(self, cuda_graph: Any, *args: Any, **kwargs: Any):
        _required("Stream")
        CUDAGraph()


class StreamContext:
    """A scope in which work goes to a stream; None changes nothing."""

    def __init__(self, stream: Any):
        self.stream = stream

    def __enter__(self) -> None:
        if self.stream is not None:
            self.stream.__enter__()

    def __exit__(self, *error) -> None:
        if self.stream is not None:
            self.stream.__exit__(*error)


def stream(stream: Any) -> StreamContext:
    """The scope in which work goes to a stream; None changes nothing."""
    return StreamContext(stream)


def set_stream(stream: Any) -> None:
    """Let work go to a stream; None changes nothing."""
    if stream is not None:
        _required("set_stream")
        set_device(stream.device)
        stream._stream.use()


@with_gpu
def current_stream(device: Any = None) -> Stream:
    """The stream into which work on a GPU goes."""
    cupy = driver.library()

    number = number_of(device)
    with driver.on(_device("cuda", number)):
        return Stream._of(cupy.cuda.get_current_stream(), number)


@with_gpu
def default_stream(device: Any = None) -> Stream:
    """The stream into which work goes that nobody sends elsewhere."""
    cupy = driver.library()

    return Stream._of(cupy.cuda.Stream.null, number_of(device))


class device:
    """A scope in which a GPU is the current one: `device(1)`, `device("cuda:1")`. Without GPUs it does nothing."""

    def __init__(self, device: Any):
        self.idx = -1
        if driver.count() and device is not None and not (isinstance(device, int) and device < 0):
            self.idx = number_of(device)
        self.prev_idx = -1

    def __enter__(self) -> None:
        if self.idx >= 0:
            self.prev_idx = current_device()
            set_device(self.idx)

    def __exit__(self, *error) -> bool:
        if self.idx >= 0:
            set_device(self.prev_idx)
        return False


class device_of(device):
    """A scope in which a tensor's GPU is the current one. For a tensor on the CPU it does nothing."""

    def __init__(self, obj: Any):
        where = place_of(obj._array)
        super().__init__(where if where.type == "cuda" else None)
