import { expect, it } from 'vitest';
import { Counter, Histogram } from '../../../../src/lib/core/metrics.ts';

it('counts each combination of labels', () => {
  const counter = new Counter(['outcome', 'code']);
  counter.add('issued', '');
  counter.add('denied', 'busy');
  counter.add('issued', '');
  expect(counter.samples).toEqual([
    { labels: ['issued', ''], value: 2 },
    { labels: ['denied', 'busy'], value: 1 },
  ]);
});

it('holds at most a thousand combinations, and counts the others as one', () => {
  const counter = new Counter(['name']);
  for (let number = 0; number < 2_500; number += 1) counter.add(String(number));
  counter.add('7');
  expect(counter.samples).toHaveLength(1_001);
  expect(counter.samples.find(({ labels: [name] }) => name === '')?.value).toBe(1_500);
  expect(counter.samples.find(({ labels: [name] }) => name === '7')?.value).toBe(2);
});

it('puts an observation into the first bucket whose bound it does not exceed', () => {
  const histogram = new Histogram(['outcome'], [0.1, 1]);
  for (const seconds of [0, 0.1, 0.100_1, 1, 1.5, 60]) histogram.observe(seconds, 'ok');
  expect(histogram.samples).toEqual([{ labels: ['ok'], value: { counts: [2, 2, 2], sum: 62.700_1 } }]);
});
