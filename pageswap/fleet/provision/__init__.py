"""What a host needs before it can measure: a bundle for its Python, a core that loads, a command that starts them."""
