"""From a graph to kernels: which nodes are computed together, and the loops that compute them."""
