"""What the scripts share: options and result files, timing, and the same weights in the `gliner` library and here."""
