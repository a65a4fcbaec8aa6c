"""Trains the demo's detectors; needs the extra ``training`` (PyTorch). Nothing of the farm imports it.

`data` makes batches of scenes, `network` is the architecture, `assignment` and `loss` teach it, `export` writes what
was learnt as ONNX and TorchScript, `score` measures the files on held-out scenes, `train` does it all.
"""
