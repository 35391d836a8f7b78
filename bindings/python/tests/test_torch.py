# SPDX-License-Identifier: BSD-2-Clause
"""The PyTorch losses: gradients of every bound, what is computed when, copies, threads."""
from __future__ import annotations

import copy
import math
import pickle
import subprocess
import sys
import threading

import numpy as np
import pytest

torch = pytest.importorskip('torch')

import libmi  # noqa: E402 (after the skip)
from libmi import torch as losses  # noqa: E402
from torch.autograd import gradcheck, gradgradcheck  # noqa: E402

KINDS = [info.name for info in libmi.bounds()]
BASELINE = [info.name for info in libmi.bounds() if 'baseline' in info.traits]
DOUBLE = torch.float64


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(3)


def leaf(*shape, dtype=DOUBLE):
    return torch.randn(*shape, dtype=dtype).requires_grad_()


def made(module, kind, **params):
    """A loss whose value is a function of its inputs.

    The gradient of mine takes its moving average as a constant, which a batch does not move if
    as good as infinitely many are in it already.
    """
    loss = module(kind, **params)
    if kind == 'mine':
        loss.bound.set(rate=1e-12)
        loss.bound.state = (0.5, 10 ** 12)
    return loss


@pytest.mark.parametrize('kind', KINDS)
def test_gradients_of_vectors(kind):
    inputs = [leaf(5), leaf(5, 3)] + [leaf(5)] * (kind in BASELINE)
    assert gradcheck(made(losses.BoundLoss, kind), inputs)


@pytest.mark.parametrize('kind', KINDS)
def test_gradients_of_matrices(kind):
    baseline = [leaf(4)] * (kind in BASELINE)
    loss = made(losses.MatrixBoundLoss, kind)
    assert gradcheck(loss, [leaf(4, 4), *baseline])
    mask = torch.ones(4, 8, dtype=torch.bool)
    mask[0, 5] = mask[3, 0] = mask[2, 4] = False
    assert gradcheck(lambda *x: loss(*x, locations=2, mask=mask), [leaf(4, 8), *baseline])


@pytest.mark.parametrize('kind', KINDS)
def test_gradients_of_embeddings(kind):
    baseline = [leaf(4)] * (kind in BASELINE)
    temperature = torch.tensor(0.7, dtype=DOUBLE, requires_grad=True)
    loss = made(losses.EmbeddingBoundLoss, kind)

    def of(temperature, u, v, *baseline):
        return loss(u, v, *baseline, temperature=temperature, locations=2, normalize=True)
    assert gradcheck(of, [temperature, leaf(4, 3), leaf(8, 3), *baseline])


def test_gradients_with_columns():
    loss = losses.EmbeddingBoundLoss('infonce', columns=0.3)
    assert gradcheck(lambda u, v: loss(u, v, temperature=0.5), [leaf(5, 3), leaf(5, 3)])


@pytest.mark.parametrize('options', [{}, {'lambda_': 1.5, 'repeats': 2}, {'asymmetric': True}])
def test_gradients_of_iic(options):
    repeats = options.get('repeats', 1)
    loss = losses.IICLoss(**options)
    weight = torch.rand(4 * repeats, dtype=DOUBLE)
    weights = [weight, torch.rand(4 * repeats, dtype=DOUBLE)]

    def heads(*x):
        return [torch.softmax(a, 1) for a in x]
    inputs = [leaf(4, 3), leaf(4, 2), leaf(4 * repeats, 3), leaf(4 * repeats, 2)]
    for w in (weight, weights):
        assert gradcheck(lambda a, b, c, d: loss(heads(a, b), heads(c, d), w), inputs)
    assert len(loss.last.losses) == 2
    for w in (None, weight):
        assert gradcheck(lambda a, c: loss(*heads(a), *heads(c), w), inputs[::2])
    assert len(loss.last.losses) == 1


