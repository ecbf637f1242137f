"""How features form while a network trains (section 4.1, Figure 4).

- ``evolving``: `evolve`, the function; ``probe``: the same for YAML; ``results``: what it finds.
- ``mining``: the strongest neurons of one checkpoint; ``numbers``: what changes from one to the next.
"""
