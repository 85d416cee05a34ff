"""Training: setup, the loop, validation, checkpoints, optimisers and schedules."""
