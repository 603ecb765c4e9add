import fc from 'fast-check';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parsePairs } from '../../../src/recording/pair.ts';
import { createScrubber, unscrubbedPlaces } from '../../../src/recording/scrub.ts';
import { exchangeWith, forms, plantedKinds, positions, survivors } from './planted.ts';

const seed = 20_261_130;
const scrubbed = (exchange: Parameters<ReturnType<typeof createScrubber>['scrub']>[0]) =>
  createScrubber().scrub(exchange);

describe('planted secrets and personal data', () => {
  it.each(Object.keys(positions))('do not survive at the position %s', (position) => {
    for (const [kind, values] of Object.entries(plantedKinds)) {
      for (const [form, write] of Object.entries(forms)) {
        for (const { value, needles } of fc.sample(values, { seed, numRuns: 3 })) {
          const pair = scrubbed(exchangeWith(position, write(value)));
          const text = JSON.stringify(pair);
          expect({ kind, form, text, found: survivors(text, needles) }).toEqual({ kind, form, text, found: [] });
          expect(unscrubbedPlaces(pair)).toEqual([]);
        }
      }
    }
  });

  it.each(Object.entries(plantedKinds))('are found where they stand: %s', (_kind, values) => {
    // The search itself is tested: without it, a scrubber that replaces nothing would pass.
    for (const { value, needles } of fc.sample(values, { seed, numRuns: 5 }))
      for (const write of Object.values(forms))
        expect(survivors(JSON.stringify({ a: `x${write(value)}y` }), needles).length).toBeGreaterThan(0);
  });
});

describe('what a review relies on', () => {
  it.each(globSync('*.jsonl', { cwd: join(import.meta.dirname, '../../../recordings') }))(
    'holds for the recording %s: a scrubber would change nothing',
    (file) => {
      const pairs = parsePairs(readFileSync(join(import.meta.dirname, '../../../recordings', file), 'utf8'));
      expect(pairs.length).toBeGreaterThan(0);
      for (const { title: _title, isPartial: _isPartial, ...pair } of pairs) expect(unscrubbedPlaces(pair)).toEqual([]);
    },
  );
});
