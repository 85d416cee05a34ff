"""Distributions that torch lacks, and the geometry they live on."""
