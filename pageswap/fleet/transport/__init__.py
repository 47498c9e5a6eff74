"""The ways to reach a machine: each can start a program there and stream what it prints."""
