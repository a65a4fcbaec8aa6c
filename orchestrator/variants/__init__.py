"""The factory: recipes that derive variants of a network from its ONNX file.

`recipe` is what is asked for and what comes of it; `graphs`, `precision`, `pruning`, `channels` and `conversion` hold
the recipes, `examples` reads what they are calibrated on; `workshop` runs one in a process of its own; `make` registers
what it made, with its lineage. `fidelity` compares what the variants of a model answer, asked by `answering` here or on
a board. `layers` counts work and traffic of a graph: for `inspection`, and for `work`, which profiles are joined with.

Invariants: the parent is never changed; a variant that its runtime does not load is not registered; one and the same
recipe, parent and tools give the same bytes wherever the tool allows; what cannot be carried out leaves nothing behind.
"""
