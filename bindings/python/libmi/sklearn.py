# SPDX-License-Identifier: BSD-2-Clause
"""For scikit-learn: invariant information clustering, and mutual information as a score."""
from __future__ import annotations

from typing import Any, Mapping

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, ClusterMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from . import score as _score
from ._errors import ArgumentError, NumericError, ShapeError
from ._features import information_scorer, mutual_information
from ._options import at_least, real, text
from ._progress import show
from .cluster import Cluster
from .context import Context
from .dataset import Dataset
from .encoder import Encoder
from .iic import joint_loss
from .optimizer import Optimizer
from .pairs import Pairs, plain

__all__ = ['IICClusterer', 'NoisyPairs', 'information_scorer', 'mutual_information']

_STEPS = 600  # of an ordinary training


class NoisyPairs:
    """What `Pairs` is for images, for vectors: as they are, and twins with noise added.

    Parameters
    ----------
    x : [n, features] float32
    seed : of order and noise
    batch : vectors a batch
    repeats : twins of each
    noise : standard deviation
    """

    def __init__(self, x: np.ndarray, seed: int, batch: int, repeats: int, noise: float) -> None:
        self._x, self._batch, self._repeats, self._noise = x, batch, repeats, noise
        self._random = np.random.default_rng(seed)
        self.batches, self.position = len(x) // batch, 0

    def next(self, out: object = None) -> tuple[np.ndarray, np.ndarray]:
        """The next batch, x [batch, 1, 1, features] and xt [batch * repeats, 1, 1, features]."""
        step = self.position % self.batches
        if step == 0:
            self._order = self._random.permutation(len(self._x))
        x = self._x[self._order[step * self._batch:(step + 1) * self._batch]]
        xt = np.repeat(x, self._repeats, axis=0)
        xt += np.float32(self._noise) * self._random.standard_normal(xt.shape, np.float32)
        self.position += 1
        return x[:, None, None], xt[:, None, None]


