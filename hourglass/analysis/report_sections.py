"""The order of a report: its questions, the figures that answer them, and the names of metrics."""

from collections.abc import Iterable

GENERATES = "What does it generate?"
SECTIONS: dict[str, dict[str, str]] = {
    "Did it learn?": {"curves": "Loss curves"},
    "Does it reconstruct?": {
        "reconstructions": "Reconstructions", "lines": "Reconstructions",
        "line_reconstructions": "Lines and reconstructions",
        "molecule_reconstructions": "Molecules and reconstructions",
        "errors": "Reconstruction errors", "class_errors": "Errors by class"},
    "Does it restore?": {"restored": "Restored samples"},
    "Does it recommend?": {"ranking": "Held-out items, ranked", "items": "Map of the items"},
    "What do the codes say?": {
        "codes": "Latent space", "maps": "Maps of the latent space",
        "kernel_pca_3d": "Latent space in 3D", "neighbours": "Nearest neighbours",
        "corner": "Pairs of latent dimensions", "densities": "Latent dimensions by class",
        "correlation": "Correlations", "factors": "KL by latent dimension",
        "information": "Mutual information with the generative factors"},
    "Is the space filled?": {
        "histograms": "Latent dimensions and the prior", "radius": "Length of the codes",
        "grid": "Grid of decoded codes", "quantile_grid": "Quantiles of the prior",
        "traversals": "Traversals", "interpolations": "Interpolations",
        "between": "Between classes", "shells": "Distance from the origin",
        "line_steps": "From one line to another",
        "molecule_steps": "From one molecule to another",
        "filled": "Coverage of the latent space"},
    "What is abnormal?": {
        "scores": "Anomaly scores by class", "roc": "ROC and precision-recall curves",
        "oddest": "Samples with the highest anomaly scores"},
    GENERATES: {"samples": "Samples from each prior", "line_samples": "Lines from each prior",
                "molecule_samples": "Molecules from a prior"},
}
WORDS = {
    "mse": "mean squared error per value", "mae": "mean absolute error per value",
    "nats": "-log p(x|z), nats per sample", "psnr": "peak signal-to-noise ratio, dB",
    "bce": "binary cross-entropy per value", "ssim": "structural similarity, 1 is the same image",
    "explained_variance": "share of the variance explained",
    "sharpness": "energy of edges divided by that of the samples; 1 is as sharp",
    "knn_accuracy": "share of the codes whose 5 neighbours predict their class",
    "linear_accuracy": "share of the codes whose class a linear classifier finds",
    "pca_mse": "mean squared error per value of PCA with as many components",
    "pca_knn_accuracy": "share of PCA's codes whose 5 neighbours predict their class",
    "pca_linear_accuracy": "share of PCA's codes whose class a linear classifier finds",
    "active_units": "latent dimensions that vary from sample to sample",
    "kl": "KL of the posteriors to the prior, nats per sample",
    "aggregate_kl": "KL of all posteriors together, as one Gaussian, to the prior, nats",
    "marginal_kl": "KL of all posteriors together, dimension by dimension, to the prior, nats",
    "round_trip": "how far a code moves when decoded and encoded again, in widths of the cloud",
    "auroc": "chance that a sample of a class that training did not see scores higher than one of "
             "a class that it saw",
    "average_precision": "precision of calling samples abnormal, the mean over all recalls",
    "nats_per_token": "-log p(x|z), nats per token",
    "bound": "-ELBO, a bound of -log p(x), nats per line",
    "bits_per_token": "the same in bits per token",
    "exact": "share of the lines that are reconstructed exactly",
    "mutual_information": "mutual information of lines and codes, nats",
    "perplexity": "words of discrete codes that, equally frequent, would say as much",
    "used_words": "words of discrete codes that samples use",
    "filled": "share of the box around the codes that comes back like a sample's code",
}
FILLED = {"": "", "bicubic_": "bicubic enlargement, then ",
          "nearest_": "each missing pixel as the nearest known one, then ",
          "neighbours_": "each missing pixel as the mean of the visible ones around it, then ",
          "telea_": "Telea's inpainting with the known mask, then "}
DENOISED = {"": "nothing else", "median": "a median filter", "bm3d": "BM3D, given the noise level",
            "nl_means": "non-local means, given the noise level",
            "total_variation": "total variation, given the noise level"}
