import { describe, expect, it } from 'vitest';
import { collection } from '../../src/graph/query.ts';

const items = Array.from({ length: 1_200 }, (_, id) => ({ id }));
const pageOf = (query: string, maxPage?: number): { size: number; next: string | undefined } => {
  const options = { address: 'https://graph.test/v1.0/users', context: 'users', query: new URLSearchParams(query) };
  const { body } = collection(items, { ...options, ...(maxPage === undefined ? {} : { maxPage }) });
  const page = JSON.parse(String(body)) as { value: unknown[]; '@odata.nextLink'?: string };
  return { size: page.value.length, next: page['@odata.nextLink'] };
};

describe('collection', () => {
  it('returns pages of the requested size, at most 999', () => {
    expect(pageOf('$top=999')).toMatchObject({ size: 999, next: expect.stringContaining('$skiptoken=') });
    expect(pageOf('').size).toBe(100);
    expect(() => pageOf('$top=1000')).toThrow();
  });

  it('returns smaller pages than requested if the API limits them', () => {
    const { size, next } = pageOf('$top=999', 500);
    expect(size).toBe(500);
    const second = pageOf(new URL(next ?? '').search, 500);
    expect(second.size).toBe(500);
    expect(pageOf(new URL(second.next ?? '').search, 500)).toEqual({ size: 200, next: undefined });
  });
});
