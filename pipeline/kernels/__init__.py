"""Kernels: free functions over numpy arrays, compiled by numba. Nothing of ours is imported."""
