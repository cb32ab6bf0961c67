"""`torch.utils.data.datapipes`, which is not part of Taper: its names can be imported, and say what to use instead."""

from __future__ import annotations

from ...refusal import refused

_INSTEAD = "Write an IterableDataset, whose __iter__ yields what the pipeline would, and give it to a DataLoader."

iter = refused("utils.data.datapipes.iter", _INSTEAD)
map = refused("utils.data.datapipes.map", _INSTEAD)
IterDataPipe = refused("utils.data.IterDataPipe", _INSTEAD)
MapDataPipe = refused("utils.data.MapDataPipe", _INSTEAD)
DFIterDataPipe = refused("utils.data.DFIterDataPipe", _INSTEAD)
DataChunk = refused("utils.data.DataChunk", _INSTEAD)
functional_datapipe = refused("utils.data.functional_datapipe", _INSTEAD)
guaranteed_datapipes_determinism = refused("utils.data.guaranteed_datapipes_determinism", _INSTEAD)
non_deterministic = refused("utils.data.non_deterministic", _INSTEAD)
runtime_validation = refused("utils.data.runtime_validation", _INSTEAD)
argument_validation = refused("utils.data.argument_validation", _INSTEAD)
runtime_validation_disabled = refused("utils.data.runtime_validation_disabled", _INSTEAD)
