"""Priors, fitted to a trained model's codes: `(space, **options)` -> a module.

`fit(z, y)` learns from codes z (N, D) of groups y (N,); `sample(y, temperature)` draws a code for
each group asked for, (N, D); `log_prob(z, y)` is their log density in nats, (N,). `groups` is how
many it tells apart: the classes, or 1; `only_drawn` names options that matter in drawing alone.
Draws come from torch's own random state.
"""

from . import diffusion, fixed, flow, hypersphere, kde, mixture, per_class, pixelcnn, two_stage
