"""The remainder of a division rounded towards zero, exactly, where the machine has no function for it.

2**j y is the largest multiple of that form that x may hold; each is taken off if it fits, down to y itself. Every
difference x - 2**j y with 2**j y <= x < 2**(j + 1) y is exact (Sterbenz).
"""

from __future__ import annotations

from ..text import Builder, Module, Value, element, lanes, literal, mangle

_HUGE = {"float": (2 - 2.0**-23) * 2.0**126, "double": (2 - 2.0**-52) * 2.0**1022}
"""Half of the largest number."""


def modulo(b: Builder, x: Value, y: Value) -> Value:
    """x - trunc(x / y) y, with the sign of x; NaN for an infinite x and for y = 0."""
    if b.module.modulo:
        return b.rem(x, y)
    type, count = element(x.type), lanes(x.type)
    name = f"modulo.{mangle(type)}"
    _define(b.module, name, type)
    if count == 1:
        return b.call_local(name, type, x, y)
    made = Value("poison", x.type)
    for i in range(count):
        one = b.call_local(name, type, b.extract(x, i), b.extract(y, i))
        made = b.emit(x.type, f"insertelement {made}, {one}, i32 {i}")
    return made


def _define(module: Module, name: str, type: str) -> None:
    if any(f" @{name}(" in function for function in module.functions):
        return
    suffix, half, huge = mangle(type), literal(0.5, type), literal(_HUGE[type], type)
    zero, nan, infinity = literal(0, type), literal(float("nan"), type), literal(float("inf"), type)
    module.declarations.setdefault(f"llvm.fabs.{suffix}", f"declare {type} @llvm.fabs.{suffix}({type})")
    module.declarations.setdefault(f"llvm.copysign.{suffix}", f"declare {type} @llvm.copysign.{suffix}({type}, {type})")
    module.functions.append(f"""define internal {type} @{name}({type} %x, {type} %y) nounwind noinline {{
entry:
  %a = call {type} @llvm.fabs.{suffix}({type} %x)
  %d = call {type} @llvm.fabs.{suffix}({type} %y)
  %finite = fcmp olt {type} %a, {infinity}
  %divides = fcmp ogt {type} %d, {zero}
  %fine = and i1 %finite, %divides
  br i1 %fine, label %grow, label %none
none:
  ret {type} {nan}
grow:
  %t = phi {type} [ %d, %entry ], [ %twice, %more ]
  %fits = fcmp ole {type} %t, %a
  %small = fcmp ole {type} %t, {huge}
  %go = and i1 %fits, %small
  br i1 %go, label %more, label %shrink
more:
  %twice = fadd {type} %t, %t
  br label %grow
shrink:
  %u = phi {type} [ %t, %grow ], [ %less, %next ]
  %r = phi {type} [ %a, %grow ], [ %left, %next ]
  %taken = fcmp oge {type} %r, %u
  %rest = fsub {type} %r, %u
  %left = select i1 %taken, {type} %rest, {type} %r
  %last = fcmp oeq {type} %u, %d
  br i1 %last, label %done, label %next
next:
  %less = fmul {type} %u, {half}
  br label %shrink
done:
  %signed = call {type} @llvm.copysign.{suffix}({type} %left, {type} %x)
  ret {type} %signed
}}
""")
