import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { passesOf, shortTurns } from '../../../../support/short-turns.ts';
import { pageOf, RowCollector, RowMemory, rowLimits } from '../../../../../src/lib/gateway/queries/answer-rows.ts';
import { listText, readList } from '../../../../../src/lib/runs/store/run-entity.ts';

const page = async (text: string, type: string | undefined = 'application/json; charset=utf-8') => {
  const { rows, next } = await pageOf(type, Buffer.from(text));
  return { rows: [...rows], next };
};

describe('the rows of an answer', () => {
  it('are the members of value, without annotations but the type', async () => {
    const members = [
      { '@odata.type': '#user', '@odata.etag': 'x', id: '1', 'members@odata.nextLink': 'y', a: { b: [1] } },
    ];
    expect(await page(JSON.stringify({ '@odata.context': 'c', '@odata.nextLink': 'next', value: members }))).toEqual({
      rows: [{ '@odata.type': '#user', id: '1', a: { b: [1] } }],
      next: 'next',
    });
  });

  it.each([
    ['{"@odata.context":"c","id":"1"}', [{ id: '1' }]],
    ['{"@odata.context":"c","value":"text"}', [{ value: 'text' }]],
    ['{"value":["a",null,2]}', [{ value: 'a' }, { value: null }, { value: 2 }]],
    ['[{"id":1}]', [{ id: 1 }]],
    [
      '{"@odata.context":"c","id":"String {1} Name x","value":["a","b"]}',
      [{ id: 'String {1} Name x', value: ['a', 'b'] }],
    ],
    ['{"total":2,"value":[{"id":1}],"@odata.nextLink":"next"}', [{ id: 1 }]],
    ['{"value":[]}', []],
    ['', []],
    ['\u{FEFF}{"value":[{"id":1}]}', [{ id: 1 }]],
    ['{"id":"a\u{FEFF}"}', [{ id: 'a\u{FEFF}' }]],
  ])('of %s', async (text, rows) => {
    expect((await page(text)).rows).toEqual(rows);
  });

  it('do not hide the columns of the tenant', async () => {
    const text = JSON.stringify({ value: [{ tenantId: 'other', tenantName: 'n', id: 1 }] });
    expect((await page(text)).rows).toEqual([{ 'graph.tenantId': 'other', 'graph.tenantName': 'n', id: 1 }]);
  });

  it('keep a property with the name __proto__ as data', async () => {
    const [row] = (await page('{"value":[{"__proto__":{"polluted":1}}]}')).rows;
    expect(JSON.stringify(row)).toBe('{"__proto__":{"polluted":1}}');
    expect(({} as { polluted?: number }).polluted).toBeUndefined();
  });

  it.each(['text/plain', 'TEXT/PLAIN; charset=utf-8'])('are the number of a plain count with %s', async (type) => {
    expect((await page('42\r\n', type)).rows).toEqual([{ value: 42 }]);
  });

  it.each(['application/json', 'Application/JSON', 'application/vnd.ms+json', 'application/x.y-z+json; charset=utf-8'])(
    'are read with %s',
    async (type) => {
      expect((await page('{"id":1}', type)).rows).toEqual([{ id: 1 }]);
    },
  );

  it('go on at the link of the older form of OData, and at no link that is not a text', async () => {
    expect((await page('{"value":[],"@nextLink":"older"}')).next).toBe('older');
    expect(await page('{"value":[{"id":1}],"@odata.nextLink":5}')).toEqual({ rows: [{ id: 1 }], next: undefined });
  });

  it.each<readonly [string | undefined, string, string]>([
    ...['12a', 'a12', '1234567890123456', '1.5'].map(
      (text) => ['text/plain', text, 'Microsoft Graph answers with text/plain; a query reads JSON only.'] as const,
    ),
    ...['x-text/plain', 'text/plainer', 'x-application/json', 'application/a b+json', 'application/+json'].map(
      (type) => [type, '12', `Microsoft Graph answers with ${type}; a query reads JSON only.`] as const,
    ),
    [`x/${'y'.repeat(80)}`, 'x', `Microsoft Graph answers with x/${'y'.repeat(58)}; a query reads JSON only.`],
    ['text/plain', 'a text', 'Microsoft Graph answers with text/plain; a query reads JSON only.'],
    ['image/jpeg', 'x', 'Microsoft Graph answers with image/jpeg; a query reads JSON only.'],
    [undefined, '{}', 'Microsoft Graph answers with no type; a query reads JSON only.'],
    ['application/json', '{"value":', 'Microsoft Graph answers with JSON that cannot be read.'],
  ])('cannot be read from %s %j', async (type, text, detail) => {
    await expect(pageOf(type, Buffer.from(text))).rejects.toThrow(expect.objectContaining({ detail }) as Error);
  });
});

