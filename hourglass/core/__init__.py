"""What every wing uses: registries, expressions, contracts, files, devices, distributions."""
