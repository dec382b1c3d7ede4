"""What a person asks for: options, names and values, from a command line, a file or a notebook."""
