"""The studio: everything that the command line does, in a browser, from files alone."""
