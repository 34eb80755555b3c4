"""A method, a format and a corpus for gliner-adapters. Each is loaded when it is asked for."""
