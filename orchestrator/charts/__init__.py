"""Charts as altair values, from the read door's frozen facts: pages show them, reports draw them, nothing here reads.

Pure. Colours of data are given here; colours of text, axes and background come from whoever shows the chart.
"""
