"""How well networks classify, alone and together.

- ``evaluating``: `evaluate`, the function; ``probe``: the same for YAML, and its result.
"""
