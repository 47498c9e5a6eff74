"""What the command line needs beside its tasks: how a command starts and ends, what was typed, and what is shown."""
