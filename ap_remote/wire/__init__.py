"""Amazon's JSON as msgspec structs, one module per body family, and nothing else."""
