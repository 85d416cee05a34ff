"""Compression: samples as rounded codes in one checked file, lossy or lossless."""
