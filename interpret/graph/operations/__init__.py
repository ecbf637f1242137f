"""One file for each family of operations: what every engine knows of them."""
