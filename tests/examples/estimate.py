# SPDX-License-Identifier: BSD-2-Clause
"""The example as its users run it: tables of every kind, and what is wrong with them.

usage: estimate.py PROGRAM"""
import json
import math
import os
import pathlib
import pty
import random
import re
import signal
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / 'abi'))
from tap import Tap  # noqa: E402

PROGRAM = sys.argv[1]


class Check(Tap):
    def ok(self, holds, name, seen=''):
        self.point(name, [] if holds else ['seen: %s' % (seen,)])


def run(*args):
    return subprocess.run([PROGRAM, *map(str, args)], capture_output=True, text=True, timeout=300)


def last_json(done):
    return json.loads(done.stdout.strip().split('\n')[-1])


def table(path, rows, separator=',', end='\n', header='a,b,c,group', decimal='.'):
    """b follows a, c is alone, group tells the sign of a."""
    rng = random.Random(1)
    lines = [header.replace(',', separator)] if header else []
    for _ in range(rows):
        a = rng.gauss(0, 1)
        b = 0.8 * a + 0.6 * rng.gauss(0, 1)
        fields = ['%.6f' % v for v in (a, b, rng.gauss(0, 1))] + ['up' if a > 0 else 'down']
        lines.append(separator.join(f.replace('.', decimal) for f in fields))
    path.write_bytes((end.join(lines) + end).encode())
    return path


def check_methods(tap, work):
    path = table(work / 'plain.csv', 1000)
    names = 'auto,discrete,histogram,ksg,ksg2,ross,gao,gaussian,copula,student,canonical'
    done = run(path, '--x', 'a', '--y', 'b', '--methods', names, '--resamples', 20, '--permutations', 19)
    tap.ok(done.returncode == 0, 'a run ends with 0', done.stderr)
    result = last_json(done)
    by = {e['asked']: e for e in result['estimates']}
    tap.ok(len(by) == 11 and result['x'] == ['a'] and result['unit'] == 'nats' and result['dropped'] == 0,
           'JSON has every method', result)
    for name in ('auto', 'ksg', 'ksg2', 'gaussian', 'copula', 'gao', 'student', 'canonical'):
        e = by[name]
        tap.ok(abs(e['value'] - 0.5108) < 0.12 and e['low'] < e['value'] < e['high'] and e['p_value'] == 0.05,
               name + ' finds what is known', e)
    tap.ok('numbers' in by['ross']['problem'], 'what a method cannot is told', by['ross'])
    tap.ok(all('\n%s ' % name in done.stdout for name in by), 'and all stand in the table', done.stdout)
    done = run(path, '--x', 'a', '--y', 'b', '--methods', 'all')
    tap.ok(done.stderr == '', 'where no terminal is, nothing is shown', done.stderr)
    every = last_json(done)['estimates']
    tap.ok(len(every) == 12 and all(e['value'] == by[e['asked']]['value'] for e in every
                                    if e['asked'] in by and 'value' in e), 'all are all, and the same', every)
    tap.ok(abs(next(e for e in every if e['asked'] == 'neural')['value'] - 0.5108) < 0.12, 'a network too', every)
    bits = last_json(run(path, '--x', 'a', '--y', 'b', '--methods', 'ksg', '--unit', 'bits'))
    tap.ok(abs(bits['estimates'][0]['value'] * math.log(2) - by['ksg']['value']) < 1e-6, 'bits are bits', bits)
    equal = last_json(run(path, '--x', 'a', '--y', 'b', '--methods', 'histogram', '--bin-kind', 'quantile'))
    tap.ok(abs(equal['estimates'][0]['value'] - 0.5108) < 0.12 and
           equal['estimates'][0]['value'] != by['histogram']['value'], 'cells of equal counts', equal)
    fair = {word: last_json(run(path, '--x', 'a', '--y', 'b', '--methods', 'histogram', '--correction',
                                word))['estimates'][0]['value']
            for word in ('none', 'miller-madow', 'grassberger')}
    tap.ok(fair['none'] == by['histogram']['value'] > fair['miller-madow'] + 0.01 and fair['miller-madow'] >
           fair['grassberger'] > 0.42, 'corrections', fair)
    two = last_json(run(path, '--x', 'a,c', '--y', '2', '--given', 'group'))
    tap.ok(two['x'] == ['a', 'c'] and two['y'] == ['b'] and two['given'] == ['group'],
           'columns go by name or number, several together', two)
    tap.ok(two['estimates'][0]['method'] == 'gao', 'numbers given a name', two)
    again = run(path, '--x', 'a', '--y', 'b', '--methods', 'ksg', '--resamples', 20, '--threads', 1)
    same = run(path, '--x', 'a', '--y', 'b', '--methods', 'ksg', '--resamples', 20, '--threads', 3)
    other = run(path, '--x', 'a', '--y', 'b', '--methods', 'ksg', '--resamples', 20, '--seed', 5)
    tap.ok(again.stdout == same.stdout != other.stdout, 'the same seed, the same lines')


