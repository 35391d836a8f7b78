# SPDX-License-Identifier: BSD-2-Clause
"""Learns representations of images without a label, by Deep InfoMax, and measures them.

    python infomax.py                           the drawn digits that libmi brings along
    python infomax.py --data cifar-10-batches-bin --epochs 20
                                                a directory with the binary files of CIFAR-10, or
                                                any other that Dataset.open reads

Labels are read to measure the result, never to learn.
"""
import argparse
import json
import sys

import libmi


def measure(infomax, train, test, size, neighbours):
    """How many of the test images classifiers get right that know the training images."""
    seen, new = (libmi.plain(part, size) for part in (train, test))
    known, truth = (part.read(pixels=False).labels for part in (train, test))
    told = {}
    for level, width in infomax.widths._asdict().items():
        features = infomax.encode(seen, level)
        probe = libmi.Probe(width, train.classes)
        probe.fit(features, known)
        told[f'probe_{level}'] = probe.accuracy(infomax.encode(new, level), truth)
    found = libmi.nearest.search(infomax.encode(seen), infomax.encode(new), neighbours)
    told['neighbours'] = libmi.nearest.accuracy(found, known, truth)
    return told


def run(options):
    context = libmi.Context(seed=options.seed, threads=options.threads)
    if options.images:
        train = libmi.Dataset.digits(options.images, seed=options.seed, context=context)
        test = libmi.Dataset.digits(1000, seed=options.seed, first=2 ** 40, context=context)
    else:
        train, test = (libmi.Dataset.open(options.data, split, context=context)
                       for split in ('train', 'test'))
    flip = 0 if train.shape[3] == 1 else None  # a mirrored digit is another thing
    pairs = libmi.Pairs(train, recipe='natural', batch=options.batch, size=options.size,
                        flip_share=flip, context=context)
    size, channels = pairs.sizes.size, pairs.sizes.channels
    encoder = libmi.Encoder(f'{options.encoder} | linear {options.code}', height=size,
                            channels=channels, context=context)
    optimizer = libmi.Optimizer(encoder, schedule='cosine', total=options.epochs * pairs.batches)
    infomax = libmi.Infomax(encoder, optimizer, alpha=options.alpha, beta=options.beta,
                            global_bound=options.bound, local_bound=options.bound,
                            units=options.units)
    history = infomax.fit(pairs, options.epochs, views=options.views, progress=True)
    if options.save:
        infomax.save(options.save, pairs)
    return {**measure(infomax, train, test, size, options.neighbours), 'loss': history[-1].loss,
            'local': history[-1].local_estimate, 'epochs': options.epochs, 'views': options.views}


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0])
    parser.add_argument('--data', default='builtin', help='builtin, or a directory')
    parser.add_argument('--images', type=int, default=0,
                        help='train on this many drawn digits instead')
    parser.add_argument('--encoder', default='infomax', help='trunk of the network, with a tap')
    parser.add_argument('--code', type=int, default=64, help='numbers of a code')
    parser.add_argument('--bound', default='infonce', help='such as jsd, dv')
    parser.add_argument('--alpha', type=float, default=0, help='weight of the global term')
    parser.add_argument('--beta', type=float, default=1, help='weight of the local term')
    parser.add_argument('--units', type=int, default=512, help='hidden units of critics')
    parser.add_argument('--views', type=int, default=2, choices=(1, 2), help='of each image')
    parser.add_argument('--size', type=int, help='side of views; default: of the images')
    parser.add_argument('--batch', type=int, default=64, help='images of a step')
    parser.add_argument('--epochs', type=int, default=10)
    parser.add_argument('--neighbours', type=int, default=20, help='that vote')
    parser.add_argument('--seed', type=int, default=0, help='of weights, order and views')
    parser.add_argument('--threads', type=int, default=0, help='0: all processors')
    parser.add_argument('--save', help='write a checkpoint to this file')
    try:
        result = run(parser.parse_args())
    except (libmi.Error, OSError) as error:
        sys.exit(f'infomax.py: {error}')
    except KeyboardInterrupt:
        sys.exit(130)
    print(f'A linear classifier of codes puts {result["probe_code"]:.2%} of the test images into '
          'the right class.')
    print(json.dumps(result))


if __name__ == '__main__':
    main()
