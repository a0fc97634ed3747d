"""A second writing of `uv_value`, from docs/uv_value.md alone: slow, one step at a time.

One block per species; without confounders, repeats, verdicts or pooled rows. The numbers above the functions
are those of the steps in the description.
"""

import numpy as np
from scipy import linalg, optimize, special, stats

EMBEDDING_COLUMNS = 12
FEWEST_TO_MODERATE = 5
VANISHING = 1e-10


def oracle(rgb, uv, label, species):
    """Rows (species, p, A, low, high) of every species with at least two specimens in each class."""
    rgb, uv = np.asarray(rgb, float), np.asarray(uv, float)
    label, species = np.asarray(label), np.asarray(species)
    embedding = rgb.shape[1] > EMBEDDING_COLUMNS
    if not embedding:
        kept = ~set_aside(rgb, label, species)
        rgb, uv, label, species = rgb[kept], uv[kept], label[kept], species[kept]

    x = standardised(rgb, label, species)
    u = standardised(uv, label, species)
    g = x if embedding else np.hstack([x, x**2, x**3])
    u = fewer_axes(u, g, x.shape[1], label, species)

    tested = []
    for name in np.unique(species).tolist():
        own = species == name
        if min(np.sum(label[own] == 0), np.sum(label[own] == 1)) < 2:
            continue
        one = {"name": name, "label": label[own], "g": g[own]}
        one["slopes"], one["inverse"] = slopes_of_others(g, u, x.shape[1], label, species, own)
        one["y"] = u[own] - g[own] @ one["slopes"]
        one["r0"], one["h"] = own_rgb(x, label, species, own, embedding)
        if one["h"] @ one["r0"] @ one["h"] > VANISHING:
            tested.append(one)
    if not tested:
        return []

    pull_in(tested)
    for one in tested:
        class_difference(one)
    whiten(tested)
    for one in tested:
        variance(one)
    h = dimensions(tested)
    moderate(tested, h)
    nu = sum(one["nu"] for one in tested)
    return [(one["name"], *test(one, nu, h)) for one in tested]


# What enters


def cells(label, species):
    """Boolean masks of the specimens of every species × class."""
    masks = [(species == s) & (label == c) for s in np.unique(species) for c in np.unique(label)]
    return [mask for mask in masks if mask.any()]


def within(values, label, species):
    """`values` less the mean of their cell."""
    values = values.copy()
    for cell in cells(label, species):
        values[cell] -= values[cell].mean(axis=0)
    return values


def degrees(label, species):
    """Specimens less cells."""
    return len(label) - len(cells(label, species))


def less_species_mean(values, species):
    values = values.copy()
    for s in np.unique(species):
        values[species == s] -= values[species == s].mean(axis=0)
    return values


def set_aside(rgb, label, species):
    """Specimens of which a feature lies beyond five robust SDs from the median of its cell."""
    distance = np.zeros_like(rgb)
    for cell in cells(label, species):
        distance[cell] = np.abs(rgb[cell] - np.median(rgb[cell], axis=0))
    outlying = np.zeros(len(rgb), bool)
    for s in np.unique(species):
        own = species == s
        robust_sd = 1.4826 * np.maximum(np.median(distance[own], axis=0), np.median(distance, axis=0))
        outlying[own] = np.any((distance[own] > 5 * robust_sd) & (robust_sd > 0), axis=1)
    return outlying


def standardised(values, label, species):
    """Less the species' mean, in units of the SD within cells; columns without spread are dropped."""
    inside = within(values, label, species)
    sd = np.sqrt(np.sum(inside**2, axis=0) / degrees(label, species))
    spread = sd > 1e-12 * np.maximum(1, np.abs(values).max(axis=0))
    return less_species_mean(values, species)[:, spread] / sd[spread]


