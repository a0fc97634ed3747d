"""What the terms of the report mean, shown where a term is read first and listed at the end."""

from typing import Final, NamedTuple


class Term(NamedTuple):
    """What a term means, and how else it is spelt."""

    meaning: str
    also: tuple[str, ...] = ()


TERMS: Final = {
    "95 % interval": Term(
        "The values that agree with the data: of 100 such intervals about 95 hold the true value."
    ),
    "alignment": Term("How far both photographs put the same specimens close together or far apart."),
    "attention": Term(
        "A model whose learnt queries look at places in both photographs and decide what to take from each."
    ),
    "AUC": Term(
        "The chance that of two specimens of different classes the right one is ranked higher: 0.5 is "
        "guessing, 1 no error. Below 0.5 is no separation."
    ),
    "balanced accuracy": Term(
        "The share of correct predictions, reckoned per class and averaged, so that a large class counts no "
        "more than a small one."
    ),
    "band": Term("One interval of wavelengths, such as green, that a photograph records by itself."),
    "band means": Term(
        "A method without learning: the mean of every band inside the mask. It knows colour, no pattern."
    ),
    "band noise": Term(
        "How much the mean of a band varies when one specimen is photographed twice, in percent of the mean."
    ),
    "baseline": Term(
        "A method that trains no neural network. A model is worth its training where it does better.",
        ("baselines",),
    ),
    "beyond what the species gives": Term(
        "Who knows the species can guess a trait that is mixed differently in each. That much is taken off.",
        ("beyond the species", "beyond species"),
    ),
    "by pattern, not by mean colour": Term(
        "Learnt features find it in this species, and at most mean colour adds less than they add at least: "
        "the interval of one lies below that of the other."
    ),
    "capture": Term("One record of a specimen: its RGB and its UV photograph.", ("captures",)),
    "chance": Term("What guessing gives."),
    "CKA": Term("How similar two sets of features are, from 0 to 1, whatever their rotation and scale."),
    "combined": Term("The features of both photographs side by side, with nothing learnt in between."),
    "concat": Term("A model that joins the features of both photographs and learns one feature from them."),
    "corrected p": Term(
        "The p-value after the number of tests of its kind is taken into account.", ("p corrected",)
    ),
    "effective rank": Term("How many directions the features really use."),
    "exact 95 % interval": Term(
        "Of a share, by the binomial distribution (Clopper & Pearson 1934): it holds in few cases too."
    ),
    "flagged": Term("Used, but with a reason to look at it."),
    "gallery": Term("The photographs among which the match of a query is sought."),
    "held-out": Term(
        "Not used to train any model: the test specimens.", ("held out", "test specimens", "test only")
    ),
    "joint": Term("One feature that a model makes from both photographs of a specimen."),
    "k-NN": Term("Prediction by the most similar specimens."),
    "known species": Term("What is reached by being told the true species: a yardstick, no method."),
    "learnt features": Term(
        "What a model takes from a whole photograph, pattern and shape included; it saw no labels.",
        ("learnt feature",),
    ),
    "linear probe": Term(
        "A simple classifier (logistic regression) on the features of a frozen model.", ("linear probes",)
    ),
    "mean colour": Term(
        "The mean of every band over the specimen, without any pattern; of RGB the spread (SD) too. All are "
        "logarithms."
    ),
    "modality gap": Term("The distance between the mean feature of RGB and that of UV."),
    "one seed": Term(
        "Training starts from random numbers, and here there was one start: another may reverse a verdict on "
        "learnt features.",
        ("one training",),
    ),
    "PCA + CCA": Term(
        "A method without training by gradients: principal components of the pixels of both photographs, "
        "turned so that they go together most."
    ),
    "permutation": Term("Labels or specimens exchanged at random, to see what would come out by luck."),
    "pretrained encoder": Term(
        "A model as other photographs have trained it, before it saw those of this study."
    ),
    "protocol": Term("How thoroughly numbers are measured: folds, repeats and permutations."),
    "q": Term(
        "A p-value corrected for all tests of one trait: of claims at q ≤ 0.05 one in twenty is false on "
        "average, at most."
    ),
    "recall@k": Term(
        "The share of queries whose match is among the first k of the ranking; recall@1: it comes first.",
        ("recall@1", "recall@5", "recall@10"),
    ),
    "reliability": Term("How well RGB measured twice agrees with itself: 1 is perfectly."),
    "RGB suffices": Term(
        "RGB tells the classes apart, and what UV adds is shown to be smaller than the margin."
    ),
    "separate": Term("A model with an encoder for each photograph, which meet in training only."),
    "silhouette": Term("A method without learning that sees the outline alone."),
    "Spearman": Term("A correlation of ranks: 1 is the same order, 0 none in common."),
    "trustworthiness": Term("How far neighbours on a map are neighbours in truth: 1 is always."),
    "UMAP": Term("A map in two dimensions that keeps neighbours together; far distances mean nothing."),
    "unresolved": Term(
        "Neither shown to add nor shown not to. To add needs q ≤ 0.05 and an interval above 0. The data "
        "cannot tell, which is no evidence of no difference."
    ),
    "untrained encoder": Term("A model as it is before training."),
    "UV adds": Term(
        "UV tells the classes apart beyond everything that RGB predicts, at q ≤ 0.05 and with an interval "
        "above 0."
    ),
    "UV only": Term(
        "UV adds, and RGB alone hardly tells the classes apart: its AUC is below 0.65 even at the upper 95 % "
        "limit. RGB's photographs were used here too."
    ),
    "variant": Term(
        "One of the models trained; they differ in how they bring both photographs together.", ("variants",)
    ),
    "warped": Term(
        "Both photographs are cropped, turned and mirrored, each for itself, so that outline and pose give "
        "less away.",
        ("warps",),
    ),
}
"""Terms in alphabetical order, written for RGB and UV; a study's own names take their place."""
