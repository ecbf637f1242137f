"""What each part of an architecture is worth: variants of a model, trained alike (section 5.1, Table 3).

- ``ablating``: `ablate`, the function; ``probe``: the same for YAML; ``results``: what it finds.
- ``variants``: the rows as they are written; ``cost``: what each of them costs.
"""
