import { expect, it } from 'vitest';
import { readExposition } from '../../support/read-exposition.ts';

const gauge = (...lines: readonly string[]): string => `# HELP g Help.\n# TYPE g gauge\n${lines.join('\n')}\n`;
const histogram = (...lines: readonly string[]): string =>
  `# HELP h Help.\n# TYPE h histogram\n${lines.map((line) => `h_${line}`).join('\n')}\n`;
const rest = ['sum 1', 'count 2'];

it('reads samples, labels and escapes', () => {
  expect(readExposition(gauge('g{a="x",b="\\"\\\\\\n}, "} +Inf', 'g{a="y",b=""} -1.5e3'))).toEqual([
    {
      name: 'g',
      type: 'gauge',
      help: 'Help.',
      samples: [
        { name: 'g', labels: { a: 'x', b: '"\\\n}, ' }, value: Infinity },
        { name: 'g', labels: { a: 'y', b: '' }, value: -1500 },
      ],
    },
  ]);
  expect(readExposition(histogram('bucket{le="1"} 1', 'bucket{le="+Inf"} 2', ...rest))[0]?.samples).toHaveLength(4);
});

it.each([
  ['the last line has no end', 'g 1'],
  ['a line before a TYPE', 'g 1\n'],
  ['two groups', gauge('g 1') + gauge('g 1')],
  ['TYPE of g is late', gauge('g 1', '# TYPE g gauge')],
  ['no type', '# HELP g H.\n# TYPE g number\ng 1\n'],
  ['no name of a metric', '# HELP 1g H.\n'],
  ['wrong escape', '# HELP g \\x\n'],
  ['no number', gauge('g one')],
  ['no number', gauge('g Infinity')],
  ['no sample', gauge('g  1')],
  ['no sample', gauge('g 1 2')],
  ['no labels', gauge('g{a="\\t"} 1')],
  ['no labels', gauge('g{a=1} 1')],
  ['the label a twice', gauge('g{a="1",a="1"} 1')],
  ['job is no label', gauge('g{job="x"} 1')],
  ['__a is no label', gauge('g{__a="x"} 1')],
  ['le is no label', gauge('g{le="x"} 1')],
  ['a sample twice', gauge('g{a="1",b="2"} 1', 'g{b="2",a="1"} 1')],
  ['with other labels', gauge('g{a="1"} 1', 'g 1')],
  ['not of g', gauge('gg 1')],
  ['has no sample', '# HELP g H.\n# TYPE g gauge\n'],
  ['end in _total', '# HELP c H.\n# TYPE c counter\nc 1\n'],
  ['end in _total', '# HELP c_total H.\n# TYPE c_total gauge\nc_total 1\n'],
  ['falls', '# HELP c_total H.\n# TYPE c_total counter\nc_total -1\n'],
  ['not of h', histogram('bucket{le="+Inf"} 2', ...rest, 'max 1')],
  ['+Inf is not the count', histogram('bucket{le="1"} 2', ...rest)],
  ['+Inf is not the count', histogram('bucket{le="+Inf"} 1', ...rest)],
  ['buckets are not cumulative', histogram('bucket{le="1"} 3', 'bucket{le="+Inf"} 2', ...rest)],
  ['bounds do not rise', histogram('bucket{le="2"} 1', 'bucket{le="1"} 1', 'bucket{le="+Inf"} 2', ...rest)],
  ['bounds do not rise', histogram('bucket 2', ...rest)],
  ['has no _sum', histogram('bucket{le="+Inf"} 2', 'count 2')],
  ['has no _count', histogram('bucket{le="+Inf"} 2', 'sum 2')],
])('refuses what breaks the rule: %s', (rule, text) => {
  expect(() => readExposition(text)).toThrow(rule);
});
