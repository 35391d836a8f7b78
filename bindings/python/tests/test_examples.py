# SPDX-License-Identifier: BSD-2-Clause
"""The examples, as users run them."""
import json
import pathlib
import subprocess
import sys

import pytest

FOLDER = pathlib.Path(__file__).parent.parent / 'examples'

if not FOLDER.is_dir():
    pytest.skip('there is no source tree with examples', allow_module_level=True)


def run(name, *arguments, text=None):
    return subprocess.run([sys.executable, FOLDER / name, *map(str, arguments)], text=True,
                          capture_output=True, input=text)


def result(done):
    """What the JSON of the last line says."""
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def refused(done, words):
    """One line says what is wrong."""
    assert done.returncode not in (0, -11, -6)
    assert done.stdout == ''
    assert done.stderr.count('\n') == 1 and words in done.stderr, done.stderr


def test_assign(tmp_path):
    assert result(run('assign.py', text='4 1 3\n2 0 5\n\n3,2,2\n')) == {
        'row_to_col': [1, 0, 2], 'total': 5}
    (tmp_path / 'm').write_text('1 2\n3 9\n0 0\n')
    assert result(run('assign.py', tmp_path / 'm', '--maximize')) == {
        'row_to_col': [0, 1, -1], 'total': 10}


@pytest.mark.parametrize('text, words', [('1 2\n3\n', '[1, 2]'), ('', 'one or more'),
                                         ('1 x\n', 'x'), ('1 nan\n', 'is nan')])
def test_assign_refuses(text, words):
    refused(run('assign.py', text=text), words)
    refused(run('assign.py', '/nonexistent/file'), '/nonexistent/file')


def test_host_loop_comes_near_the_truth():
    told = result(run('host_loop.py', '--steps', 300))
    assert told['truth'] == 1.0217
    assert 0.85 < told['infonce'] < 1.03 and 0.85 < told['dv'] < 1.1
    assert abs(result(run('host_loop.py', '--steps', 300, '--correlation', 0))['infonce']) < 0.05


def test_host_loop_refuses():
    refused(run('host_loop.py', '--correlation', 1), 'between -1 and 1')


def test_iic(tmp_path):
    told = result(run('iic.py', '--images', 512, '--encoder', 'conv 8 3x3 stride 2, bn, relu',
                      '--epochs', 4, '--out', tmp_path / 'new' / 'out'))
    assert told['accuracy'] > 0.15 and told['loss'] < -0.1
    files = {path.name for path in (tmp_path / 'new' / 'out').iterdir()}
    pictures = {'curves.png', 'clusters.png', 'confusion.png'}
    assert files - pictures == {'metrics.csv', 'clustering.safetensors'}
    try:
        import matplotlib
    except ImportError:
        pictures = set()
    assert files & pictures == pictures


def test_iic_refuses(tmp_path):
    refused(run('iic.py', '--data', tmp_path / 'nothing'), 'nothing')
    refused(run('iic.py', '--images', 256, '--encoder', 'conf 8'), 'conf')


def test_infomax(tmp_path):
    small = ('--encoder', 'conv 16 4x4 stride 2, bn, relu, tap, conv 32 4x4 stride 2, bn, relu, gap',
             '--code', 16, '--units', 32, '--size', 16)
    for views in 1, 2:
        told = result(run('infomax.py', '--images', 512, *small, '--epochs', 3, '--views', views,
                          '--save', tmp_path / 'run'))
        assert told['views'] == views and told['epochs'] == 3
        assert told['probe_conv'] > .7 and told['probe_fc'] > .35 and told['probe_code'] > .3
        assert told['neighbours'] > .25 and (tmp_path / 'run').exists()
    pixels = bytes(range(256)) * 13
    for i, name in enumerate((*(f'data_batch_{i}' for i in range(1, 6)), 'test_batch')):
        (tmp_path / f'{name}.bin').write_bytes(b''.join(
            bytes([label]) + pixels[label + i:][:3072] for label in (0, 1)))
    told = result(run('infomax.py', '--data', tmp_path, *small, '--epochs', 1, '--batch', 5,
                      '--neighbours', 3))
    assert 0 <= told['probe_code'] <= 1


def test_infomax_refuses(tmp_path):
    refused(run('infomax.py', '--data', tmp_path / 'nothing'), 'nothing')
    refused(run('infomax.py', '--images', 256, '--encoder', 'conv 8, gap'), 'tap')


TABLE = 'size, kind ,noise\n' + ''.join(
    f'{(i * 37 % 101) / 50 + i % 2 * 2},{"ab"[i % 2]},{i * 59 % 97}\n' for i in range(200))


def test_estimate(tmp_path):
    (tmp_path / 'table.csv').write_text(TABLE)
    done = run('estimate.py', tmp_path / 'table.csv', 'kind', '--unit', 'bits')
    told = result(done)
    assert list(told) == ['size', 'noise'] and told['size'] > .8 > .2 > told['noise']
    lines = done.stdout.splitlines()
    assert lines[0].startswith('size ') and ' bits (' in lines[0] and '95 %' in lines[0]
    given = result(run('estimate.py', '-', 'size', '--given', 'noise', '--method', 'histogram',
                       text=TABLE.replace('a,', '0,').replace('b,', '1,')))
    assert list(given) == ['kind']


def test_estimate_refuses(tmp_path):
    for text, words in ((TABLE, "no column 'price': they are size, kind, noise"),
                        ('a,b\n1\n', 'lines of as many values'), ('', 'a line of names'),
                        ('price,b\n1,2\nnan,3\n2,3\n', 'y[1] is')):
        refused(run('estimate.py', '-', 'price', text=text), words)
    refused(run('estimate.py', tmp_path / 'nothing', 'x'), 'nothing')


def test_mine_gaussian(tmp_path):
    done = run('mine_gaussian.py', '--rho', .5, '--steps', 400, '--out', tmp_path / 'curve.csv')
    told = result(done)
    assert told['exact'] == .143841 and abs(told['histogram'] - .1438) < .004
    assert abs(told['network'] - .1438) < .03
    lines = (tmp_path / 'curve.csv').read_text().splitlines()
    assert lines[0] == 'step,estimate' and len(lines) == 401
    assert 'histogram' not in result(run('mine_gaussian.py', '--dim', 3, '--steps', 5,
                                         '--bound', 'infonce', '--batch', 50))


def test_mine_gaussian_refuses(tmp_path):
    refused(run('mine_gaussian.py', '--rho', 1), 'between -1 and 1')
    refused(run('mine_gaussian.py', '--steps', 2, '--bound', 'nonsense'), 'nonsense')


@pytest.mark.parametrize('package', ['torch', 'jax'])
def test_infonce_in_frameworks(package):
    name = f'{package}_infonce.py'
    if not (FOLDER / name).exists():
        pytest.skip(f'there is no {name}')
    pytest.importorskip(package)
    done = run(name, '--steps', 20)
    assert done.returncode == 0, done.stderr
    assert 'nats' in done.stdout
