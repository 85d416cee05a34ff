"""Tasks: what users do with a trained model, one file each."""
