"""What this server may do: allowed abilities, bounds, budgets, seals on what the client carries for us."""
