"""Journal → store: each acknowledged batch is loaded exactly once."""
