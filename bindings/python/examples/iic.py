# SPDX-License-Identifier: BSD-2-Clause
"""Sorts images into classes without a label, by invariant information clustering.

    python iic.py                           the drawn digits that libmi brings along
    python iic.py --data mnist --out out    a directory with the four IDX files, or train/ and
                                            test/ with a folder of PNG files per class

With --out: metrics.csv and clustering.safetensors, and with matplotlib curves.png, clusters.png
and confusion.png. Labels are read to measure the result, never to learn or to choose.
"""
import argparse
import json
import os
import sys

import libmi


def draw(out, images, labels, share, counts):
    try:
        from libmi import plot
        plot.curves(os.path.join(out, 'metrics.csv')).figure.savefig(f'{out}/curves.png')
        plot.sheet(images, labels, probability=share).figure.savefig(f'{out}/clusters.png')
        plot.confusion(counts).figure.savefig(f'{out}/confusion.png')
    except ImportError:
        print('iic.py: no pictures, matplotlib is not installed', file=sys.stderr)


def run(options):
    context = libmi.Context(seed=options.seed, threads=options.threads)
    if options.images:
        train = libmi.Dataset.digits(options.images, seed=options.seed, context=context)
        test = libmi.Dataset.digits(1000, seed=options.seed, first=2 ** 40, context=context)
    else:
        train, test = (libmi.Dataset.open(options.data, split, context=context)
                       for split in ('train', 'test'))
    pairs = libmi.Pairs(train, context=context)
    size, channels, classes = pairs.sizes.size, pairs.sizes.channels, train.classes
    encoder = libmi.Encoder(f'{options.encoder} | 6 x softmax {classes}, 6 x softmax {5 * classes}',
                            height=size, channels=channels, context=context)
    optimizer = libmi.Optimizer(encoder, schedule='cosine', total=options.epochs * pairs.batches)
    cluster = libmi.Cluster(encoder, optimizer, classes=classes, lambda_=options.lambda_,
                            late_heads=options.epochs > 1)
    csv = None
    if options.out:
        os.makedirs(options.out, exist_ok=True)
        csv = os.path.join(options.out, 'metrics.csv')
    history = cluster.fit(pairs, options.epochs, test=test, csv=csv, progress=True)
    views, truth = libmi.plain(test, size), test.read(pixels=False).labels
    labels, share = cluster.predict(views, probability=True)
    counts = libmi.score.confusion(labels, truth, classes, classes)
    if options.out:
        cluster.save(os.path.join(options.out, 'clustering.safetensors'))
        draw(options.out, views, labels, share, counts)
    return {'accuracy': libmi.score.accuracy(counts).accuracy, 'nmi': libmi.score.nmi(counts),
            'loss': history[-1].loss, 'selected': cluster.selected, 'epochs': options.epochs}


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0])
    parser.add_argument('--data', default='builtin', help='builtin, or a directory')
    parser.add_argument('--images', type=int, default=0,
                        help='train on this many drawn digits instead')
    parser.add_argument('--encoder', default='small', help='trunk of the network')
    parser.add_argument('--epochs', type=int, default=2)
    parser.add_argument('--lambda', type=float, default=2, dest='lambda_',
                        help='weight of the entropy of the clusters: above 1 where classes are '
                             'about equally frequent')
    parser.add_argument('--seed', type=int, default=0, help='of weights, order and transforms')
    parser.add_argument('--threads', type=int, default=0, help='0: all processors')
    parser.add_argument('--out', help='directory for results')
    try:
        result = run(parser.parse_args())
    except (libmi.Error, OSError) as error:
        sys.exit(f'iic.py: {error}')
    except KeyboardInterrupt:
        sys.exit(130)
    print(f'{result["accuracy"]:.2%} of the test images are in the right class.')
    print(json.dumps(result))


if __name__ == '__main__':
    main()
