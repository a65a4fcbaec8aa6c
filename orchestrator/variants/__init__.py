"""The factory: recipes that derive variants of a network from its ONNX file.

`recipe` is what is asked for and what comes of it; `graphs`, `precision`, `pruning`, `channels` and `conversion` hold
the recipes; `workshop` runs one in a process of its own; `make` registers what it made, with its lineage; `fidelity`
compares what the variants of a model answer.

Invariants: the parent is never changed; a variant that its runtime does not load is not registered; one and the same
recipe, parent and tools give the same bytes wherever the tool allows.
"""
