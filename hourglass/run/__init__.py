"""A run: its settings, its folder, its weights file and the data that settings name."""
