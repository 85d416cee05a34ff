"""The latent explorer's page, its scripts and style, and what runs the decoder in it."""
