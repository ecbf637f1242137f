"""The top-down pass: what a signal in a layer means in pixels."""
