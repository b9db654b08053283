"""What scikit-learn and scipy say of the scores in src/study/outcomes/tests.rs: run by hand, values kept in that test.

    python3 -m venv /tmp/outcomes && /tmp/outcomes/bin/pip install scikit-learn==1.9.1 scipy==1.17.1 numpy==2.4.6
    /tmp/outcomes/bin/python benches/peers/outcomes.py

The data come from a generator of whole numbers that both languages compute alike. DeLong's variance and AURC, which
neither library has, are written out over all pairs, and over all prefixes.
"""

import numpy as np
from scipy import stats
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, log_loss, roc_auc_score, roc_curve


def uniform(count, seed):
    state, found = seed, []
    for _ in range(count):
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        found.append((state >> 11) / 2**53)
    return np.array(found)


N = 400
a = np.floor(40 * uniform(N, 1)) / 8  # with ties
b = uniform(N, 2)
wrong = uniform(N, 3) < 0.05 + 0.04 * a + 0.2 * b
outside = a > 2
loss = (1 + a) * uniform(N, 4)
classes = np.arange(N) % 4


def components(score, wrong):
    x, y = score[wrong], score[~wrong]
    above = (x[:, None] > y[None, :]) + 0.5 * (x[:, None] == y[None, :])
    return above.mean(axis=1), above.mean(axis=0)


def covariance(first, second):
    return sum(np.cov(f, s)[0, 1] / len(f) for f, s in zip(first, second))


def likelihood(inputs):
    inputs = (inputs - inputs.mean(axis=0)) / inputs.std(axis=0)
    model = LogisticRegression(C=np.inf, solver="newton-cholesky", tol=1e-14, max_iter=1000).fit(inputs, wrong)
    return -log_loss(wrong, model.predict_proba(inputs), normalize=False), model.coef_[0]


def aurc(order):
    return (np.cumsum(wrong[order]) / np.arange(1, N + 1)).mean()


def show(name, value):
    print(f'("{name}", {float(value)!r}),')


for name, score in [("a", a), ("b", b)]:
    show(f"auroc {name}", roc_auc_score(wrong, score))
    own = components(score, wrong)
    show(f"error {name}", covariance(own, own) ** 0.5)
    show(f"average precision {name}", average_precision_score(wrong, score))
    fpr, tpr, _ = roc_curve(wrong, score, drop_intermediate=False)
    show(f"fpr95 {name}", fpr[np.argmax(tpr >= 0.95)])
    show(f"spearman {name}", stats.spearmanr(score, loss).statistic)
    weighted, pairs, variance = 0, 0, 0
    for c in range(4):
        of = classes == c
        weight = wrong[of].sum() * (~wrong[of]).sum()
        own = components(score[of], wrong[of])
        weighted += weight * roc_auc_score(wrong[of], score[of])
        variance += weight**2 * covariance(own, own)
        pairs += weight
    show(f"within {name}", weighted / pairs)
    show(f"within error {name}", variance**0.5 / pairs)

first, second = components(a, wrong), components(b, wrong)
variance = covariance(first, first) + covariance(second, second) - 2 * covariance(first, second)
difference = roc_auc_score(wrong, a) - roc_auc_score(wrong, b)
show("delong p", 2 * stats.norm.sf(abs(difference) / variance**0.5))
table = [[(wrong & ~outside).sum(), (~wrong & ~outside).sum()], [(wrong & outside).sum(), (~wrong & outside).sum()]]
show("fisher p", stats.fisher_exact(table).pvalue)
interval = stats.binomtest(int(table[1][0]), int(outside.sum())).proportion_ci(method="wilson")
show("wilson low", interval.low)
show("wilson high", interval.high)
show("aurc b", aurc(np.argsort(b)))
show("excess b", aurc(np.argsort(b)) - aurc(np.argsort(wrong, kind="stable")))
alone, _ = likelihood(a[:, None])
both, slopes = likelihood(np.stack([a, b], axis=1))
show("chi square", 2 * (both - alone))
show("adds p", stats.chi2.sf(2 * (both - alone), 1))
show("log odds", slopes[1])
show("mean loss", loss[outside].mean())
show("mean loss low", loss[outside].mean() - stats.norm.ppf(0.975) * stats.sem(loss[outside]))