def test_gradients_of_priors():
    inputs = [leaf(4, 3), leaf(4, 3)]
    for reduce in ('sum', 'mean'):
        assert gradcheck(lambda *x: losses.kl(*x, reduce=reduce), inputs)
    assert gradcheck(lambda *x: losses.sample(*x, seed=2, draw=5), inputs)
    assert gradcheck(lambda *x: losses.adversarial('discriminator', *x), [leaf(7), leaf(2, 3)])
    for side in ('encoder', 'encoder-minimax'):
        assert gradcheck(lambda x: losses.adversarial(side, x), [leaf(7)])


def test_second_derivatives_are_refused_but_of_samples():
    bound, iic = losses.EmbeddingBoundLoss('infonce'), losses.IICLoss()
    inputs = [leaf(4, 3), leaf(4, 3)]
    for of in (bound, lambda *x: iic(*(torch.softmax(a, 1) for a in x)), losses.kl):
        with pytest.raises(libmi.UnsupportedError, match='leave create_graph out'):
            torch.autograd.grad(of(*inputs), inputs, create_graph=True)
    assert gradgradcheck(lambda *x: losses.sample(*x, seed=1), inputs)


@pytest.mark.parametrize('dtype', [torch.float32, DOUBLE])
def test_values_are_those_of_numpy(dtype):
    u, v = leaf(6, 3, dtype=dtype), leaf(6, 3, dtype=dtype)
    module = losses.EmbeddingBoundLoss('infonce', columns=0.5)
    loss = module(u, v, temperature=0.3, normalize=True)
    expected = libmi.Bound('infonce', columns=0.5).embeddings(
        u.detach().numpy(), v.detach().numpy(), temperature=0.3, normalize=True, grad=True)
    assert loss.dtype == dtype
    assert torch.equal(loss, torch.tensor(expected.loss, dtype=dtype))
    assert module.last == libmi.BoundResult(expected.estimate, expected.loss, expected.cap)
    (3 * loss).backward()
    assert torch.equal(u.grad, 3 * torch.from_numpy(expected.du))
    assert torch.equal(v.grad, 3 * torch.from_numpy(expected.dv))
    z = losses.sample(u, v, seed=7, draw=1)
    assert np.array_equal(z.detach().numpy(), libmi.prior.sample(
        u.detach().numpy(), v.detach().numpy(), seed=7, draw=1))


def test_masks_are_tensors():
    with pytest.raises(libmi.DTypeError, match='mask is a list: give a tensor'):
        losses.MatrixBoundLoss('nwj')(torch.ones(2, 2), mask=[[True, True], [True, True]])


def test_masks_and_weights_arrive():
    scores, mask = torch.randn(4, 4), torch.rand(4, 4) > 0.3
    assert losses.MatrixBoundLoss('nwj')(scores, mask=mask).item() == pytest.approx(
        libmi.Bound('nwj').matrix(scores.numpy(), mask=mask.numpy()).loss)
    z, zt = torch.rand(2, 6, 3)
    weights = [torch.rand(6), torch.rand(6)]
    assert losses.IICLoss()([z, z], [zt, zt], weights).item() == pytest.approx(
        libmi.IIC()([z.numpy()] * 2, [zt.numpy()] * 2, [w.numpy() for w in weights]).loss)


def test_backward_twice_gives_the_same():
    u, v = leaf(6, 3), leaf(6, 3)
    loss = losses.EmbeddingBoundLoss('infonce')(u, v)
    loss.backward(retain_graph=True)
    first = u.grad.clone()
    loss.backward()
    assert torch.equal(u.grad, 2 * first)


