"""Attention: learnt queries look at the spatial tokens of one modality or of both."""

import math

import torch
from torch import Tensor, nn

from xmodal_pipeline.models.backbone import BackboneSpec
from xmodal_pipeline.models.fusion.contract import FusedFeatures, PairFusion
from xmodal_pipeline.params.variants import AttentionParams


class QueryAttention(nn.Module):
    """One learnt query attends over tokens; a residual hidden layer follows.

    The query is learnt after its projection, so it needs none. Keys have no bias: it would add the same to
    every logit of a query, and softmax would never see it.
    """

    def __init__(self, dim: int, heads: int) -> None:
        """Set up `heads` heads of `dim / heads`.

        Raises:
            ValueError: if heads does not divide dim.
        """
        super().__init__()
        if dim % heads:
            raise ValueError(
                f"variants.attention: heads must divide the backbone's dimension {dim}, got {heads}"
            )
        self.heads = heads
        self.norm = nn.LayerNorm(dim)
        self.key = nn.Linear(dim, dim, bias=False)
        self.value = nn.Linear(dim, dim, bias=False)
        self.out = nn.Linear(dim, dim)
        self.hidden = nn.Sequential(
            nn.LayerNorm(dim), nn.Linear(dim, 2 * dim), nn.GELU(), nn.Linear(2 * dim, dim)
        )

    def weights(self, query: Tensor, tokens: Tensor) -> Tensor:
        """Share of each token in each head: (batch, heads, tokens), summing to 1 over tokens.

        Args:
            query: (dim,).
            tokens: (batch, tokens, dim).
        """
        keys = self._split(self.key(self.norm(tokens)))
        per_head = query.view(self.heads, -1, 1)
        logits = (keys @ per_head).squeeze(-1) / math.sqrt(keys.shape[-1])
        return torch.softmax(logits, dim=-1)

    def forward(self, query: Tensor, tokens: Tensor) -> Tensor:
        """Attend with a (dim,) query over (batch, tokens, dim): (batch, dim)."""
        values = self._split(self.value(self.norm(tokens)))
        attended = self.weights(query, tokens).unsqueeze(-2) @ values
        pooled: Tensor = self.out(attended.flatten(1))
        refined: Tensor = self.hidden(pooled)
        return pooled + refined

    def _split(self, tokens: Tensor) -> Tensor:
        """(batch, tokens, dim) to (batch, heads, tokens, dim / heads)."""
        return tokens.view(*tokens.shape[:2], self.heads, -1).transpose(1, 2)


class Attention(PairFusion):
    """The RGB query over RGB tokens, the UV query over UV tokens, the joint query over both."""

    def __init__(self, params: AttentionParams, spec: BackboneSpec) -> None:
        """Build the encoders, the queries and their attention; a shared encoder adds modality tokens."""
        shared = not params.use_modality_specific
        super().__init__(spec, shared=shared, output="tokens")
        dim = self.feature_dim
        self.queries = _learnt_vectors(("rgb", "uv", "joint"), dim)
        # Which modality a token is from: behind a shared encoder the joint query could not tell.
        self.modality_tokens = _learnt_vectors(("rgb", "uv"), dim) if shared else None
        self.attend = QueryAttention(dim, params.heads)

    def combine(self, encoded: dict[str, Tensor], *, alone: bool) -> FusedFeatures:
        """Features of each query; alone, the joint query sees the tokens of one modality."""
        rgb, uv = encoded["rgb"], encoded["uv"]
        if self.modality_tokens is not None:
            rgb, uv = rgb + self.modality_tokens["rgb"], uv + self.modality_tokens["uv"]
        tokens = {"rgb": rgb, "uv": uv, "joint": torch.cat([rgb, uv], dim=1)}
        features = {name: self.attend(self.queries[name], tokens[name]) for name in tokens}
        joint = self.queries["joint"]
        fused = {name: self.attend(joint, tokens[name]) for name in self.modalities} if alone else {}
        return FusedFeatures(features, fused)


def _learnt_vectors(names: tuple[str, ...], dim: int) -> nn.ParameterDict:
    """Vectors started as ViT starts its learnt tokens: normal, standard deviation 0.02 (timm)."""
    return nn.ParameterDict({name: nn.Parameter(torch.randn(dim) * 0.02) for name in names})
