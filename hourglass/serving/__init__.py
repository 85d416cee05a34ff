"""A trained model behind HTTP: limits, a queue that batches, answers as pictures or JSON."""
