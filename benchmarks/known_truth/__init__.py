"""Studies whose truth is known, drawn from seeds and judged by the farm's own analysis."""
