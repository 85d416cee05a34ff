"""Use a trained model: latents, priors, detectors, likelihoods, compression."""
