"""Priors, fitted to a trained model's codes: `(space, **options)` -> a module.

`fit(z, y)` learns from codes z (N, D) of groups y (N,). `sample(y, temperature)` generates a code
for each group, (N, D). `log_prob(z, y)` is the log density in nats, (N,). `groups` is the number of
groups: the classes, or 1. `only_drawn` names options that matter only for sampling. Samples use
torch's random state.
"""

from . import diffusion, fixed, flow, hypersphere, kde, mixture, per_class, pixelcnn, two_stage
