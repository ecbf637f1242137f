"""Several processes do the work of one step together, and store what one process does."""
