"""Compression: samples as rounded codes in one checked file, with what the model missed or not."""
