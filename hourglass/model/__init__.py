"""A model is a sentence: backbone, bottleneck, likelihood, losses; the autoencoder they make."""