class IICClusterer(ClusterMixin, BaseEstimator):
    """Clusters images, or vectors, by what they have in common with altered copies of themselves.

    A network with several softmax heads learns to put a sample and its twins into one cluster,
    and to use all clusters: it maximises the mutual information between the clusters of both.

    X is of one of these shapes:

    - [n, h, w] or [n, h, w, c], square images; [n, features] if `image_shape` is given. Twins are
      rotated a little, or smaller crops. Pixels are divided by the largest seen in `fit`.
    - [n, features] otherwise, vectors. They are standardised, each feature by mean and standard
      deviation, and twins have `noise` added. Rows of pixels without `image_shape` are vectors,
      too, which is much worse: 60 % of scikit-learn's digits are right then, and 93 % with
      `image_shape=(8, 8)`.

    Parameters
    ----------
    n_clusters : how many, 2 or more
    encoder : trunk of the network, as in `libmi.Encoder`; None: 'small' for views of 16 pixels
        and more, two convolutions for smaller ones, 'mlp' for vectors
    heads : networks' heads of `n_clusters` clusters; the one of the lowest loss is used
    over_heads : heads of more clusters, which keep the others from getting stuck
    over : clusters of each of those; None: 5 * n_clusters
    epochs : times through X; None: as many as make 600 steps, at least 4
    batch_size : samples a step, fewer if X has fewer
    repeats : twins of each sample
    lambda_ : weight of the entropy of the clusters; where they are about equally large, more
        than 1 (such as 2) does better
    over_lambda : the same of over-clustering heads
    learning_rate : of Adam; falls to 0 along a cosine
    image_shape : (h, w) or (h, w, c), if X is [n, features] and a row is an image
    pairs : options of `libmi.Pairs` for images, such as {'rotation': 5}; below 16 pixels the
        defaults are whole images, crops by 1 or 2 pixels, and 10 degrees
    noise : for vectors, in standard deviations of the features
    random_state : None, a seed, or a numpy.random.RandomState
    threads : to compute with; None: as many as the process may use. Results are the same
    verbose : 1: shows how far the training is: a bar by tqdm, if that is installed, and a line an
        epoch on standard error

    Attributes
    ----------
    labels_ : [n] int32, the clusters of X, 0 being the largest
    loss_ : of the head that is used, at the end, nats
    n_iter_ : epochs made
    n_features_in_ : numbers in a sample
    image_shape_ : (h, w, c), or None for vectors
    head_ : which head is used
    cluster_, encoder_ : the handles, `libmi.Cluster` and `libmi.Encoder`
    """

    def __init__(self, n_clusters: int = 10, *, encoder: str | None = None, heads: int = 5,
                 over_heads: int = 5, over: int | None = None, epochs: int | None = None,
                 batch_size: int = 128, repeats: int = 4, lambda_: float = 1.0,
                 over_lambda: float = 1.0, learning_rate: float = 2e-3,
                 image_shape: tuple[int, ...] | None = None,
                 pairs: Mapping[str, Any] | None = None, noise: float = 0.3,
                 random_state: Any = None, threads: int | None = None,
                 verbose: int = 0) -> None:
        self.n_clusters = n_clusters
        self.encoder = encoder
        self.heads = heads
        self.over_heads = over_heads
        self.over = over
        self.epochs = epochs
        self.batch_size = batch_size
        self.repeats = repeats
        self.lambda_ = lambda_
        self.over_lambda = over_lambda
        self.learning_rate = learning_rate
        self.image_shape = image_shape
        self.pairs = pairs
        self.noise = noise
        self.random_state = random_state
        self.threads = threads
        self.verbose = verbose

    def fit(self, X: ArrayLike, y: object = None) -> IICClusterer:
        """Learns the clusters of X; y is not looked at. Ctrl-C raises KeyboardInterrupt."""
        x = self._samples(X, reset=True)
        self._check()
        if len(x) < self.n_clusters:
            raise ArgumentError(f'n_samples is {len(x)} and n_clusters {self.n_clusters}: at '
                                'least a sample for each cluster is needed')
        seed = check_random_state(self.random_state).randint(1, 2**31 - 1)
        context = Context(seed=seed, threads=self.threads or 0)
        pairs = self._pairs(x, seed, context)
        self._view = (1, 1, x.shape[1]) if self.image_shape_ is None else (
            pairs.sizes.size, pairs.sizes.size, pairs.sizes.channels)
        self._description = self._describe()
        epochs = max(4, -(-_STEPS // pairs.batches)) if self.epochs is None else self.epochs
        encoder = self._encoder(context)
        optimizer = Optimizer(encoder, rate=self.learning_rate, schedule='cosine',
                              total=epochs * pairs.batches)
        late = self.image_shape_ is not None and self.over_heads > 0
        cluster = Cluster(encoder, optimizer, classes=self.n_clusters, lambda_=self.lambda_,
                          over_lambda=self.over_lambda, late_heads=late)
        self._train(cluster, pairs, epochs * pairs.batches, late)
        self.encoder_, self.cluster_, self.head_ = encoder, cluster, cluster.selected
        self.n_iter_ = epochs
        self.loss_ = joint_loss(self._joint(pairs), self.lambda_)
        views = self._views(x, context)
        self._renumber(cluster.predict(views, self.head_))
        self.labels_ = cluster.predict(views, self.head_)
        return self

    def predict(self, X: ArrayLike) -> np.ndarray:
        """The cluster of each sample, [n] int32."""
        check_is_fitted(self)
        x = self._samples(X)
        return self.cluster_.predict(self._views(x), self.head_)

    def predict_proba(self, X: ArrayLike) -> np.ndarray:
        """The probability of each cluster, [n, n_clusters] float32."""
        check_is_fitted(self)
        x = self._samples(X)
        return self.cluster_.predict(self._views(x), self.head_, probability=True)[1]

    def score(self, X: ArrayLike, y: ArrayLike | None = None) -> float:
        """How good the clusters of X are; more is better.

        With classes y: accuracy, each cluster named by another class in the best way. Without:
        the mutual information between the clusters of samples and of twins that are drawn anew,
        the same ones each time; in nats, at most ln(n_clusters).
        """
        check_is_fitted(self)
        if y is not None:
            classes, truth = np.unique(np.asarray(y), return_inverse=True)
            counts = _score.confusion(self.predict(X), truth.astype(np.int32),
                                      self.encoder_.widths[self.head_], len(classes))
            return _score.accuracy(counts).accuracy
        return -joint_loss(self._joint(self._pairs(self._samples(X), seed=1)))

    # -- below: the parts ----------------------------------------------------------------------

    def _check(self) -> None:
        """Parameters that nothing else would refuse by their names."""
        least = {'n_clusters': 2, 'heads': 1, 'over_heads': 0, 'over': 2, 'epochs': 1,
                 'batch_size': 1, 'repeats': 1, 'threads': 0}
        for name, number in least.items():
            value = getattr(self, name)
            if value is not None or name not in ('over', 'epochs', 'threads'):
                at_least(value, name, number)
        for name in ('lambda_', 'over_lambda', 'learning_rate', 'noise'):
            value = real(getattr(self, name), name)
            if not 0 <= value < np.inf or not value and name != 'noise':
                raise ArgumentError(f'{name} is {value:g}: it has to be '
                                    f'{"0 or more" if name == "noise" else "above 0"}, and finite')
        if self.encoder is not None:
            text(self.encoder, 'encoder')
        if self.pairs is not None and not isinstance(self.pairs, Mapping):
            raise ArgumentError(f'pairs is {self.pairs!r}: a dict of options of libmi.Pairs is '
                                'needed')

    def _samples(self, X: ArrayLike, reset: bool = False) -> np.ndarray:
        """X as [n, features] float32, on the scale that the network gets."""
        a = X if hasattr(X, 'shape') else np.asarray(X)
        shape = None
        if len(a.shape) in (3, 4):
            shape = (*a.shape[1:], 1)[:3]
            X = a.reshape(a.shape[0], -1)
        x = validate_data(self, X, dtype=np.float32, order='C', reset=reset,
                          ensure_min_samples=2 if reset else 1)
        if reset:
            self.image_shape_ = self._image_shape(shape, x.shape[1])
            self._measure(x)
        return np.ascontiguousarray((x - self._mean) / self._scale, np.float32)

    def _image_shape(self, shape: tuple[int, ...] | None, features: int) -> tuple | None:
        given = self.image_shape
        if given is not None:
            if isinstance(given, str) or not np.iterable(given) or len(given) not in (2, 3):
                raise ArgumentError(f'image_shape is {given!r}: (h, w) or (h, w, c) is needed')
            for side in given:
                at_least(side, 'a side of image_shape', 1)
        if shape is None and given is not None:
            shape = (*given, 1)[:3]
            if np.prod(shape) != features:
                raise ShapeError(f'image_shape is {given}, and X has {features} features')
        if shape is not None and shape[0] != shape[1]:
            raise ShapeError(f'images of {shape[0]} x {shape[1]}: square ones are needed')
        return shape

    def _measure(self, x: np.ndarray) -> None:
        if self.image_shape_ is None:
            self._mean, deviation = x.mean(0, np.float64), x.std(0, np.float64)
        else:
            self._mean, deviation = 0., np.abs(x).max()
        if not np.all(np.isfinite(deviation)):
            raise NumericError('X has numbers too large to be standardised: scale them')
        # what is constant but for rounding has no scale
        self._scale = np.where(deviation > 1e-6 * np.abs(self._mean), deviation, 1.)

    def _describe(self) -> str:
        trunk = self.encoder
        if trunk is None:
            trunk = ('mlp' if self.image_shape_ is None else 'small' if self._view[0] >= 16 else
                     'conv 32, bn, relu, maxpool, conv 64, bn, relu')
        over = 5 * self.n_clusters if self.over is None else self.over
        return f'{trunk} | {self.heads} x softmax {self.n_clusters}' + (
            f', {self.over_heads} x softmax {over}' if self.over_heads else '')

    def _encoder(self, context: Context) -> Encoder:
        height, width, channels = self._view
        return Encoder(self._description, height=height, width=width, channels=channels,
                       context=context)

    def _dataset(self, x: np.ndarray, context: Context | None = None) -> Dataset:
        return Dataset.from_array(x.reshape(-1, *self.image_shape_), context=context)

    def _pairs(self, x: np.ndarray, seed: int, context: Context | None = None) -> Any:
        batch = min(self.batch_size, len(x))
        if self.image_shape_ is None:
            return NoisyPairs(x, seed, batch, self.repeats, self.noise)
        side, options = self.image_shape_[0], {}
        if 4 <= side < 16:  # a pixel is much
            options = {'size': side, 'crops': (side - 2, side - 1), 'rotation': 10}
        options.update(self.pairs or {})
        return Pairs(self._dataset(x, context), context=context, seed=seed, batch=batch,
                     repeats=self.repeats, **options)

    def _views(self, x: np.ndarray, context: Context | None = None) -> np.ndarray:
        """What the network sees of samples."""
        if self.image_shape_ is None:
            return x[:, None, None]
        with self._dataset(x, context) as dataset:
            return plain(dataset, self._view[0])

    def _train(self, cluster: Cluster, pairs: Any, steps: int, late: bool) -> None:
        shown = show(bool(self.verbose), 0, steps)
        try:
            for step in range(steps):
                if late and step == steps // 2:
                    cluster.restart(pairs)
                loss = f'loss {cluster.step(*pairs.next()).loss:.4f}'
                shown.step(loss)
                if (step + 1) % pairs.batches == 0:
                    shown.say(f'epoch {(step + 1) // pairs.batches}: {loss}')
        finally:
            shown.close()
        if isinstance(pairs, Pairs):
            cluster.measure(pairs)  # chooses the head more surely than running losses

    def _renumber(self, labels: np.ndarray) -> None:
        """Orders the clusters by size, so that empty ones come last."""
        sizes = np.bincount(labels, minlength=self.n_clusters)
        order = np.argsort(-sizes, kind='stable')
        for name in (f'head.{self.head_}.weight', f'head.{self.head_}.bias'):
            values = self.encoder_.parameters[name][..., order]
            self.encoder_.parameters[name] = np.ascontiguousarray(values)

    def _joint(self, pairs: Any) -> np.ndarray:
        """The joint matrix of the clusters of samples and of their twins, over an epoch."""
        joint = 0
        for _ in range(pairs.batches):
            z, zt = (self.cluster_.predict(views, self.head_, probability=True)[1]
                     for views in pairs.next())
            joint = joint + np.repeat(z, len(zt) // len(z), axis=0).T.astype(np.float64) @ zt
        return joint

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, 'head_')  # the default would take lambda_ for a sign of it

    def __getstate__(self) -> dict:
        state = dict(super().__getstate__())
        encoder = state.pop('encoder_', None)
        state.pop('cluster_', None)
        if encoder is not None:
            state['_parameters'] = dict(encoder.parameters)
        return state

    def __setstate__(self, state: dict) -> None:
        parameters = state.pop('_parameters', None)
        super().__setstate__(state)
        if parameters is not None:
            self.encoder_ = self._encoder(Context(threads=self.threads or 0))
            for name, values in parameters.items():
                self.encoder_.parameters[name] = values
            self.cluster_ = Cluster(self.encoder_)
