"""What the command line needs beside its tasks: how a command ends, and how findings look on a terminal."""
