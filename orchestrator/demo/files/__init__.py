"""The demo model's variants, their scores and the held-out images, written by `demo/train.py`."""
