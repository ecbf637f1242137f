"""A small network of tokens."""

from torch import Tensor, nn


class Tokens(nn.Module):
    """Patches of so many pixels a side, then attention."""

    def __init__(self, side: int) -> None:
        super().__init__()
        self.embed = nn.Conv2d(3, 8, side, stride=side)
        self.attend = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
        self.head = nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.attend(self.embed(x).flatten(2).transpose(1, 2))
        found: Tensor = self.head(tokens.mean(1))
        return found
