"""The power chip of a simulated Pi 5: the rails that `vcgencmd pmic_read_adc` tells of, which add up to its power."""

PMIC_SLOPE, PMIC_OFFSET_W = 1.1451, 0.5879
"""Input power from the sum of the PMIC's rails: a published linear calibration against a meter."""
# Rail, number of its current and of its voltage channel, volts, share of the current that is not the core's.
_RAILS = (
    ("3V7_WL_SW", 0, 8, 3.70, 0.10),
    ("3V3_SYS", 1, 9, 3.31, 0.09),
    ("1V8_SYS", 2, 10, 1.80, 0.20),
    ("DDR_VDD2", 3, 11, 1.11, 0.10),
    ("DDR_VDDQ", 4, 12, 0.61, 0.01),
    ("1V1_SYS", 5, 13, 1.11, 0.20),
    ("0V8_SW", 6, 14, 0.80, 0.28),
    ("VDD_CORE", 7, 15, 0.0, 0.0),
    ("3V3_DAC", 17, 20, 3.31, 0.001),
    ("3V3_ADC", 18, 21, 3.31, 0.001),
    ("0V8_AON", 16, 19, 0.80, 0.003),
    ("HDMI", 22, 23, 5.15, 0.015),
)
_OTHERS_A = 0.8


def pmic_answer(power_w: float, core_volts: float) -> str:
    """The 12 currents and 14 voltages of a Pi 5's power chip, which add up to what its input draws."""
    others_w = _OTHERS_A * sum(volt * share for _, _, _, volt, share in _RAILS)
    core_a = max((power_w - PMIC_OFFSET_W) / PMIC_SLOPE - others_w, 0.05) / core_volts
    currents = "".join(
        f"{name + '_A':>13} current({number})={core_a if name == 'VDD_CORE' else _OTHERS_A * share:.8f}A\n"
        for name, number, _, _, share in _RAILS
    )
    voltages = "".join(
        f"{name + '_V':>13} volt({number})={core_volts if name == 'VDD_CORE' else volt:.8f}V\n"
        for name, _, number, volt, _ in _RAILS
    )
    supply = f"{'EXT5V_V':>13} volt(24)=5.09000000V\n{'BATT_V':>13} volt(25)=0.00000000V\n"
    return currents + voltages + supply
