"""How the same training step is made quickly: recorded once, then replayed; threads."""
