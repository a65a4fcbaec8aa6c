"""Tests of the benchmarks: their arithmetic on known numbers, and a tiny run of what needs no farm."""
