"""The operating system: its refusals, standard streams, interrupts and the end of the process."""
