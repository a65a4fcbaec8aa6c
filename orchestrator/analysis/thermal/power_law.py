"""The relative dynamic power of a clock: ``f V(f)^2 / (f_max V_max^2)``, for boards whose voltages are known.

Voltages are operating points that sbc-bench logs show (ThomasKaiser/sbc-bench, results). A chip's own voltage differs
from them by some percent (adaptive voltage scaling), but only the ratio counts here. A board that is not listed, such
as a 3B+, has no power law: a throttled stretch of it cannot be fitted.
"""

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Points = tuple[tuple[float, float], ...]

_PI5: Points = ((1500e6, 0.720), (1600e6, 0.760), (1800e6, 0.785), (2000e6, 0.815), (2200e6, 0.840), (2400e6, 0.870))
_PI4: Points = ((600e6, 0.844), (1500e6, 0.844), (1600e6, 0.866), (1700e6, 0.888), (1800e6, 0.910))
_PI3: Points = ((600e6, 1.200), (700e6, 1.319), (1200e6, 1.319))
_ZERO2: Points = ((600e6, 1.2000), (700e6, 1.2375), (1000e6, 1.2375))
# hertz and volts, ascending, by board type
VOLTAGES: Mapping[str, Points] = MappingProxyType(
    {"pi5": _PI5, "pi500": _PI5, "cm5": _PI5, "pi4": _PI4, "pi400": _PI4, "cm4": _PI4, "pi3": _PI3, "pi0-2w": _ZERO2}
)


def relative_power(clock_hz: Floats, top_hz: float, points: Points) -> Floats:
    """Dynamic power at each clock over that at `top_hz`; voltages between the points are interpolated."""
    hertz, volts = (np.array(each) for each in zip(*points, strict=True))
    top_v = float(np.interp(top_hz, hertz, volts))
    share: Floats = clock_hz * np.interp(clock_hz, hertz, volts) ** 2 / (top_hz * top_v**2)
    return share
