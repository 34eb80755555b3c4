"""A method, a format and a corpus for gliner-adapters. Nothing is imported here: each is loaded when it is asked for."""