def check_many(tap, work):
    path = table(work / 'plain.csv', 600)
    done = run(path, '--y', 'b', '--resamples', 10)
    names = [c['name'] for c in last_json(done)['columns']]
    tap.ok(done.returncode == 0 and names == ['a', 'group', 'c'], 'one column: the others by what they tell',
           done.stdout + done.stderr)
    done = run(path, '--out', work / 'out')
    result = last_json(done)
    values = result['values']
    tap.ok(done.returncode == 0 and result['columns'] == ['a', 'b', 'c', 'group'], 'none: all about all', done.stderr)
    tap.ok(all(values[i][j] == values[j][i] for i in range(4) for j in range(4)) and values[0][0] is None,
           'as a symmetric matrix', values)
    tap.ok(abs(values[0][1] - 0.51) < 0.1 and abs(values[0][2]) < 0.1 and abs(values[0][3] - math.log(2)) < 0.1,
           'with what is known', values)
    tap.ok((work / 'out/matrix.png').read_bytes()[:8] == b'\x89PNG\r\n\x1a\n', 'matrix.png is a picture')
    lines = (work / 'out/matrix.csv').read_text().split('\n')
    tap.ok(lines[0] == ',a,b,c,group' and lines[1].startswith('a,,0.') and len(lines) == 6, 'matrix.csv', lines)
    some = last_json(run(path, '--matrix', '--x', 'c,a'))
    tap.ok(some['columns'] == ['c', 'a'] and some['values'][0][1] == values[2][0], '--matrix of some columns', some)


def check_dialects(tap, work):
    want = last_json(run(table(work / 't.csv', 300), '--x', 'a', '--y', 'b'))['estimates'][0]['value']
    for name, more in (('semicolons', dict(separator=';')), ('tabs', dict(separator='\t')),
                       ('CRLF', dict(end='\r\n')), ('old Macintosh', dict(end='\r')),
                       ('decimal commas', dict(separator=';', decimal=',')),
                       ('a byte order mark', dict(header='\ufeffa,b,c,group')),
                       ('quoted names', dict(header='"a","b","c","gr""oup"')),
                       ('blanks', dict(header=' a , b,c ,group'))):
        done = run(table(work / 't.csv', 300, **more), '--x', 'a', '--y', 'b')
        tap.ok(done.returncode == 0 and last_json(done)['estimates'][0]['value'] == want, name,
               done.stdout + done.stderr)
    done = run(table(work / 't.csv', 300, header=''), '--x', '1', '--y', '2')
    tap.ok(done.returncode == 0 and last_json(done)['estimates'][0]['value'] == want, 'no line of names', done.stderr)
    path = work / 'q.csv'
    rows = ''.join('"%d ""x"", %d\nmore",%g,%s\n' % (i % 3, i % 3, i % 3 + (i * 37 % 101) / 50, i % 3) for i in range(90))
    path.write_text('"name, of it",n,w\n\n' + rows)
    done = run(path)
    tap.ok(done.returncode == 0 and last_json(done)['columns'] == ['name, of it', 'n', 'w'],
           'separators, quotes and ends of lines within quotes', done.stderr)
    tap.ok(abs(last_json(done)['values'][0][2] - math.log(3)) < 1e-6, 'text is names', done.stdout)
    path.write_text('a,b\n' + ''.join('%s,%d\n' % (v, i % 7) for i, v in
                                      enumerate(['1.5', 'NA', '2.5', '', 'NaN', '3', 'null', '?', '9.25'] * 10)))
    done = run(path, '--x', 'a', '--y', 'b', '--methods', 'discrete')
    tap.ok(last_json(done)['dropped'] == 50 and '50 of 90 rows are left out' in done.stdout,
           'rows that lack a value are left out, and counted', done.stdout)
    path.write_text('a,b\n' + ''.join('%s,%g\n' % ('oops' if i == 40 else i * .37, i) for i in range(100)))
    done = run(path, '--x', 'a', '--y', 'b')
    tap.ok('because of 1 of 100 fields, such as "oops" in line 42' in done.stdout,
           'a slip among numbers is told', done.stdout)


