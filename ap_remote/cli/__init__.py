"""The ``ap`` command: thin over the library."""
