"""Data: turn a source's name, a path or data in memory into a Source, split for training."""
