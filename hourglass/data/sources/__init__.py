"""Sources of data: each reads files or a named set into a Collection; a file each."""
