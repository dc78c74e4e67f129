"""What the tools answer with: structs, cleaned text, small pictures."""
