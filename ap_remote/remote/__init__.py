"""The abstract remote: contract, optional abilities, paths, registry."""
