# SPDX-License-Identifier: BSD-2-Clause
"""Speed of the search for nearest neighbours, side by side with whatever there is of scikit-learn,
PyTorch and Faiss.

    ninja -C build && PYTHONPATH=bindings/python LIBMI_PATH=build/lib python3 tests/bench/nearest.py

Of 50,000 vectors the k nearest of 10,000 others, in float32, with the same number of threads, taking
turns. `ratio` is a peer's time by libmi's: of the minima, the median, and the quartiles of the
ratios of single rounds. `recall` is the share of what libmi finds that a peer finds too; libmi's
is by definition what float64 finds. PyTorch and NumPy get queries in parts that fit into memory.
"""
import argparse
import json
import os
import statistics
import time

import numpy as np

import libmi
from side_by_side import PAUSE, Others, busy, compare, ratio_cells, table

PART = 1000  # queries at a time where all distances are held


def scikit_learn(threads):
    from sklearn.neighbors import NearestNeighbors

    def search(base, query, k, metric):
        peer = NearestNeighbors(n_neighbors=k, algorithm='brute', metric=metric, n_jobs=threads)
        return peer.fit(base).kneighbors(query)[1]
    return {'scikit-learn': search}


def pytorch(threads):
    import torch
    torch.set_num_threads(threads)

    def by_cdist(base, query, k, metric):
        if metric == 'cosine':
            return None
        base, query = torch.from_numpy(base), torch.from_numpy(query)
        return torch.cat([torch.cdist(part, base).topk(k, largest=False)[1]
                          for part in query.split(PART)]).numpy()

    def by_product(base, query, k, metric):
        base, query = torch.from_numpy(base), torch.from_numpy(query)
        if metric == 'cosine':
            base, query = (torch.nn.functional.normalize(x) for x in (base, query))
            half = 0
        else:
            half = (base * base).sum(1) / 2
        return torch.cat([(part @ base.T - half).topk(k)[1] for part in query.split(PART)]).numpy()
    return {'torch cdist': by_cdist, 'torch matmul': by_product}


def faiss_flat(threads):
    import faiss
    faiss.omp_set_num_threads(threads)

    def search(base, query, k, metric):
        if metric == 'cosine':
            base, query = base.copy(), query.copy()
            faiss.normalize_L2(base)
            faiss.normalize_L2(query)
        index = (faiss.IndexFlatIP if metric == 'cosine' else faiss.IndexFlatL2)(base.shape[1])
        index.add(base)
        return index.search(query, k)[1]
    return {'Faiss': search}


def peers(threads):
    found = {}
    for make in (scikit_learn, pytorch, faiss_flat):
        try:
            found.update(make(threads))
        except ImportError as error:
            print(f'left out: {error}')
    return found


def recall(ours, theirs):
    return statistics.mean(len(np.intersect1d(a, b)) / len(a) for a, b in zip(ours, theirs))


def measure(args, sides, d, k, metric):
    random = np.random.default_rng(1)
    base, query = (random.normal(size=(rows, d)).astype(np.float32) for rows in (args.n, args.m))
    taken = {name: [] for name in sides}
    shares, others = {}, Others()
    for _ in range(args.rounds):
        for name, search in sides.items():
            time.sleep(PAUSE)
            start = time.perf_counter()
            index = search(base, query, k, metric)
            taken[name].append(time.perf_counter() - start)
            if index is not None and name not in shares:
                ours = index if name == 'libmi' else ours
                shares[name] = recall(ours[:500], index[:500])
    remarks = busy(others.rate())
    lines = []
    for name in shares:
        ratio = None if name == 'libmi' else compare(taken['libmi'], taken[name])
        lines.append([f'{metric}, d = {d}, k = {k}', name, '%.3f' % min(taken[name]),
                      '%.3f' % statistics.median(taken[name]), *ratio_cells(ratio),
                      '%.5f' % shares[name], ', '.join(remarks)])
    return lines, {'d': d, 'k': k, 'metric': metric, 'seconds': {n: taken[n] for n in shares}}


def words():
    parser = argparse.ArgumentParser(description='libmi and others, side by side')
    parser.add_argument('--threads', type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument('--rounds', type=int, default=5)
    parser.add_argument('--n', type=int, default=50000)
    parser.add_argument('--m', type=int, default=10000)
    parser.add_argument('--d', type=int, nargs='+', default=[64, 256])
    parser.add_argument('--k', type=int, nargs='+', default=[10, 200])
    parser.add_argument('--metric', nargs='+', default=['euclidean', 'cosine'])
    parser.add_argument('--json', metavar='FILE')
    return parser.parse_args()


def main():
    args = words()
    context = libmi.Context(threads=args.threads)

    def ours(base, query, k, metric):
        return libmi.nearest.search(base, query, k, metric=metric, context=context).index
    sides = {'libmi': ours, **peers(args.threads)}
    figures = []
    for metric in args.metric:
        for d in args.d:
            for k in args.k:
                more, found = measure(args, sides, d, k, metric)
                figures.append(found)
                table(['', 'seconds', 'min', 'median', 'ratio min', 'median', 'quartiles',
                       'recall', ''], more, texts=(0, 1, 8))
                print(flush=True)
    if args.json:
        with open(args.json, 'w') as file:
            json.dump(figures, file)


if __name__ == '__main__':
    main()
