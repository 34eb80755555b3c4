"""Comparing techniques: plans, runs, what is measured of them, tuning, and the report."""
