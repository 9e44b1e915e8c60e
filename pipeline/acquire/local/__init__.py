"""What is on this machine: files, and installed distributions."""