def test_only_what_is_asked_for_is_computed(monkeypatch):
    asked = []
    embeddings, iic = libmi.Bound.embeddings, libmi.IIC.__call__
    monkeypatch.setattr(libmi.Bound, 'embeddings', lambda self, *x, out, **options: (
        asked.append(sorted(out)), embeddings(self, *x, out=out, **options))[1])
    monkeypatch.setattr(libmi.IIC, '__call__', lambda self, *x, out: (
        asked.append(sorted(out)), iic(self, *x, out=out))[1])
    u, v = leaf(6, 3), leaf(6, 3)
    loss = losses.EmbeddingBoundLoss('infonce')
    loss(u.detach(), v, temperature=torch.tensor(2.))
    loss(u, v.detach(), temperature=torch.tensor(2., requires_grad=True))
    loss(u.detach(), v.detach())
    with torch.no_grad():
        loss(u, v)
    assert asked == [['dv'], ['dtemperature', 'du'], [], []]
    del asked[:]
    loss = losses.IICLoss()
    z = torch.softmax(u, 1)
    loss(z, z.detach())
    loss([z.detach(), z], [z.detach(), z.detach()])
    loss(z.detach(), z.detach())
    assert asked == [['dz'], ['dz'], []]


@pytest.mark.parametrize('shape', [(), (1,), (1, 1)])
def test_temperature_may_be_any_tensor_of_one_element(shape):
    u, v = leaf(6, 3), leaf(6, 3)
    temperature = torch.full(shape, 0.5, requires_grad=True)
    losses.EmbeddingBoundLoss('infonce')(u, v, temperature=temperature).backward()
    expected = libmi.Bound('infonce').embeddings(u.detach().numpy(), v.detach().numpy(),
                                                 temperature=0.5, grad=True).dtemperature
    assert temperature.grad.shape == shape
    assert temperature.grad.item() == pytest.approx(expected)
    fixed = losses.EmbeddingBoundLoss('infonce')(u, v, temperature=temperature.detach())
    assert fixed.requires_grad


def test_inputs_are_read_in_place():
    x = leaf(6, 3)
    assert np.shares_memory(losses.array(x), x.detach().numpy())
    wide = torch.randn(6, 8, dtype=DOUBLE)
    rows = wide[:, 2:5]
    loss = losses.EmbeddingBoundLoss('infonce')
    assert loss(rows, rows) == loss(rows.contiguous(), rows.contiguous())
    assert losses.kl(rows, rows) == losses.kl(rows.contiguous(), rows.contiguous())
    value = np.ones(3)
    assert np.shares_memory(losses.tensor(value, x).numpy(), value)


def test_what_does_not_fit_is_said():
    x, loss = torch.randn(4, 4), losses.EmbeddingBoundLoss('infonce')
    with pytest.raises(libmi.ShapeError, match=r'u has strides .* give u\.contiguous\(\)'):
        loss(x.t(), x)
    with pytest.raises(libmi.ShapeError, match=r'v has strides .* give v\.contiguous\(\)'):
        loss(x, x[:1].expand(4, 4))
    with pytest.raises(libmi.DTypeError, match=r'u is torch\.int64: .* u\.float\(\)'):
        loss(x.long(), x)
    with pytest.raises(libmi.DTypeError, match=r'u is torch\.bfloat16: .* u\.float\(\)'):
        loss(x.bfloat16(), x)
    with pytest.raises(libmi.DTypeError, match=r'v is torch\.float64 .* v\.to\(torch\.float32'):
        loss(x, x.double())
    with pytest.raises(libmi.DTypeError, match='v is .* on meta'):
        loss(x, x.to('meta'))
    with pytest.raises(libmi.DTypeError, match=r'u is a ndarray: .* torch\.as_tensor\(u\)'):
        loss(x.numpy(), x)
    with pytest.raises(libmi.DTypeError, match=r'u is torch\.sparse_coo: give u\.to_dense\(\)'):
        loss(x.to_sparse(), x)
    with pytest.raises(libmi.ShapeError, match='v has shape'):
        loss(x, x[:3])
    with pytest.raises(libmi.DTypeError, match='u is None'):
        loss(None, x)
    z = torch.softmax(x, 1)
    with pytest.raises(libmi.DTypeError, match=r'zt\[1\] is torch\.float64'):
        losses.IICLoss()([z, z], [z, z.double()])
    with pytest.raises(libmi.ShapeError, match='zt has to be a list of 2'):
        losses.IICLoss()([z, z], [z])
    with pytest.raises(libmi.ArgumentError, match='z is an empty list'):
        losses.IICLoss()([], [])
    with pytest.raises(libmi.ArgumentError, match=r'weight requires .* weight\.detach\(\)'):
        losses.IICLoss()(z, z, torch.ones(4, requires_grad=True))
    with pytest.raises(TypeError, match='it has columns; temperature, .* go to the call'):
        losses.EmbeddingBoundLoss('infonce', temperature=.1)
    with pytest.raises(libmi.ArgumentError, match='unknown|infonce'):
        losses.BoundLoss('entropy')


