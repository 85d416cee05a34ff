"""Search: spaces of models, their trials in processes, and studies of hundreds of them."""
