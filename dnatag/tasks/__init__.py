"""Tasks: how an output is structured. They know no domain."""
