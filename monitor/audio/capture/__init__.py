"""A sound device in a process of its own: the process, the memory that it shares with the reader, times and rates."""