MAKERS = {"corrupted": "corrupted samples", "restored": "samples restored by the model"}
MAKERS |= {(fill + denoise).removesuffix("_"): (first + then).removesuffix(", then nothing else")
           for fill, first in FILLED.items() for denoise, then in DENOISED.items()
           if fill + denoise}
RANKED = {
    "ndcg@100": "discounted gain of the held-out items in the 100 best, 1 has them all in front",
    "recall@20": "share of the held-out items in the 20 best, of at most 20",
    "recall@50": "share of the held-out items in the 50 best, of at most 50",
    "coverage@20": "share of all items that are among the 20 best of some user",
    "novelty@20": "mean surprise of the 20 best, in bits: -log2 of an item's share of the users",
    "rmse": "root mean squared error of held-out ratings, in their units"}
OTHER_METHODS = {"": "", "ease_": "EASE: ", "popularity_": "popularity: ",
                 "soft_impute_": "soft-impute: ", "knn_": "KNN: ", "means_": "means: "}
WORDS |= {f"{prefix}{name}": who + what for prefix, who in OTHER_METHODS.items()
          for name, what in RANKED.items()}
WORDS |= {f"{name}_over_{prefix[:-1]}": f"the model's {name} less that of {who[:-2]}"
          for prefix, who in OTHER_METHODS.items() if prefix for name in ("ndcg@100", "rmse")}
NEARNESS = {"psnr": "dB to the clean samples", "ssim": "structural similarity to the clean samples",
            "mse": "squared error per value to the clean samples",
           "hidden_mse": "squared error per hidden value to the clean samples"}
WORDS |= {f"{name}_{score}": f"{what}: {maker}"
          for name, maker in MAKERS.items() for score, what in NEARNESS.items()}
OF_PRIORS = {
    "asked": "share that the judge puts in the class asked for; 1 is best",
    "frechet": "Frechet distance of the judge's features, as Gaussians, to unseen ones; 0 is best",
    "kernel": "kernel distance of the same: (a'b / F + 1)^3, unbiased, the mean of up to 5 subsets "
              "of up to 1,000; 0 is best",
    "precision": "share of draws within reach of a sample: nearer than its 5th nearest neighbour; "
                 "this and the next three on up to 2,000 of each side",
    "recall": "share of samples within reach of a draw",
    "density": "how many samples reach a draw, over 5; about 1 for the set itself",
    "coverage": "share of samples that reach a draw", "sharpness": "1 is as sharp as the samples",
    "valid": "share of draws that are molecules",
    "unique@400": "share of different ones among these",
    "novel": "share of these that are not among the training molecules",
    "descriptor_frechet": "Frechet distance of 16 descriptors, in standard deviations, to unseen "
                          "molecules (not FCD, which takes ChemNet's features); 0 is best",
    "fingerprint_frechet": "Frechet distance of the 64 largest components of Morgan fingerprints",
    "nearest_similarity": "SNN: mean Tanimoto similarity to the nearest unseen molecule",
    "internal_diversity": "IntDiv: 1 minus the mean Tanimoto similarity of all pairs",
    "scaffold_overlap": "cosine of the counts of scaffolds, with those of unseen molecules",
    "wasserstein_logP": "Wasserstein distance of logP to that of unseen molecules",
    "wasserstein_qed": "the same of drug-likeness, QED",
    "wasserstein_SAS": "the same of synthetic accessibility",
    "wasserstein_weight": "the same of the molecular weight, in daltons",
}


def in_order(names: Iterable[str]) -> list[str]:
    """Metrics as a table lists them: first those of the model, then prior by prior."""
    own, of_priors = [*WORDS], [*OF_PRIORS]
    there = list(dict.fromkeys(names))
    priors = list(dict.fromkeys(name.rpartition("/")[0] for name in there))

    def place(name: str) -> tuple[int, int]:
        prior, _, metric = name.rpartition("/")
        known = of_priors if prior else own
        return (priors.index(prior) if prior else -1,
                known.index(metric) if metric in known else len(known))
    return sorted(there, key=place)


def titles() -> dict[str, str]:
    """Every picture's title, in order."""
    return {name: title for names in SECTIONS.values() for name, title in names.items()}