def interrupt(text, *args):
    """Ctrl-C as soon as such a text stands on the terminal. What came out, and all that stood there."""
    master, terminal = pty.openpty()
    child = subprocess.Popen([PROGRAM, *map(str, args)], stdout=subprocess.PIPE, stderr=terminal, text=True)
    os.close(terminal)
    shown = b''
    try:
        while not re.search(text, shown):
            shown += os.read(master, 1000)
        child.send_signal(signal.SIGINT)
        out, _ = child.communicate(timeout=120)
        while True:
            shown += os.read(master, 1000)
    except OSError: # the other end is closed
        pass
    finally:
        child.kill()
        os.close(master)
    return subprocess.CompletedProcess(args, child.returncode, out, shown.decode())


def check_interrupt(tap, work):
    path = table(work / 'long.csv', 2000)
    pair = ['--x', 'a', '--y', 'b', '--permutations', 30, '--threads', 1]
    plain = last_json(run(path, *pair, '--methods', 'gaussian'))
    done = interrupt(rb'2 of 2 \d+ % \S+ left ', path, *pair, '--methods', 'gaussian,neural')
    found = last_json(done)
    tap.ok(done.returncode == 130 and 'Interrupted' in done.stdout and found['interrupted'], 'Ctrl-C ends with 130', done)
    tap.ok(re.search(r'method: 2 of 2 \d+ % \d+:\d\d left ', done.stderr) and done.stderr.endswith('\r\033[K'),
           'what takes long is shown on a terminal, and wiped away', done)
    tap.ok(found['estimates'] == plain['estimates'] and not plain['interrupted'], 'what was finished is told', done)
    path, network = table(work / 'quick.csv', 300), ['--methods', 'neural', '--threads', 1]
    done = interrupt(b'column: 3 of 4', path, '--y', 'b', *network)
    tap.ok(done.returncode == 130 and last_json(done)['interrupted'] and
           [c['name'] for c in last_json(done)['columns']] == ['a'], 'columns that were', done)
    done = interrupt(b'pair: 2 of 6', path, *network, '--out', work / 'cut')
    values = last_json(done)['values']
    tap.ok(done.returncode == 130 and last_json(done)['interrupted'] and values[0][1] == values[1][0] > 0.3 and
           sum(v is None for row in values for v in row) == 14, 'and pairs', done)
    tap.ok((work / 'cut/matrix.csv').read_text().count('0.') == 2, 'in the files, too', done)
    done = interrupt(b'column: 1 of 4', path, '--y', 'b', *network)
    tap.ok(done.returncode == 130 and last_json(done)['columns'] == [], 'none at all', done)


