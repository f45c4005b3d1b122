"""Pages, one module by noun."""
