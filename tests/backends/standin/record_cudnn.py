"""Print the names and signatures of an installed cuDNN front end: how `cudnn.txt` beside this file was made.

    python tests/backends/standin/record_cudnn.py > tests/backends/standin/cudnn.txt

No GPU is needed. Operations take what the compiled graph takes; of several forms the first is written down.
"""

from __future__ import annotations

import re

from record import signature

ENUMS = ("data_type", "heur_mode", "numerical_note", "build_plan_policy")
FUNCTIONS = ("backend_version", "create_handle", "destroy_handle", "get_stream", "set_stream")
OPERATIONS = ("conv_fprop", "conv_dgrad", "conv_wgrad", "sdpa", "sdpa_backward")


def compiled(function) -> str:
    """The parameters that a compiled operation tells, without their types."""
    line = function.__doc__.strip().split("\n")[0]
    text = line[line.index("(") + 1 : line.rindex(") ->")]
    while "[" in (text := re.sub(r"(?<!= )\[[^\[\]]*\]", "", text)).replace("= []", ""):
        pass
    parts = [re.sub(r":[^=]*(?= = |$)", "", part) for part in text.split(", ")]
    return "(" + ", ".join(re.sub(r" = (.*)", lambda m: "=" + _default(m[1]), part) for part in parts) + ")"


def _default(text: str) -> str:
    return repr(text) if "." in text and not text[0].isdigit() else text


def main() -> None:
    import cudnn

    print(f"# Names of cuDNN's front end {cudnn.__version__}, and what they take. Made by record_cudnn.py.")
    for enum in ENUMS:
        for name in sorted(n for n in dir(getattr(cudnn, enum)) if n.isupper()):
            print(f"cudnn.{enum}.{name} value")
    for name in FUNCTIONS:
        found = signature(getattr(cudnn, name))
        print(f"cudnn.{name} function {found or '()'}")
    print("cudnn.cudnnGraphNotSupportedError class")
    for owner, title in ((cudnn.pygraph, "cudnn.pygraph"), (cudnn.Tensor, "cudnn.Tensor")):
        for name in sorted(n for n in dir(owner) if not n.startswith("_") or n == "__init__"):
            found = getattr(owner, name)
            if name in OPERATIONS and owner is cudnn.pygraph:
                print(f"{title}.{name} function {compiled(getattr(cudnn._pybind_module.backend_graph, name))}")
            elif callable(found) and "*args" not in signature(found):
                print(f"{title}.{name} function {signature(found)}".replace("=<factory>", "=()").rstrip())


if __name__ == "__main__":
    main()
