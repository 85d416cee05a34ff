"""Many models: searched in processes as trials of a study, chosen, and combined."""