def test_transforms_of_torch_func_are_refused():
    x, infonce = torch.rand(2, 4, 4), losses.EmbeddingBoundLoss('infonce')
    (a, b), matrix = x, losses.MatrixBoundLoss('infonce')
    mean = torch.zeros(4, 4)
    for name, transformed in {
            'u': lambda: torch.func.grad(lambda u: infonce(u, b))(a),
            'v': lambda: torch.func.vmap(lambda v: infonce(a, v))(x),
            'temperature': lambda: torch.func.grad(
                lambda t: infonce(a, b, temperature=t))(torch.tensor(.5)),
            'scores': lambda: torch.func.vmap(matrix)(x),
            'z': lambda: torch.func.vmap(losses.IICLoss())(x, x),
            'mean': lambda: torch.func.grad(lambda m: losses.kl(m, mean))(mean),
            'log_variance': lambda: torch.func.grad(
                lambda v: losses.sample(mean, v, seed=1).sum())(mean),
            'code': lambda: torch.func.vmap(lambda c: losses.adversarial('encoder', c))(x)}.items():
        with pytest.raises(libmi.UnsupportedError, match=f'^{name} is under .* torch.autograd'):
            transformed()


def test_autocast_goes_to_float32():
    f, x = torch.nn.Linear(3, 3), torch.randn(6, 3)
    loss = losses.EmbeddingBoundLoss('infonce')
    with torch.autocast('cpu', dtype=torch.bfloat16):
        half = f(x)
        found = loss(half, x)
    assert half.dtype == torch.bfloat16 and found.dtype == torch.float32
    half.retain_grad()
    found.backward()
    same = half.detach().float().requires_grad_()
    loss(same, x).backward()
    assert torch.equal(half.grad, same.grad.bfloat16())


def test_backward_runs_on_another_thread_without_the_handle():
    u, v = leaf(6, 3), leaf(6, 3)
    module = losses.EmbeddingBoundLoss('infonce')
    module(u, v).backward()
    expected, u.grad = u.grad, None
    loss = module(u, v)
    module.bound.close()
    thread = threading.Thread(target=loss.backward)
    thread.start()
    thread.join()
    assert torch.equal(u.grad, expected)


def test_mine_moves_its_average_where_it_learns():
    loss, joint, product = losses.BoundLoss('mine', rate=0.1), leaf(8), leaf(8)
    with torch.no_grad():
        loss(joint, product)
    assert loss.bound.state.steps == 0
    loss(joint, product)
    assert loss.bound.state.steps == 1
    average = product.detach().logsumexp(0).item() - math.log(8)
    assert loss.bound.state.log_average == pytest.approx(average)


