"""Bundled models: the paper's networks, torchvision's, and any ``nn.Module`` that is installed."""
