"""From a module to a small program of operations, and running it."""
