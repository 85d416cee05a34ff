"""Denoisers of latent diffusion: `(shape, **options)` -> a module for latents of that shape.

A denoiser takes noisy latents u (B, *shape) and its condition (B, width): the noise level with
the class and the text. It returns a tensor like u. `width` is an attribute.
"""

from . import dit, mlp, unet
