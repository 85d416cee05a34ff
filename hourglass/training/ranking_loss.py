"""How far a model's ranking of held-out items is from perfect, after each epoch."""

import torch

from ..core.part_contracts import Ranks, offers
from ..core.ranking import hits_of, ndcg, top_items
from ..data.split_data import Source, Split
from ..model.autoencoder import Autoencoder

NAME = "missed_ndcg"   # 1 - NDCG@100, so that lower is better, as of any loss
SIZE = 250             # users of a batch


def is_ranked(model: Autoencoder, source: Source) -> bool:
    """Whether epochs are compared by how held-out items are ranked."""
    return (offers(getattr(model, "likelihood", None), Ranks) and "val" in source.splits
            and source.splits["val"].encoder_input is not None)


@torch.no_grad()
def missed_ndcg(model: Autoencoder, split: Split) -> float:
    """1 - NDCG@100 of the users of a split, without noise: from the items that the encoder sees,
    how well the others are ranked."""
    trained = model.training
    model.eval()
    scores = []
    for batch in split.batches(SIZE):
        out = model(batch.x, batch.y, False, batch.encoder_input, batch.known)
        seen = (batch.seen != 0).flatten(1)
        held_out = (batch.x != 0).flatten(1) & ~seen
        top = top_items(out.px.mean.flatten(1), seen)
        scores.append(ndcg(hits_of(top, held_out), held_out.sum(1)))
    model.train(trained)
    return 1 - float(torch.cat(scores).nanmean())
