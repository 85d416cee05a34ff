"""What people do with a trained model, a file each."""
