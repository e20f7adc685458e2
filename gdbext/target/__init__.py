"""What a target is, and the targets that need no GDB."""
