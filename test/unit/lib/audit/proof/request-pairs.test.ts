import { describe, expect, it } from 'vitest';
import { RequestPairs } from '../../../../../src/lib/audit/proof/request-pairs.ts';

describe('the records of a request', () => {
  const begun = (record: Readonly<Record<string, unknown>>) => {
    const pairs = new RequestPairs<string>();
    pairs.begin({ tokenId: 'one', ...record }, 'made');
    return pairs;
  };

  it.each([
    ['a request', { outcome: 'sent' }, 'answered'],
    ['a request', { outcome: 'sent' }, 'failed'],
    ['a change of tags', { kind: 'tags', outcome: 'changed' }, 'failed'],
  ])('are paired for %s (%j, %s), once', (_, before, outcome) => {
    const pairs = begun(before);
    expect(pairs.endedBy({ tokenId: 'other', outcome })).toBeUndefined();
    expect(pairs.endedBy({ tokenId: 'one', outcome })).toBe('made');
    expect(pairs.endedBy({ tokenId: 'one', outcome })).toBeUndefined();
  });

  it.each([
    ['the first says that it ended', { outcome: 'issued' }, { tokenId: 'one', outcome: 'failed' }],
    ['the first is no request', { kind: 'approval', outcome: 'changed' }, { tokenId: 'one', outcome: 'failed' }],
    ['the second says nothing of an end', { outcome: 'sent' }, { tokenId: 'one', outcome: 'issued' }],
    ['neither has an id', { tokenId: undefined, outcome: 'sent' }, { outcome: 'answered' }],
  ])('are no pair if %s', (_, before, after) => {
    expect(begun(before).endedBy(after)).toBeUndefined();
  });
});