def check_mistakes(tap, work):
    def file(name, data):
        path = work / name
        path.write_bytes(data)
        return path
    plain = table(work / 'plain.csv', 50)
    cases = [
        ([], 0, ''), # help
        (['--x', 'a'], 2, 'first argument'),
        (['/no/such.csv'], 1, '/no/such.csv: No such file'),
        ([work], 1, 'Is a directory'),
        ([file('empty.csv', b'')], 1, 'empty.csv: the file is empty'),
        ([file('blank.csv', b'\n \n\r\n')], 1, 'the file is empty'),
        ([file('names.csv', b'a,b\n')], 1, 'no rows'),
        ([file('one.csv', b'a\n1\n2\n')], 2, 'only one column'),
        ([file('ragged.csv', b'a,b\n1,2\n3\n')], 1, 'line 3 has 1 fields, the first has 2'),
        ([file('wide.csv', b'a,b\n1,2\n\n3,4,5\n')], 1, 'line 4 has 3 fields'),
        ([file('quote.csv', b'a,b\n1,"2\n3,4\n')], 1, 'line 2: a quote is never closed'),
        ([file('behind.csv', b'a,b\n1,"2"3\n')], 1, 'line 2: text behind a closing quote'),
        ([file('zero.csv', b'a,b\n1,2\n3,\x004\n')], 1, 'line 3 has a zero byte'),
        ([file('utf16.csv', 'a,b\n1,2\n'.encode('utf-16'))], 1, 'UTF-16'),
        ([file('huge.csv', b'a,b\n1,2\n1e999,4\n5,6\n'), '--x', 'a', '--y', 'b'], 1, 'line 3, column a'),
        ([file('inf.csv', b'a,b\n1,2\n4,-inf\n5,6\n'), '--x', 'a', '--y', 'b'], 1, '-inf: line 3, column b'),
        ([file('none.csv', b'a,b\nNA,2\n4,NA\n'), '--x', 'a', '--y', 'b'], 1, 'no row is left'),
        ([file('twice.csv', b'a,a\n1,2\n3,4\n'), '--x', 'a', '--y', '2'], 2, 'several columns'),
        ([plain, '--x', 'q', '--y', 'b'], 2, 'q: no such column'),
        ([plain, '--x', '0', '--y', 'b'], 2, '0: no such column'),
        ([plain, '--x', '', '--y', 'b'], 2, 'no column'),
        ([plain, '--x', 'a,group', '--y', 'b'], 2, "can't be one variable"),
        ([plain, '--x', 'a', '--y', 'b', '--methods', 'magic'], 2, 'magic: no such method'),
        ([plain, '--x', 'a', '--y', 'b', '--methods', ''], 2, 'none is named'),
        ([plain, '--y', 'b', '--methods', 'ksg,gao'], 2, 'several'),
        ([plain, '--x', 'a', '--y', 'b', '--unit', 'bytes'], 2, 'bytes'),
        ([plain, '--x', 'a', '--y', 'b', '--bin-kind', 'depth'], 2, 'depth: cells are by width or quantile'),
        ([plain, '--x', 'a', '--y', 'b', '--correction', 'red'], 2, 'red: no such correction'),
        ([plain, '--x', 'a', '--y', 'b', '--k', 'many'], 2, 'many'),
        ([plain, '--x', 'a', '--y', 'b', '--nonsense'], 2, '--nonsense'),
        ([plain, '--matrix', '--y', 'b'], 2, 'matrix'),
        ([plain, '--out', '/proc/nowhere'], 1, '/proc/nowhere'),
    ]
    for args, status, text in cases:
        done = run(*args)
        lines = done.stderr.strip().split('\n')
        tap.ok(done.returncode == status and len(lines) == 1 and text in lines[0],
               'a clear line for ' + ' '.join(pathlib.Path(str(a)).name for a in args),
               '%s: %s%s' % (done.returncode, done.stderr, done.stdout[:300]))
    done = run(plain, '--x', 'a', '--y', 'b', '--methods', 'ksg', '--k', '60')
    tap.ok(done.returncode == 1 and 'k must be below the 50 samples' in done.stdout and
           'problem' in last_json(done)['estimates'][0], 'if no method can, the status says so', done.stdout)
    constant = file('constant.csv', b'a,b\n' + b''.join(b'7,%d.5\n' % i for i in range(30)))
    done = run(constant, '--x', 'a', '--y', 'b')
    tap.ok(done.returncode == 0 and last_json(done)['estimates'][0]['value'] == 0 and 'one value' in done.stdout,
           'a constant column tells nothing, with a warning', done.stdout)


def main():
    tap = Check()
    with tempfile.TemporaryDirectory() as directory:
        work = pathlib.Path(directory)
        done = run('--help')
        tap.ok(done.returncode == 0 and '--permutations' in done.stdout, '--help')
        check_methods(tap, work)
        check_many(tap, work)
        check_dialects(tap, work)
        check_interrupt(tap, work)
        check_mistakes(tap, work)
    tap.end()


main()
