"""What code is emitted for: the instruction set, registers, caches and cores of a machine."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import lru_cache

import llvmlite.binding as llvm

# Instruction sets by the names of the x86-64 psABI, and one for 64-bit ARM: vector bits, vector registers.
LEVELS = {"x86-64": (128, 16), "x86-64-v2": (128, 16), "x86-64-v3": (256, 16), "x86-64-v4": (512, 32)}

# NVIDIA's architectures, and the version of PTX that first knows each: drivers from then on take it.
GPUS = {
    "sm_70": 60, "sm_72": 61, "sm_75": 63, "sm_80": 70, "sm_86": 71, "sm_87": 74, "sm_89": 78, "sm_90": 78, "sm_100": 86,
    "sm_103": 88, "sm_120": 87,
}  # fmt: skip


@dataclass(frozen=True)
class Machine:
    """vector_bits: width of a register. registers: how many. masks: whether lanes can be masked for free.

    l1, l2, l3: bytes of a core's caches (l3: of its share). bf16: whether bfloat16 dot products exist and are quick.
    """

    triple: str
    cpu: str
    features: str
    vector_bits: int
    registers: int
    masks: bool
    bf16: bool
    l1: int = 32 << 10
    l2: int = 1 << 20
    l3: int = 4 << 20

    @property
    def fused(self) -> bool:
        """Whether x y + z in one rounding is an instruction."""
        return self.vector_bits > 128 or self.triple.startswith(("aarch64", "arm64", "nvptx"))

    @property
    def sixteen(self) -> tuple[str, ...]:
        """LLVM's types of half precision that there are instructions for."""
        if not self.triple.startswith(("x86", "i386", "i686", "amd64")):
            return ("half", "bfloat") if self.gpu else () if self.triple.startswith("wasm") else ("half",)
        features = self.features.split(",")
        found = ["half"] if self.vector_bits > 128 or "+f16c" in features else []
        return (*found, "bfloat") if "+avx512bf16" in features else tuple(found)

    @property
    def gpu(self) -> bool:
        """Whether a lane is a thread, of which a kernel has many: code is written for one."""
        return self.triple.startswith("nvptx")

    def lanes(self, type: str) -> int:
        """How many numbers of an LLVM type fit into a register."""
        from .text import BITS

        return max(1, self.vector_bits // max(8, BITS[type]))


def described(cpu: str, features: dict[str, bool], triple: str, l1: int, l2: int, l3: int) -> Machine:
    """A machine by its CPU's name and features, in LLVM's words."""
    if triple.startswith(("aarch64", "arm64")):
        bits, registers, masks = 128, 32, False
    elif triple.startswith("wasm"):
        bits, registers, masks = 128, 16, False
    elif features.get("avx512f") and features.get("avx512vl") and features.get("avx512dq") and features.get("avx512bw"):
        bits, registers, masks = 512, 32, True
    elif features.get("avx2") and features.get("fma"):
        bits, registers, masks = 256, 16, False
    else:
        bits, registers, masks = 128, 16, False
    flags = ",".join(("+" if on else "-") + name for name, on in sorted(features.items()))
    if bits == 512:
        flags += ",-prefer-256-bit"
    # Where matrix tiles exist too, vdpbf16ps is there for company: 116 GFLOP/s measured, 190 by float32's multiply-add.
    bf16 = bits == 512 and bool(features.get("avx512bf16")) and not features.get("amx-bf16")
    return Machine(triple, cpu, flags, bits, registers, masks, bf16, l1, l2, l3)


@lru_cache(None)
def host() -> Machine:
    """This machine, or less of it if TAPER_CPU names a level such as x86-64-v3."""
    triple = llvm.get_process_triple()
    wanted = os.environ.get("TAPER_CPU", "")
    l1, l2, l3 = _caches()
    if wanted and wanted != "native":
        return level(wanted, triple, l1, l2, l3)
    features = dict(llvm.get_host_cpu_features())
    return described(llvm.get_host_cpu_name(), features, triple, l1, l2, l3)


def level(name: str, triple: str | None = None, l1: int = 32 << 10, l2: int = 1 << 20, l3: int = 4 << 20) -> Machine:
    """The machine of a level's name: one of LEVELS, or "neon". ValueError for other names."""
    if name == "neon":
        return Machine("aarch64-unknown-linux-gnu", "generic", "+neon", 128, 32, False, False, l1, l2, l3)
    if name not in LEVELS:
        raise ValueError(f"TAPER_CPU={name}: expected one of native, {', '.join(LEVELS)}, neon")
    bits, registers = LEVELS[name]
    triple = triple or "x86_64-unknown-linux-gnu"
    flags = "-prefer-256-bit" if bits == 512 else ""
    return Machine(triple, name, flags, bits, registers, bits == 512, False, l1, l2, l3)


def gpu(name: str = "sm_90") -> Machine:
    """The GPUs of an architecture: one of GPUS. ValueError for other names."""
    if name not in GPUS:
        raise ValueError(f"unknown GPU architecture {name!r}: expected one of {', '.join(GPUS)}")
    return Machine("nvptx64-nvidia-cuda", name, f"+ptx{GPUS[name]}", 0, 255, False, False, 128 << 10, 40 << 20, 0)


def gpu_for(major: int, minor: int) -> Machine:
    """The machine of a compute capability: its own architecture, or the last one before it that is known.

    PTX for an architecture runs on all later ones.
    """
    known = [name for name in GPUS if int(name[3:]) <= 10 * major + minor]
    if not known:
        raise ValueError(f"a GPU of compute capability {major}.{minor} is too old: 7.0 is the least")
    return gpu(max(known, key=lambda name: int(name[3:])))


def _caches() -> tuple[int, int, int]:
    """Bytes of a core's first, second and third cache, where the system tells; else usual sizes."""
    found = {1: 32 << 10, 2: 1 << 20, 3: 4 << 20}
    base = "/sys/devices/system/cpu/cpu0/cache"
    try:
        for name in os.listdir(base):
            if not name.startswith("index"):
                continue
            facts = {k: _read(f"{base}/{name}/{k}") for k in ("level", "type", "size")}
            if facts["type"] != "Instruction" and facts["size"].endswith("K"):
                found[int(facts["level"])] = int(facts["size"][:-1]) << 10
    except OSError:
        pass
    return found[1], found[2], found[3]


def _read(path: str) -> str:
    with open(path) as file:
        return file.read().strip()
