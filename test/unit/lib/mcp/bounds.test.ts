import { describe, expect, it } from 'vitest';
import { fit, shortened, sizeOf } from '../../../../src/lib/mcp/bounds.ts';

const items = Array.from({ length: 10 }, (_, index) => ({ index, text: 'x'.repeat(80) }));

describe('fit', () => {
  it('returns all items that fit', () => {
    expect(fit(items, 5_000)).toEqual({ items, cut: false });
    expect(fit([], 10)).toEqual({ items: [], cut: false });
  });

  it.each([300, 500, 900])('returns the items from the start that fit into %i bytes', (most) => {
    const { items: kept, cut } = fit(items, most);
    expect(cut).toBe(true);
    expect(kept).toEqual(items.slice(0, kept.length));
    expect(sizeOf(kept)).toBeLessThanOrEqual(most);
    expect(sizeOf(items.slice(0, kept.length + 1))).toBeGreaterThan(most - 2);
  });

  it('shortens the texts of a first item that does not fit, and keeps its other members', () => {
    const { items: kept, cut } = fit([{ id: 7, nested: { text: 'y'.repeat(9_000) } }, ...items], 1_000);
    expect(cut).toBe(true);
    expect(kept).toEqual([{ id: 7, nested: { text: `${'y'.repeat(300)}… [cut]` } }]);
  });

  it('counts invisible characters as what they become', () => {
    const hidden = '\u{e0041}'.repeat(100);
    expect(sizeOf(hidden)).toBe(2 + 100 * '\\\\u{e0041}'.length);
  });
});

describe('shortened', () => {
  it('replaces what is too large in any case by a sentence', () => {
    const wide = Object.fromEntries(Array.from({ length: 500 }, (_, index) => [`property${index}`, index]));
    expect(shortened(wide, 1_000)).toEqual({ cut: expect.stringMatching(/^This item has \d+ bytes\./) });
    expect(shortened('z'.repeat(5_000), 1_000)).toBe(`${'z'.repeat(300)}… [cut]`);
  });
});
