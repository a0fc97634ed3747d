# What UV adds, and mean embeddings, over the tree of the species. Needs ape and nlme.
#
#   Rscript docs/species_tree.R TREE STUDY VARIANT [LABEL] [VIEW]
#   Rscript docs/species_tree.R birds.nwk wings separate sex dorsal
#
# TREE is specimens.tree, with branch lengths; STUDY was run with it. From the project's folder.
suppressPackageStartupMessages({
  library(ape)
  library(nlme)
})

given <- commandArgs(trailingOnly = TRUE)
if (length(given) < 3) stop("usage: Rscript docs/species_tree.R TREE STUDY VARIANT [LABEL] [VIEW]")
folder <- file.path("data/07_model_output", given[2])
tree <- read.tree(given[1])
# ape keeps the quotes of a quoted tip; the exports do not.
tree$tip.label <- gsub("^'|'$", "", tree$tip.label)
if (is.null(tree$edge.length)) stop("tree: must have branch lengths, got none; ape::compute.brlen makes some")

chosen <- function(table, column, value) {
  if (!is.na(value)) table <- table[table[[column]] == value, ]
  if (length(unique(table[[column]])) > 1) {
    stop(column, ": must be one, got ", paste(unique(table[[column]]), collapse = ", "), "; name it as an argument")
  }
  table
}

# Generalised least squares, Pagel's lambda by profile: nlme's own search often fails on few species.
over_tree <- function(model, data) {
  data$tip <- as.character(data$tip)
  row.names(data) <- data$tip
  if (nrow(data) < 4) stop("tree: at least 4 species must have a tip and a number, got ", nrow(data))
  kept <- keep.tip(tree, data$tip)
  lambdas <- seq(0, 1, 0.05)
  fits <- lapply(lambdas, function(lambda) {
    related <- corPagel(lambda, kept, form = ~tip, fixed = TRUE)
    gls(model, data, correlation = related, weights = varFixed(~variance), method = "ML")
  })
  best <- which.max(sapply(fits, logLik))
  cat(sprintf("%d species, lambda %.2f\n", nrow(data), lambdas[best]))
  found <- summary(fits[[best]])$tTable
  for (term in rownames(found)) {
    cat(sprintf("%s %.4f, SE %.4f, p %.4f\n", term, found[term, 1], found[term, 2], found[term, 4]))
  }
}

cat("What UV adds (intercept: the mean over the tree)\n")
adds <- read.csv(file.path(folder, "species_table.csv"), na.strings = c("", "NA"))
adds <- chosen(chosen(adds[adds$features == "colour", ], "label", given[4]), "view", given[5])
adds <- adds[!is.na(adds$uv_adds) & !is.na(adds$tip), ] # too_few, or not in the tree
adds$variance <- adds$uv_adds_se^2
over_tree(uv_adds ~ 1, adds)

cat("First component of UV embeddings on that of RGB embeddings\n")
means <- read.csv(file.path(folder, given[3], "species_means.csv"), na.strings = c("", "NA"))
means <- chosen(means[!is.na(means$tip), ], "view", given[5])
first <- function(modality) {
  rows <- means[means$modality == modality, ]
  component <- prcomp(rows[, grepl("^x[0-9]+$", names(rows))])$x[, 1]
  data.frame(tip = rows$tip, variance = 1 / rows$n_specimens, component = component)
}
both <- merge(first("rgb"), first("uv"), by = c("tip", "variance"), suffixes = c("_rgb", "_uv"))
over_tree(component_uv ~ component_rgb, both)
