"""A trained model in use: latents, priors, detectors, likelihoods, compression."""