@pytest.mark.parametrize('copied', [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_copies_have_parameters_and_state_but_a_handle_of_their_own(copied):
    model = torch.nn.ModuleDict({'mine': losses.BoundLoss('mine', rate=0.25),
                                 'iic': losses.IICLoss(lambda_=1.5), 'net': torch.nn.Linear(2, 2)})
    mine = model['mine']
    mine(leaf(8), leaf(8))
    other = copied(model)
    assert other['mine'].bound is not mine.bound
    assert other['mine'].bound.params == {'diagonal': 0, 'rate': 0.25}
    assert other['mine'].bound.state == mine.bound.state and mine.bound.state.steps == 1
    assert other['mine'].last == mine.last
    mine.bound.close()
    other['mine'](leaf(8), leaf(8))
    z = torch.softmax(leaf(6, 3), 1)
    assert other['iic'](z, z) == model['iic'](z, z) != losses.IICLoss()(z, z)


def test_contexts_go_with_copies_and_not_with_pickles():
    context = libmi.Context(threads=1)
    for loss in (losses.BoundLoss('mine', context=context), losses.IICLoss(context=context)):
        assert copy.deepcopy(loss)._context is context
        with pytest.raises(TypeError, match='Context.* cannot be pickled'):
            pickle.dumps(loss)


def test_state_dict_has_the_moving_average(tmp_path):
    mine = losses.BoundLoss('mine')
    for _ in range(3):
        mine(leaf(8), leaf(8))
    torch.save(mine.state_dict(), tmp_path / 'state')
    other = losses.BoundLoss('mine')
    other.load_state_dict(torch.load(tmp_path / 'state', weights_only=True))
    assert other.bound.state == mine.bound.state and other.bound.state.steps == 3


def test_state_dict_of_kinds_without_state_is_that_of_a_model_without_the_loss():
    model = torch.nn.ModuleDict({'net': torch.nn.Linear(2, 2),
                                 'loss': losses.BoundLoss('infonce')})
    assert list(model.state_dict()) == ['net.weight', 'net.bias']
    model.load_state_dict({'net.' + name: x for name, x in model['net'].state_dict().items()})
    mine = torch.nn.ModuleDict({'loss': losses.BoundLoss('mine')})
    with pytest.raises(RuntimeError, match=r'Missing key\(s\).*loss._extra_state'):
        mine.load_state_dict({})
    mine.load_state_dict({}, strict=False)


def test_states_of_another_kind_are_refused():
    state = losses.BoundLoss('mine').state_dict()
    with pytest.raises(libmi.ArgumentError, match="state is of 'mine' and the loss is 'infonce'"):
        losses.BoundLoss('infonce').load_state_dict(state)
    for other in ({'kind': 'nwj', 'log_average': 0., 'steps': 0}, torch.zeros(2)):
        with pytest.raises(libmi.ArgumentError, match="state is of .* and the loss is 'mine'"):
            losses.BoundLoss('mine').load_state_dict({'_extra_state': other})


def test_repr_says_kind_and_parameters():
    smile = losses.BoundLoss('smile', tau=2)
    assert repr(smile) == "BoundLoss('smile', diagonal=0, shift=1, tau=2)"
    assert repr(losses.IICLoss(2.)) == 'IICLoss(lambda_=2.0, repeats=1, asymmetric=False)'


def test_the_compiler_is_not_loaded_unless_it_is_used():
    subprocess.run([sys.executable, '-c', 'import sys, torch, libmi.torch\n'
                    'libmi.torch.kl(torch.ones(2, 2), torch.ones(2, 2))\n'
                    'sys.exit("torch._dynamo" in sys.modules)'], check=True)


@pytest.mark.filterwarnings('ignore')
def test_a_compiled_step_gives_the_same_with_losses_outside_of_graphs():
    f, u, v = torch.nn.Linear(3, 3), torch.randn(6, 3), torch.randn(6, 3)
    loss = losses.EmbeddingBoundLoss('infonce')

    def step(u, v):
        return loss(f(u), f(v), temperature=0.5) * 2 + losses.kl(f(u), v)
    nodes = []

    def backend(graph, _inputs):
        nodes.extend(node.name for node in graph.graph.nodes if node.op.startswith('call'))
        return graph
    compiled = torch.compile(step, backend=backend)
    for x in (u, 2 * u):
        expected, found = step(x, v), compiled(x, v)
        assert found.item() == pytest.approx(expected.item())
        assert torch.allclose(torch.autograd.grad(found, f.weight)[0],
                              torch.autograd.grad(expected, f.weight)[0])
    assert not [name for name in nodes if name.startswith(('detach', 'numpy'))]
    assert len([name for name in nodes if name.startswith('linear')]) == 3
