"""Convolution kernels: micro-kernels over panels of the input that are packed as they are needed."""
