"""What the program works out from memory. Nothing here knows where the memory comes from, or prints."""
