"""What the processor's vector instructions are."""

from __future__ import annotations

from importlib.util import find_spec

__all__ = ["get_cpu_capability"]


def get_cpu_capability() -> str:
    """ "AVX512", "AVX2", or "DEFAULT" for other processors, and where there is no llvmlite to make code for them."""
    if find_spec("llvmlite") is None:
        return "DEFAULT"
    from ...native.machine import host

    machine = host()
    if not machine.triple.startswith(("x86_64", "amd64", "i686")):
        return "DEFAULT"
    return {512: "AVX512", 256: "AVX2"}.get(machine.vector_bits, "DEFAULT")
