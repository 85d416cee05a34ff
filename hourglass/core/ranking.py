"""How well scores rank the items that a user chose: NDCG@k and Recall@k, as papers define them.

Scores and masks are (B, I): users, items. Items that a user has already are never recommended."""

import torch
from torch import Tensor

DEPTH = 100   # items of a user's list that are judged, at most


def top_items(scores: Tensor, seen: Tensor, k: int = DEPTH) -> Tensor:
    """The k best items of each user, (B, k), the best first, without those `seen`. Equal scores
    are in the order of the items. Fewer are given where there are fewer items."""
    unseen = scores.double().masked_fill(seen, -torch.inf)
    unseen = unseen.nan_to_num(-torch.inf, neginf=-torch.inf)
    return unseen.sort(dim=1, descending=True, stable=True).indices[:, :k]


def hits_of(top: Tensor, relevant: Tensor) -> Tensor:
    """Which of the recommended items (B, k) are among the held-out, relevant ones (B, I)."""
    return relevant.bool().gather(1, top)


def ndcg(hits: Tensor, count: Tensor, k: int = DEPTH) -> Tensor:
    """NDCG@k of each user, (B,): the discounted gain of the hits (B, >= k), over that of a list
    with all `count` (B,) held-out items first (Liang et al., 2018). NaN for a user without any."""
    depth = min(k, hits.shape[1])
    places = torch.arange(2, max(depth, k) + 2, dtype=torch.float64, device=hits.device)
    gain = 1 / places.log2()
    best = torch.cat([gain.new_zeros(1), gain.cumsum(0)])[count.clamp(max=k)]
    return (hits[:, :depth].double() * gain[:depth]).sum(1) / best


def recall(hits: Tensor, count: Tensor, k: int) -> Tensor:
    """Recall@k of each user, (B,): hits over the smaller of k and the number held out (Liang et
    al., 2018), so that a perfect list has 1. NaN for a user without held-out items."""
    return hits[:, :k].sum(1).double() / count.clamp(max=k).double()
