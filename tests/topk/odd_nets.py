"""Small networks that are no plain stacks of convolutions."""

from torch import Tensor, nn


class Branching(nn.Module):
    """Which way it goes depends on values: it cannot be traced."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.conv(x)
        return (found if float(found.sum()) < 1e9 else -found).mean((2, 3))


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
