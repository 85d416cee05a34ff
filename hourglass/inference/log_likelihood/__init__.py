"""Estimates of log p(x), with the codes integrated out, and the parts of its bound."""
