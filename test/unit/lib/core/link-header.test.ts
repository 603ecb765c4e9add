import { describe, expect, it } from 'vitest';
import { nextAddress, nextLink } from '../../../../src/lib/core/outbound.ts';

const address = 'https://proxy.example/prefix/api/runs/a%40b/results?format=csv';

describe('nextAddress', () => {
  it('resolves the link of nextLink against the address of the page', () => {
    const link = nextLink({ format: 'csv', continuation: 'a-_b', limit: '5' });
    expect(nextAddress(link, address)).toBe(
      'https://proxy.example/prefix/api/runs/a%40b/results?format=csv&continuation=a-_b&limit=5',
    );
  });

  it.each([
    ['<https://x.example/2>; rel="next"', 'https://x.example/2'],
    ['<https://x.example/0>; rel="prev", <https://x.example/2>; rel="next"', 'https://x.example/2'],
    ['<?n=2>;rel=next', 'https://proxy.example/prefix/api/runs/a%40b/results?n=2'],
    ['<https://x.example/0>; rel="prev"', undefined],
    ['', undefined],
    [null, undefined],
  ])('reads %j as %s', (link, expected) => {
    expect(nextAddress(link, address)).toBe(expected);
  });
});
