"""Figures for papers: one question each, drawn from plain arrays; for print in SVG, PNG and PDF by `render`."""
