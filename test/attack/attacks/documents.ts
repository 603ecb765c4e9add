import { type Attack, control } from '../attack.ts';

const nested = (depth: number, open: string, close: string): string => `${open.repeat(depth)}1${close.repeat(depth)}`;

/** Bodies that a lenient parser would accept. `tenant` is a valid one. */
const bodies = (tenant: string, depths: readonly number[]): readonly (readonly [string, string | Buffer])[] => {
  const rest = `"resource":"graph"`;
  return [
    ...depths.flatMap((depth): [string, string][] => [
      [`lists ${depth} deep`, `{"tenant":${nested(depth, '[', ']')},${rest}}`],
      [`objects ${depth} deep`, `{"tenant":"${tenant}",${rest},"x":${nested(depth, '{"a":', '}')}}`],
      [`an unclosed list ${depth} deep`, `{"tenant":${'['.repeat(depth)}`],
    ]),
    ['tenant twice', `{"tenant":"other.example","tenant":"${tenant}",${rest}}`],
    ['tenant twice, once escaped', `{"ten\\u0061nt":"other.example","tenant":"${tenant}",${rest}}`],
    ['resource twice', `{"tenant":"${tenant}","resource":"arm",${rest}}`],
    ['a key twice below', `{"tenant":"${tenant}",${rest},"x":{"a":1,"a":2}}`],
    ['__proto__', `{"tenant":"${tenant}",${rest},"__proto__":{"scopes":["x"]}}`],
    ['constructor', `{"tenant":"${tenant}",${rest},"constructor":{"prototype":{"a":1}}}`],
    ...['constructor', '__proto__', 'toString', 'valueOf'].map((name): [string, string] => [
      `resource ${name}`,
      `{"tenant":"${tenant}","resource":"${name}"}`,
    ]),
    ['an unknown key', `{"tenant":"${tenant}",${rest},"admin":true}`],
    ['a comment', `{"tenant":"${tenant}",${rest}/* x */}`],
    ['a trailing comma', `{"tenant":"${tenant}",${rest},}`],
    ['two documents', `{"tenant":"${tenant}",${rest}}{}`],
    ['NaN', `{"tenant":"${tenant}",${rest},"minimumLifetimeSeconds":NaN}`],
    ['an infinite number', `{"tenant":"${tenant}",${rest},"minimumLifetimeSeconds":1e999}`],
    ['a negative number', `{"tenant":"${tenant}",${rest},"minimumLifetimeSeconds":-1}`],
    ['a zero byte in the tenant', `{"tenant":"${tenant}\\u0000",${rest}}`],
    ['half a character', `{"tenant":"\\ud800",${rest}}`],
    ['invalid UTF-8', Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x3a, 0x31, 0x7d])],
    ['UTF-16', Buffer.from(`{"tenant":"${tenant}",${rest}}`, 'utf16le')],
    ['a list', '[]'],
    ['null', 'null'],
    ['a form', `tenant=${tenant}&resource=graph`],
    ['two tenants', `{"tenant":["${tenant}","${tenant}"],${rest}}`],
    ['a tenant object', `{"tenant":{"toString":"${tenant}"},${rest}}`],
    ['70 KB of blanks', `{"tenant":"${tenant}",${rest}${' '.repeat(70_000)}}`],
    ['60 KB in one key', `{"tenant":"${tenant}",${rest},"${'a'.repeat(60_000)}":1}`],
    ['5,000 keys', `{"tenant":"${tenant}",${rest},${Array.from({ length: 5_000 }, (_, n) => `"k${n}":1`).join()}}`],
  ];
};

export const documents: Attack = {
  name: 'documents',
  tries: 'JSON bodies that are nested deeply, contain keys twice, or that only a lenient parser accepts',
  promise: 'No token for the wrong tenant.',
  run: async ({ app, forge, tenants }, { full }, tally) => {
    const tenant = tenants[0]?.tenantId ?? '';
    const headers = { authorization: forge.bearer() };
    const send = (path: string, body: string | Buffer) => app.ask({ method: 'POST', path, body, headers });
    const usual = await send('/api/tokens', `{"tenant":"${tenant}","resource":"graph"}`);
    control(usual.status === 200, `a valid body is answered with ${usual.status}`);
    const depths = full ? [65, 100, 1_000, 5_000, 10_000, 20_000, 30_000] : [65, 5_000, 30_000];
    for (const path of ['/api/tokens', '/api/jobs/licence-report/runs']) {
      for (const [name, body] of bodies(tenant, depths)) {
        const { status, text } = await send(path, body);
        tally.attempt(
          (status === 400 || status === 413) && text.length < 2_000,
          `${path}, ${name}: ${status} ${text.length} ${text.slice(0, 120)}`,
        );
      }
    }
  },
};
