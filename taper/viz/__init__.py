"""Pictures: training curves, grids of images, confusion matrices, loss surfaces, the tape of a result; and a table of a
model's layers. Pictures are drawn without a window by matplotlib, the extra `viz`; a notebook shows what these functions
return, `save(path)` keeps it."""

from .graph import Drawing, graph
from .images import image_grid, mistakes
from .pictures import Picture
from .summary import Summary, summary
from .surfaces import surface
from .training import confusion, curves

__all__ = [
    *("Drawing", "Picture", "Summary"),
    *("confusion", "curves", "graph", "image_grid", "mistakes", "summary", "surface"),
]