def fewer_axes(u, g, p, label, species):
    """`u` on the first principal axes of what RGB leaves of it, where it has more than the study bears."""
    df = degrees(label, species)
    tested = [s for s in np.unique(species) if min(np.sum(label[species == s] == c) for c in (0, 1)) >= 2]
    of_tested = np.isin(species, tested)
    q = int(np.clip(degrees(label[of_tested], species[of_tested]) // 10, 1, 5))
    if u.shape[1] <= q:
        return u
    g, centred = less_species_mean(g, species), less_species_mean(u, species)
    if len(g) > 5 * g.shape[1]:
        coefficients = np.linalg.lstsq(g, centred, rcond=None)[0]
    else:
        ridge = (p + 1) * np.mean(np.sum(g**2, axis=0)) / df
        coefficients = np.linalg.solve(g.T @ g + ridge * np.eye(g.shape[1]), g.T @ centred)
    residual = centred - g @ coefficients
    axes = np.linalg.eigh(residual.T @ residual)[1][:, ::-1][:, :q]
    return u @ axes


# 1. What the others say


def slopes_of_others(g, u, p, label, species, own):
    """B and the inverse of A, with zeros for the terms that are not used."""
    others = ~own
    columns = g.shape[1]
    slopes, inverse = np.zeros((columns, u.shape[1])), np.zeros((columns, columns))
    if not others.any():
        return slopes, inverse
    f = degrees(label[others], species[others])
    g_within = within(g[others], label[others], species[others])
    u_within = within(u[others], label[others], species[others])
    if f >= 5 * columns:
        used, ridged = columns, False
    elif f >= 2 * p + 2:
        used, ridged = p, False
    elif f >= p + 2:
        used, ridged = p, True
    else:
        return slopes, inverse
    a = g_within[:, :used].T @ g_within[:, :used]
    if ridged:
        a = a + (p + 1) * np.mean(np.diag(a)) / f * np.eye(used)
    inverse[:used, :used] = np.linalg.inv(a)
    slopes[:used] = np.linalg.solve(a, g_within[:, :used].T @ u_within)
    return slopes, inverse


# 2., 3. What its own RGB says


def own_rgb(x, label, species, own, embedding):
    """R₀ and h of one species."""
    n = int(own.sum())
    k = prior_covariance(x, label, species, own, embedding)
    m, ridge_fit = residual_makers(x[own], label[own], k)
    while embedding and np.trace(ridge_fit) > (n - 2) / 3:
        k = 1.5 * k
        m, ridge_fit = residual_makers(x[own], label[own], k)
    return m - ridge_fit, m @ label[own].astype(float)


def prior_covariance(x, label, species, own, embedding):
    """K: the covariance within cells of the others."""
    p, others = x.shape[1], ~own
    f = degrees(label[others], species[others]) if others.any() else 0
    if f == 0:
        plenty = degrees(label[own], species[own]) > p + 2 and not embedding
        return (1e-4 if plenty else 1.0) * np.eye(p)
    inside = within(x[others], label[others], species[others])
    k = inside.T @ inside / f
    return k + 1e-3 * np.trace(k) / p * np.eye(p) if embedding else k


def residual_makers(x, label, k):
    """M, which takes out the score, and H, the ridge fit of what is left of RGB."""
    inside = x.copy()
    for c in (0, 1):
        inside[label == c] -= x[label == c].mean(axis=0)
    difference = x[label == 1].mean(axis=0) - x[label == 0].mean(axis=0)
    z = x @ np.linalg.solve(inside.T @ inside + k, difference)
    if z.std() > 0:
        z = z / z.std()
    columns = [np.ones(len(z)), z] + ([z**2] if len(z) >= 10 else [])
    basis = linalg.orth(np.column_stack(columns))
    m = np.eye(len(z)) - basis @ basis.T
    left = m @ x
    return m, left @ np.linalg.solve(left.T @ left + k, left.T)


# 4. Pulling in, and the class difference


def inverse_root(matrix):
    values, vectors = np.linalg.eigh(matrix)
    return vectors @ np.diag(values**-0.5) @ vectors.T


def pull_in(tested):
    """Draws in outlying rows of every species' y, blind to the class."""
    residuals = [one["r0"] @ one["y"] for one in tested]
    omega = sum(r.T @ r for r in residuals) / sum(np.trace(one["r0"] @ one["r0"].T) for one in tested)
    root, q = inverse_root(omega), len(omega)
    reach = np.sqrt(stats.chi2.ppf(0.99, q) / stats.chi2.ppf(0.5, q))
    for one, residual in zip(tested, residuals, strict=True):
        length = np.linalg.norm(residual @ root, axis=1)
        bound = np.median(length) * reach
        y = one["y"].copy()
        for i in np.flatnonzero(length > bound):
            y[i] -= (1 - bound / length[i]) * residual[i] / max(one["r0"][i, i], 0.2)
        one["y"] = y


def class_difference(one):
    """l, a, R₁ and e."""
    r0, h = one["r0"], one["h"]
    one["l"] = r0 @ h / (h @ r0 @ h)
    one["a"] = one["l"] @ one["y"]
    one["r1"] = r0 - np.outer(r0 @ h, one["l"])
    one["e"] = one["r1"] @ one["y"]
    one["nu"] = np.trace(one["r1"] @ one["r1"].T)


# 5. Variance


def whiten(tested):
    omega = sum(one["e"].T @ one["e"] for one in tested) / sum(one["nu"] for one in tested)
    root = inverse_root(omega)
    for one in tested:
        one["e"], one["a"] = one["e"] @ root, one["a"] @ root


def variance(one):
    """s², V before moderation, f and f₀."""
    r1, label = one["r1"], one["label"]
    q = one["e"].shape[1]
    squares = np.sum(one["e"] ** 2, axis=1)
    classes = [label == 0, label == 1]
    one["s2"] = squares.sum() / (q * one["nu"])
    m2 = np.array([[np.sum(r1[np.ix_(c, other)] ** 2) for other in classes] for c in classes])
    by_class = np.array([squares[c].sum() / q for c in classes])
    lengths = np.array([np.sum(one["l"][c] ** 2) for c in classes])
    inverse = np.linalg.pinv(m2, rcond=1e-10)
    sigma2 = np.maximum(inverse @ by_class, 0.15 * one["s2"])
    one["v"] = sigma2 @ lengths
    weights = inverse.T @ lengths
    d = r1.T @ np.diag(weights[label]) @ r1 @ np.diag(sigma2[label])
    one["f"] = np.trace(d) ** 2 / np.trace(d @ d)
    square = r1.T @ r1
    one["f0"] = np.trace(square) ** 2 / np.trace(square @ square)


def dimensions(tested):
    """h: how many of the whitened columns count, where species vary along directions of their own."""
    q = tested[0]["e"].shape[1]
    above, below = 0.0, 0.0
    for one in tested:
        f0 = one["f0"]
        if f0 > 1:
            c = sum(np.outer(row, row) for row in one["e"]) / (one["nu"] * one["s2"])
            tau = f0**2 * (np.trace(c @ c) - np.trace(c) ** 2 / f0) / ((f0 - 1) * (f0 + 2))
            above += f0 * (np.trace(c) ** 2 - 2 * tau / f0)
            below += f0 * tau
    return min(max(above / below, 1.0), q) if below > 0 else q


def moderate(tested, h):
    """The level of variance, borrowed over species (Smyth 2004), and the error of the borrowed slopes."""
    s2 = np.array([one["s2"] for one in tested])
    d = np.array([h * one["f0"] for one in tested])
    moderated, f_m = s2, d
    if len(tested) >= FEWEST_TO_MODERATE:
        g = np.log(s2) - special.digamma(d / 2) + np.log(d / 2)
        excess = np.var(g, ddof=1) - np.mean(special.polygamma(1, d / 2))
        if excess > 0:
            d0 = 2 * inverse_trigamma(excess)
            s02 = np.exp(np.mean(g) + special.digamma(d0 / 2) - np.log(d0 / 2))
            moderated, f_m = (d0 * s02 + d * s2) / (d0 + d), d0 + d
        else:
            moderated, f_m = np.full(len(s2), np.exp(np.mean(g))), np.full(len(s2), np.inf)
    for one, level, df in zip(tested, moderated, f_m, strict=True):
        borrowed = one["g"].T @ one["l"]
        one["level"], one["f_m"] = level, df
        one["v"] = one["v"] * level / one["s2"] + borrowed @ one["inverse"] @ borrowed


def inverse_trigamma(value):
    """Sought in logs, where the function is close to a line."""

    def gap(log):
        return np.log(special.polygamma(1, np.exp(log))) - np.log(value)

    return np.exp(optimize.brentq(gap, -50, 50, xtol=1e-14))


# 6. Test


def test(one, nu, h):
    """p, A, low, high."""
    q = len(one["a"])
    t = one["a"] @ one["a"] / (q * one["v"]) * (nu - q + 1) / nu
    f = test_degrees(one, nu, q, h)
    level = one["v"] / one["level"]
    p = above(t, h, f)
    adds = 0.0
    if f > 2:
        adds = q * t * (1 - 2 / f) - q
    adds *= level
    low, high = (q / h * level * noncentrality(t, h, f, probability) for probability in (0.975, 0.025))
    return float(p), float(np.clip(adds, low, high)), float(low), float(high)


def test_degrees(one, nu, q, h):
    rate = 1 / one["f_m"] + max(1 / (h * one["f"]) - 1 / (h * one["f0"]), 0)
    f_f = 1 / rate if rate > 0 else np.inf
    w = one["nu"] / nu
    return (1 - w) * f_f + w * max(f_f / h - q + 1, 1)


def above(t, q, f):
    """The probability that F(q, f) lies above `t`."""
    return special.chdtrc(q, q * t) if np.isinf(f) else special.fdtrc(q, f, t)


def below(t, q, f, noncentral):
    """The probability that noncentral F(q, f) lies below `t`: a Poisson mixture of central ones."""
    mean = noncentral / 2
    reach = 12 * np.sqrt(mean) + 60
    j = np.arange(max(0, np.floor(mean - reach)), np.ceil(mean + reach) + 1)
    weight = stats.poisson.pmf(j, mean)
    if np.isinf(f):
        return weight @ special.gammainc(q / 2 + j, q * t / 2)
    return weight @ special.betainc(q / 2 + j, f / 2, q * t / (q * t + f))


def noncentrality(t, q, f, probability):
    """The noncentrality at which noncentral F lies below `t` with `probability`; none below 0."""
    if below(t, q, f, 0.0) <= probability:
        return 0.0
    top = 1.0
    while below(t, q, f, top) > probability:
        top *= 2
    return optimize.brentq(lambda c: below(t, q, f, c) - probability, 0, top, xtol=1e-13, rtol=1e-14)
