"""DESIGN 5a written out for one block per species, from its text: slow, one step at a time."""

import math

import numpy as np
from scipy import special, stats
from scipy.optimize import brentq


def set_aside(rgb, species, label):
    """Specimens with an RGB feature beyond 5 robust SDs (MAD about the class median of its species)."""
    out = np.zeros(len(rgb), bool)
    for s in set(species):
        for j in range(rgb.shape[1]):
            medians = {c: np.median(rgb[(species == s) & (label == c), j]) for c in (0, 1)}
            distances = [(i, abs(rgb[i, j] - medians[label[i]])) for i in range(len(rgb)) if species[i] == s]
            robust = 1.4826 * np.median([d for _, d in distances])
            for i, distance in distances:
                if distance > 5 * robust:
                    out[i] = True
    return out


def less_cell_means(v, species, label):
    out = v.astype(float).copy()
    for s in set(species):
        for c in (0, 1):
            cell = (species == s) & (label == c)
            out[cell] -= out[cell].mean(axis=0)
    return out


def oracle(rgb, uv, label, species):
    """Rows of (species, p, A, low, high) in order of species; labels 0 and 1, at least two of either."""
    p = rgb.shape[1]
    learnt = p > 12
    if not learnt:
        keep = ~set_aside(rgb, species, label)
        rgb, uv, label, species = rgb[keep], uv[keep], label[keep], species[keep]
    names = sorted(set(species))
    cells = {s: [np.flatnonzero((species == s) & (label == c)) for c in (0, 1)] for s in names}
    df_of = {s: sum(len(cell) - 1 for cell in cells[s]) for s in names}
    df = sum(df_of.values())

    x, u = rgb.astype(float).copy(), uv.astype(float).copy()
    for v in (x, u):
        for s in names:
            v[species == s] -= v[species == s].mean(axis=0)
        v[:] = v / np.sqrt((less_cell_means(v, species, label) ** 2).sum(axis=0) / df)
    terms = x if learnt else np.hstack([x, x**2, x**3])

    q = min(max(df // 10, 1), 5)
    if u.shape[1] > q:
        blind = terms.copy()
        for s in names:
            blind[species == s] -= blind[species == s].mean(axis=0)
        if len(blind) > 5 * blind.shape[1]:
            left = u - blind @ np.linalg.lstsq(blind, u, rcond=None)[0]
        else:
            ridge = (p + 1) * (blind**2).sum(axis=0).mean() / df
            left = u - blind @ np.linalg.inv(blind.T @ blind + ridge * np.eye(blind.shape[1])) @ blind.T @ u
        values, vectors = np.linalg.eigh(left.T @ left)
        u = u @ vectors[:, np.argsort(values)[::-1][:q]]
    q = u.shape[1]

    tc, uc, xc = (less_cell_means(v, species, label) for v in (terms, u, x))
    work = {}
    for s in names:
        mine, others = species == s, species != s
        df_others = df - df_of[s]
        n = mine.sum()
        # 1. What the others say.
        slopes = np.zeros((terms.shape[1], q))
        gain = np.zeros((terms.shape[1], terms.shape[1]))
        if df_others >= 5 * terms.shape[1]:
            k, ridge = terms.shape[1], 0.0
        elif df_others >= 2 * p + 2:
            k, ridge = p, 0.0
        elif df_others >= p + 2:
            k, ridge = p, (p + 1) * np.mean((tc[others, :p] ** 2).sum(axis=0)) / df_others
        else:
            k, ridge = 0, 0.0
        if k:
            a = tc[others, :k].T @ tc[others, :k] + ridge * np.eye(k)
            slopes[:k] = np.linalg.solve(a, tc[others, :k].T @ uc[others])
            gain[:k, :k] = np.linalg.inv(a)
        y = u[mine] - terms[mine] @ slopes
        # 2. and 3. What its own RGB says of the label.
        if df_others > 0:
            prior = xc[others].T @ xc[others] / df_others
            prior += (1e-3 if learnt else 0) * np.trace(prior) / p * np.eye(p)
            big_k = prior
        elif df_of[s] > p + 2 and not learnt:
            big_k = 1e-4 * np.eye(p)
        else:
            big_k = np.eye(p)
        own, lab = x[mine], label[mine].astype(float)
        c = xc[mine].T @ xc[mine]
        d = own[lab == 1].mean(axis=0) - own[lab == 0].mean(axis=0)
        while True:
            z = own @ np.linalg.inv(c + big_k) @ d
            columns = [np.ones(n), z / z.std()] + ([(z / z.std()) ** 2] if n >= 10 else [])
            zz = np.array(columns).T
            m = np.eye(n) - zz @ np.linalg.inv(zz.T @ zz) @ zz.T
            xt = m @ own
            hat = xt @ np.linalg.inv(xt.T @ xt + big_k) @ xt.T
            if not learnt or np.trace(hat) <= (n - 2) / 3:
                break
            big_k = big_k * 1.5
        r0 = m - hat
        work[s] = {"y": y, "r0": r0, "h": m @ lab, "lab": lab, "gain": gain, "terms": terms[mine]}

    # 4. Rows far out are pulled in.
    before = {s: w["r0"] @ w["y"] for s, w in work.items()}
    omega = sum(r.T @ r for r in before.values()) / sum((w["r0"] ** 2).sum() for w in work.values())
    length = {s: np.sqrt(np.einsum("ij,jk,ik->i", r, np.linalg.inv(omega), r)) for s, r in before.items()}
    for s, w in work.items():
        farthest = np.median(length[s]) * math.sqrt(stats.chi2.ppf(0.99, q) / stats.chi2.ppf(0.5, q))
        for i, far in enumerate(length[s]):
            if far > farthest:
                # In units of the row of UV, of which its residual holds the share R0[i, i].
                w["y"][i] = w["y"][i] - (1 - farthest / far) * before[s][i] / max(w["r0"][i, i], 0.2)
        w["l"] = w["r0"] @ w["h"] / (w["h"] @ w["r0"] @ w["h"])
        w["a"] = w["l"] @ w["y"]
        w["r1"] = w["r0"] - np.outer(w["r0"] @ w["h"], w["l"])
        w["e"] = w["r1"] @ w["y"]
        w["nu"] = np.trace(w["r1"] @ w["r1"].T)

    # 5. Variances.
    nu = sum(w["nu"] for w in work.values())
    omega = sum(w["e"].T @ w["e"] for w in work.values()) / nu
    values, vectors = np.linalg.eigh(omega)
    half = vectors @ np.diag(values**-0.5) @ vectors.T
    for w in work.values():
        e2 = ((w["e"] @ half) ** 2).sum(axis=1)
        w["s2"] = e2.sum() / (q * w["nu"])
        m2, s_c, h_c = np.zeros((2, 2)), np.zeros(2), np.zeros(2)
        for c in (0, 1):
            inside = w["lab"] == c
            s_c[c] = e2[inside].sum() / q
            h_c[c] = (w["l"][inside] ** 2).sum()
            for c2 in (0, 1):
                m2[c, c2] = (w["r1"][np.ix_(inside, w["lab"] == c2)] ** 2).sum()
        sigma2 = np.maximum(np.linalg.solve(m2, s_c), 0.15 * w["s2"])
        w["v"] = sigma2 @ h_c
        weights = np.linalg.solve(m2.T, h_c)[w["lab"].astype(int)]
        dm = w["r1"].T @ np.diag(weights) @ w["r1"] @ np.diag(sigma2[w["lab"].astype(int)])
        w["f"] = np.trace(dm) ** 2 / np.trace(dm @ dm)
        rr = w["r1"].T @ w["r1"]
        w["f0"] = np.trace(rr) ** 2 / np.trace(rr @ rr)
    prior_df, prior_s2 = smyth([w["s2"] for w in work.values()], [q * w["f0"] for w in work.values()])

    # 6. The test.
    rows = []
    for s, w in work.items():
        own_df = q * w["f0"]
        if math.isinf(prior_df):
            moderated, f_m = prior_s2, math.inf
        else:
            moderated, f_m = (prior_df * prior_s2 + own_df * w["s2"]) / (prior_df + own_df), prior_df + own_df
        gl = w["terms"].T @ w["l"]
        v = w["v"] * moderated / w["s2"] + gl @ w["gain"] @ gl
        t = ((half @ w["a"]) ** 2).sum() / (q * v) * (nu - q + 1) / nu
        inverse = 1 / f_m + max(1 / (q * w["f"]) - 1 / (q * w["f0"]), 0)
        f_f = 1 / inverse if inverse else math.inf
        share = w["nu"] / nu
        hotelling = max(f_f / q - q + 1, 1)
        f = hotelling if len(work) == 1 else (1 - share) * f_f + share * hotelling
        if math.isinf(f):
            p_value, shrink = stats.chi2.sf(q * t, q), 1.0
        else:
            p_value, shrink = stats.f.sf(t, q, f), (f - 2) / f
        unit = v / moderated
        low, high = (noncentrality(t, q, f, prob) * unit for prob in (0.975, 0.025))
        estimate = (q * t * shrink - q) * unit if shrink > 0 else 0.0
        rows.append((s, p_value, min(max(estimate, low), high), low, high))
    return rows


def noncentrality(t, q, f, prob):
    """The noncentrality at which noncentral F lies below t with this probability; 0 if there is none."""

    def below(nc):
        return stats.ncx2.cdf(q * t, q, nc) if math.isinf(f) else stats.ncf.cdf(t, q, f, nc)

    central = stats.chi2.cdf(q * t, q) if math.isinf(f) else stats.f.cdf(t, q, f)
    if central <= prob:
        return 0.0
    top = 1.0
    while below(top) > prob:
        top *= 2
    return brentq(lambda nc: below(nc) - prob, 1e-12, top, xtol=1e-12, rtol=1e-13)


def smyth(s2, df):
    """Prior df and variance by Smyth (2004); none below five species."""
    s2, df = np.array(s2), np.array(df)
    if len(s2) < 5:
        return 0.0, 1.0
    e = np.log(s2) - special.digamma(df / 2) + np.log(df / 2)
    excess = np.sum((e - e.mean()) ** 2) / (len(e) - 1) - np.mean(special.polygamma(1, df / 2))
    if excess <= 0:
        return math.inf, math.exp(e.mean())
    half = brentq(lambda h: special.polygamma(1, h) - excess, 1e-6, 1e9, xtol=1e-12, rtol=1e-14)
    return 2 * half, math.exp(e.mean() + special.digamma(half) - math.log(half))
