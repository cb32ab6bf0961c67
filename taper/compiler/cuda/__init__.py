"""Compiled steps on a GPU: programs of PTX kernels and library calls, replayed as CUDA graphs."""
