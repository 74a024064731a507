"""Measurements as ratios to a floor taken in the same run. `python -m bench --help`; see docs/benchmarks.md.

Belongs here: generated trees, floors, timing, tables. May not: be imported by paiwatch or its tests, or leave anything behind.
"""
