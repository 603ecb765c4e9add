import { expect, it } from 'vitest';
import { failureOf, jsonIn } from '../../../dashboard/app/api-failure.ts';

const name = 'Contoso\u202egpj\u001b[2J\u0085\r';
const shown = 'Contoso\\u202egpj\\u001b[2J\\u0085\\r';

it('shows control characters in names as text and keeps line feeds', async () => {
  const body = { tenants: [{ name, reachable: true }], note: 'a\nb', count: 2 };
  expect(await jsonIn(Response.json(body))).toEqual({
    tenants: [{ name: shown, reachable: true }],
    note: 'a\nb',
    count: 2,
  });
});

it.each([
  ['as it is', '{"name":"a\u202eb"}'],
  ['escaped', '{"name":"a\\u202eb"}'],
])('shows a command that the JSON spells %s', async (_, json) => {
  expect(await jsonIn(new Response(json))).toEqual({ name: 'a\\u202eb' });
});

it('leaves names without commands alone', async () => {
  const body = { name: 'Zürich "Süd" \\ 東京 👩‍👩‍👧', note: 'a\nb' };
  expect(await jsonIn(Response.json(body))).toEqual(body);
});

it('shows control characters in failures as text', async () => {
  expect((await failureOf(Response.json({ detail: name }, { status: 400 }))).message).toBe(shown);
});

it('rejects a body that is not JSON', async () => {
  await expect(jsonIn(new Response('<html>'))).rejects.toThrow(SyntaxError);
});
