"""Measuring: techniques against each other, speed against the `gliner` library."""