const collector = (memory = new RowMemory(Number.POSITIVE_INFINITY)) => new RowCollector(memory);
const linesOf = async (rows: RowCollector) =>
  Buffer.from((await rows.done()).jsonLines)
    .toString()
    .split('\n')
    .slice(0, -1);

describe('collected rows', () => {
  it('have no text that looks like a token, at any depth', async () => {
    const token = `eyJ${'a'.repeat(40)}.eyJ${'b'.repeat(40)}.${'c'.repeat(40)}`;
    const rows = collector();
    await rows.add([{ a: { list: ['x', `Bearer ${token}`], [token]: 1 }, [token]: 2 }, { b: 'plain' }]);
    const { jsonLines, columns } = await rows.done();
    const lines = Buffer.from(jsonLines).toString().split('\n');
    expect(lines.join()).not.toContain('eyJ');
    expect(lines[1]).toBe('{"b":"plain"}');
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({ a: { list: ['x', expect.any(String)] } });
    expect(columns.join()).not.toContain('eyJ');
  });

  it('have no value that its name gives away as a secret', async () => {
    const rows = collector();
    await rows.add([
      { refresh_token: 'opaque', id: 1, nested: { access_token: 'abcdef', code: '0123456789abcdef0123', code2: 'x' } },
      {
        access_token: { inner: 'abcdef' },
        client_secret: ['abc', 'def'],
        assertion: 12,
        text: 'see access_token=" here',
      },
      { 'access_token="': 'abcdef' },
      { code: 'short', tokens: 'refresh', n: null },
    ]);
    expect((await linesOf(rows)).map((line) => JSON.parse(line) as unknown)).toEqual([
      { refresh_token: '[secret]', id: 1, nested: { access_token: '[secret]', code: '[secret]', code2: 'x' } },
      { access_token: '[secret]', client_secret: '[secret]', assertion: '[secret]', text: '[secret]' },
      { removed: expect.any(String) as string },
      { code: 'short', tokens: 'refresh', n: null },
    ]);
  });

  it('end at the limits', async () => {
    const many = collector();
    const row = { id: 1 };
    expect(await many.add(Array.from({ length: rowLimits.rows }, () => row))).toBe(true);
    expect(await many.add([row])).toBe(false);
    expect(await many.done('why')).toMatchObject({ count: rowLimits.rows, columns: ['id'], missing: 'why' });
    const large = collector();
    const part = { text: 'x'.repeat(rowLimits.rowBytes - 100) };
    expect(await large.add(Array.from({ length: 17 }, () => part))).toBe(false);
    expect(large.count).toBe(16);
  });

  it('hold a row of exactly the largest size, and exactly as many bytes as are kept', async () => {
    const rows = collector();
    // With quotes, braces, the name, and the end of the line.
    const text = 'x'.repeat(rowLimits.rowBytes - '{"t":""}\n'.length);
    expect(await rows.add([{ t: text }, { t: `${text}x` }])).toBe(true);
    expect(await rows.done()).toMatchObject({ count: 1, missing: 'Rows of more than 1 MiB are left out: 1.' });
    const full = collector();
    expect(await full.add(Array.from({ length: 16 }, () => ({ t: text })))).toBe(true);
    expect(await full.add([{}])).toBe(false);
  });

  it('count the rows of all pages for the limit', async () => {
    const rows = collector();
    const half = Array.from({ length: rowLimits.rows / 2 }, () => ({ id: 1 }));
    expect([await rows.add(half), await rows.add(half.slice(1)), await rows.add(half.slice(0, 2))]).toEqual([
      true,
      true,
      false,
    ]);
    expect(rows.count).toBe(rowLimits.rows);
  });

  it('are whole without a row', async () => {
    expect(await collector().add([])).toBe(true);
  });

  it('lack a row that is too large in bytes, and no other', async () => {
    const huge = collector();
    const text = '\u{1F600}'.repeat(rowLimits.rowBytes / 4);
    expect(await huge.add([{ id: 1 }, { text }, { id: 2 }])).toBe(true);
    expect(await huge.done('Why.')).toMatchObject({
      count: 2,
      columns: ['id'],
      missing: 'Why. Rows of more than 1 MiB are left out: 1.',
    });
  });

  it('lack a row that is too large without any other work on it', async () => {
    const rows = collector();
    const [scrubbed, written] = [vi.spyOn(String.prototype, 'replace'), vi.spyOn(JSON, 'stringify')];
    onTestFinished(() => void vi.restoreAllMocks());
    await rows.add([{ text: 'a='.repeat(10_000_000) }, { list: Array.from({ length: 600_000 }, () => 1) }]);
    expect(scrubbed).not.toHaveBeenCalled();
    expect(written).not.toHaveBeenCalled();
    expect(await rows.done()).toMatchObject({ count: 0, missing: 'Rows of more than 1 MiB are left out: 2.' });
  });

  it('have a row that has just the largest size with its signs, of a list and of objects', async () => {
    const rows = collector();
    const objects = Array.from({ length: 30_000 }, () => ({ displayName: 'abcdefgh' }));
    const rest = rowLimits.rowBytes - JSON.stringify({ objects, t: '' }).length - 1;
    await rows.add([{ objects, t: 'x'.repeat(rest) }]);
    expect(rows.count).toBe(1);
  });

  it('are looked at, written and joined in steps', async () => {
    shortTurns();
    const rows = collector();
    expect(
      await passesOf(rows.add([{ list: Array.from({ length: 2_000 }, () => ({ refresh_token: 'abc' })) }])),
    ).toBeGreaterThan(2_000);
    for (let part = 0; part < 3; part += 1) await rows.add([{ text: 'x'.repeat(900_000) }]);
    expect(await passesOf(rows.done())).toBeGreaterThan(6);
  });

  it('are joined for one tenant at a time if they are many', async () => {
    shortTurns();
    const memory = new RowMemory(Number.POSITIVE_INFINITY);
    const tenants = [collector(memory), collector(memory)];
    for (const rows of tenants) for (let part = 0; part < 3; part += 1) await rows.add([{ text: 'x'.repeat(900_000) }]);
    let [isFirst, isSecond] = [false, false];
    const first = tenants[0]?.done().finally(() => (isFirst = true));
    const second = tenants[1]?.done().finally(() => (isSecond = true));
    await first;
    expect([isFirst, isSecond]).toEqual([true, false]);
    const passes = await passesOf(second);
    expect(passes).toBeGreaterThan(6);
  });

  it('say that the list of their columns was cut', async () => {
    const rows = collector();
    await rows.add([Object.fromEntries(Array.from({ length: 3_001 }, (_, index) => [`customProperty${index}`, 1]))]);
    await rows.add([{ ['x'.repeat(29_900)]: 1, id: 1 }]);
    const { columns, note, missing } = await rows.done();
    expect(JSON.stringify(columns).length).toBeLessThanOrEqual(30_000);
    expect(readList(listText(columns))).toEqual(columns);
    expect([note, missing]).toEqual([
      'The rows have more properties than a CSV shows; JSON Lines have all.',
      undefined,
    ]);
    expect(columns).not.toContain('x'.repeat(29_900));
  });

  it('say each reason once, and both what is missing and what else there is to know', async () => {
    const rows = collector();
    await rows.add([{ ['x'.repeat(30_001)]: 1 }, { t: 'x'.repeat(rowLimits.rowBytes) }]);
    expect(await rows.done()).toMatchObject({
      missing: 'Rows of more than 1 MiB are left out: 1.',
      note: 'Rows of more than 1 MiB are left out: 1. The rows have more properties than a CSV shows; JSON Lines have all.',
    });
  });

  it('list a column once, and up to exactly the length that the record of a tenant keeps', async () => {
    const rows = collector();
    // Two quotes and a comma for each name, and two brackets around all.
    const name = 'x'.repeat(29_998 - 3);
    await rows.add([{ [name]: 1 }, { [name]: 2 }]);
    expect(await rows.done()).toMatchObject({ columns: [name] });
    expect(await rows.done()).not.toHaveProperty('note');
    const longer = collector();
    await longer.add([{ [`${name}x`]: 1 }]);
    expect(await longer.done()).toMatchObject({ columns: [], note: expect.any(String) as string });
  });

  it('may take exactly the memory that is left', async () => {
    const memory = new RowMemory(9);
    await collector(memory).add([{ id: 1 }]);
    await expect(collector(memory).add([{}])).rejects.toThrow(expect.objectContaining({ code: 'busy' }) as Error);
  });

  it('share the memory of all tenants until they are stored', async () => {
    const memory = new RowMemory(20);
    const [first, second] = [collector(memory), collector(memory)];
    await first.add([{ id: 1 }]);
    await first.add([{ id: 2 }]);
    await expect(second.add([{ id: 3 }])).rejects.toThrow(expect.objectContaining({ code: 'busy' }) as Error);
    const { jsonLines, release } = await first.done();
    expect(jsonLines).toEqual(Buffer.from('{"id":1}\n{"id":2}\n'));
    await expect(second.add([{ id: 3 }])).rejects.toThrow(expect.objectContaining({ code: 'busy' }) as Error);
    release?.();
    await second.add([{ id: 3 }]);
    expect(second.count).toBe(1);
  });
});
