"""What one replaced window of an image changes in a network."""
