import { describe, expect, it } from 'vitest';
import { fit, shortened, sizeOf } from '../../../../../src/lib/api/mcp/tool.ts';

const items = Array.from({ length: 10 }, (_, index) => ({ index, text: 'x'.repeat(80) }));

describe('fit', () => {
  it('returns all items that fit', () => {
    expect(fit(items, 5_000)).toEqual({ items, leftOff: 0, isShortened: false });
    expect(fit([], 10)).toEqual({ items: [], leftOff: 0, isShortened: false });
  });

  it.each([300, 500, 900])('returns the items from the start that fit into %i bytes', (most) => {
    const { items: kept, leftOff, isShortened } = fit(items, most);
    expect([leftOff, isShortened]).toEqual([items.length - kept.length, false]);
    expect(kept).toEqual(items.slice(0, kept.length));
    expect(sizeOf(kept)).toBeLessThanOrEqual(most);
    expect(sizeOf(items.slice(0, kept.length + 1))).toBeGreaterThan(most);
  });

  it('shortens the texts of a first item that does not fit, and keeps its other members', () => {
    expect(fit([{ id: 7, nested: { text: 'y'.repeat(9_000) } }, ...items], 1_000)).toEqual({
      items: [{ id: 7, nested: { text: `${'y'.repeat(300)}… [cut]` } }],
      leftOff: items.length,
      isShortened: true,
    });
  });

  it('counts invisible characters as what they become', () => {
    const hidden = '\u{e0041}'.repeat(100);
    expect(sizeOf(hidden)).toBe(2 + 100 * '\\\\u{e0041}'.length);
  });
});

describe('shortened', () => {
  const sentence = expect.stringMatching(/^This has \d+ bytes, and parts of it are left out\./) as string;
  const wide = Object.fromEntries(Array.from({ length: 500 }, (_, index) => [`property${index}`, index]));

  it('keeps the members that fit, and says so', () => {
    const { cut, ...kept } = shortened(wide, 1_000) as Record<string, unknown>;
    expect(cut).toEqual(sentence);
    expect(kept).toEqual(Object.fromEntries(Object.entries(wide).slice(0, Object.keys(kept).length)));
    expect(Object.keys(kept).length).toBeGreaterThan(30);
    expect(sizeOf({ cut, ...kept })).toBeLessThanOrEqual(1_000);
  });

  it('keeps the small members beside large ones, and the types of all', () => {
    const list = Array.from({ length: 5_000 }, (_, index) => `tag-${index}`);
    const row = { wide: { ...wide, deep: { list } }, tenantId: 't', list, tenantName: 'Contoso', isOn: true };
    const short = shortened(row, 10_000) as typeof row;
    expect(short).toMatchObject({ tenantId: 't', tenantName: 'Contoso', isOn: true, cut: sentence });
    expect(Object.keys(short)).toEqual([...Object.keys(row), 'cut']);
    expect(short.list).toEqual(list.slice(0, short.list.length));
    expect(short.list.length).toBeGreaterThan(100);
    expect(short.wide).toMatchObject({ property0: 0 });
    expect(sizeOf(short)).toBeLessThanOrEqual(10_000);
    expect(sizeOf(short)).toBeGreaterThan(8_000);
  });

  it('replaces a list by a sentence, and cuts a text', () => {
    expect(shortened(Object.keys(wide), 1_000)).toEqual({ cut: sentence });
    expect(shortened('z'.repeat(5_000), 1_000)).toBe(`${'z'.repeat(300)}… [cut]`);
  });
});
