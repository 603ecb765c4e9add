import { describe, expect, it } from 'vitest';
import { pageOf, RowCollector, rowLimits } from '../../../../src/lib/queries/answer-rows.ts';

const page = (text: string, type: string | undefined = 'application/json; charset=utf-8') =>
  pageOf(type, Buffer.from(text));

describe('the rows of an answer', () => {
  it('are the members of value, without annotations but the type', () => {
    const members = [
      { '@odata.type': '#user', '@odata.etag': 'x', id: '1', 'members@odata.nextLink': 'y', a: { b: [1] } },
    ];
    expect(page(JSON.stringify({ '@odata.context': 'c', '@odata.nextLink': 'next', value: members }))).toEqual({
      rows: [{ '@odata.type': '#user', id: '1', a: { b: [1] } }],
      next: 'next',
    });
  });

  it.each([
    ['{"@odata.context":"c","id":"1"}', [{ id: '1' }]],
    ['{"@odata.context":"c","value":"text"}', [{ value: 'text' }]],
    ['{"value":["a",null,2]}', [{ value: 'a' }, { value: null }, { value: 2 }]],
    ['[{"id":1}]', [{ id: 1 }]],
    ['{"value":[]}', []],
    ['', []],
    ['\u{FEFF}{"value":[{"id":1}]}', [{ id: 1 }]],
  ])('of %s', (text, rows) => {
    expect(page(text).rows).toEqual(rows);
  });

  it('do not hide the columns of the tenant', () => {
    const text = JSON.stringify({ value: [{ tenantId: 'other', tenantName: 'n', id: 1 }] });
    expect(page(text).rows).toEqual([{ 'graph.tenantId': 'other', 'graph.tenantName': 'n', id: 1 }]);
  });

  it('keep a property with the name __proto__ as data', () => {
    const [row] = page('{"value":[{"__proto__":{"polluted":1}}]}').rows;
    expect(JSON.stringify(row)).toBe('{"__proto__":{"polluted":1}}');
    expect(({} as { polluted?: number }).polluted).toBeUndefined();
  });

  it('are the number of a plain count', () => {
    expect(pageOf('text/plain', Buffer.from('42')).rows).toEqual([{ value: 42 }]);
  });

  it.each([
    ['text/plain', 'a text', 'Microsoft Graph answers with text/plain; a query reads JSON only.'],
    ['image/jpeg', 'x', 'Microsoft Graph answers with image/jpeg; a query reads JSON only.'],
    [undefined, '{}', 'Microsoft Graph answers with no type; a query reads JSON only.'],
    ['application/json', '{"value":', 'Microsoft Graph answers with JSON that cannot be read.'],
  ])('cannot be read from %s %j', (type, text, detail) => {
    expect(() => pageOf(type, Buffer.from(text))).toThrow(expect.objectContaining({ detail }) as Error);
  });
});

describe('collected rows', () => {
  it('have no text that looks like a token, at any depth', () => {
    const token = `eyJ${'a'.repeat(40)}.eyJ${'b'.repeat(40)}.${'c'.repeat(40)}`;
    const rows = new RowCollector();
    rows.add([{ a: { list: ['x', `Bearer ${token}`], [token]: 1 }, [token]: 2 }, { b: 'plain' }]);
    const { jsonLines, columns } = rows.done();
    expect(jsonLines).not.toContain('eyJ');
    expect(jsonLines.split('\n')[1]).toBe('{"b":"plain"}');
    expect(JSON.parse(jsonLines.split('\n')[0] ?? '')).toMatchObject({ a: { list: ['x', expect.any(String)] } });
    expect(columns.join()).not.toContain('eyJ');
  });

  it('end at the limits', () => {
    const many = new RowCollector();
    const row = { id: 1 };
    expect(many.add(Array.from({ length: rowLimits.rows }, () => row))).toBe(true);
    expect(many.add([row])).toBe(false);
    expect(many.done('why')).toMatchObject({ count: rowLimits.rows, columns: ['id'], missing: 'why' });
    const large = new RowCollector();
    const part = { text: 'x'.repeat(rowLimits.rowBytes - 100) };
    expect(large.add(Array.from({ length: 17 }, () => part))).toBe(false);
    expect(large.count).toBe(16);
    const huge = new RowCollector();
    expect(huge.add([row, { text: 'x'.repeat(rowLimits.rowBytes) }])).toBe(false);
    expect(huge.count).toBe(1);
  });
});
