"""The operating system: what it refuses, standard streams, interrupts and the end of the process."""
