"""What a canary measures: one small network, one thread, a few seconds, behind an easy gate. Never changed in place.

Another workload is another `LABEL`: a device's canaries are compared only with those of the same file.
"""

from pathlib import Path
from typing import Final

from agent.wire.spec import Gate, Protocol, Regime, WarmUp, Window

MODEL: Final = "pifarm-canary"
LABEL: Final = "conv6"
FILE: Final = Path(__file__).parent / "files" / "canary.onnx"
RUNTIME: Final = "onnxruntime"
PRIORITY: Final = 1_000_000  # above what a submission may ask for
PROTOCOL: Final = Protocol(
    name="canary",
    regime=Regime.BURST,
    gate=Gate(max_c=65.0, timeout_s=300.0),
    warm_up=WarmUp(min_inferences=5, min_s=0.5, max_s=5.0),
    window=Window(min_inferences=30, min_s=2.5, max_s=15.0, stop_c=77.0),
)
