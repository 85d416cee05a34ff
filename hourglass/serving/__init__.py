"""Serve a trained model over HTTP: limits, batching, and answers as pictures or JSON."""
