"""The model: backbones, bottlenecks, likelihoods, losses, and the autoencoder made of them."""
