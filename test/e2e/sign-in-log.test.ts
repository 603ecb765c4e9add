import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Demo } from '../../src/cli/demo/start-demo.ts';
import type { AuditAnswer } from '../../src/lib/api/answers/audit.ts';
import { type Join, joinSignIns, readSignIns, RecordedTokens } from '../../src/lib/audit/proof/join-sign-ins.ts';
import { runInProcess } from '../support/command-in-process.ts';
import { startQuietDemo, tenantOf } from '../support/running-demo.ts';

let demo: Demo;
const evidence = readFile('docs/audit-evidence.md', 'utf8');
beforeAll(async () => {
  demo = await startQuietDemo(2);
});
afterAll(async () => {
  await demo?.stop();
});

const customer = () => tenantOf(demo, 'ok');

async function ask(path: string, body?: object): Promise<unknown> {
  const headers = { authorization: `Bearer ${await demo.callerToken()}`, 'content-type': 'application/json' };
  const more = body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) };
  const response = await fetch(`${demo.url}/api/${path}`, { headers, ...more });
  expect(response.status).toBe(200);
  return response.json();
}

/** The log of the customer, as the partner downloads it with the command of the documentation. */
async function downloaded(): Promise<string> {
  const [, path = ''] = /^ptb request contoso\.com GET "(.*)" --all-pages/m.exec(await evidence) ?? [];
  const words = path.replaceAll('\\$', '$').replace('2026-11-01T00:00:00Z', '2020-01-01T00:00:00Z');
  const environment = {
    ...process.env,
    ...demo.environment,
    BROKER_URL: demo.url,
    PTB_TOKEN: await demo.callerToken(),
  };
  const { exitCode, stdout, stderr } = await runInProcess(['request', customer().domain, 'GET', words, '--all-pages'], {
    environment,
    folder: tmpdir(),
    control: demo.cloud.control,
    account: 'nobody',
  });
  expect([exitCode, stderr]).toEqual([0, expect.stringContaining('HTTP 200')]);
  return stdout;
}

/** Compares the records of the customer with what Microsoft's log of its tenant says. */
async function compared(): Promise<Join> {
  const { tenantId } = customer();
  const log = await readSignIns(await downloaded());
  const { entries } = (await ask(`audit?tenant=${tenantId}&limit=1000`)) as AuditAnswer;
  const tokens = new RecordedTokens();
  for (const entry of entries.toReversed()) tokens.add({ ...entry }, 1);
  return joinSignIns(tokens.all, log, { fromMs: 0, toMs: Date.now() + 60_000 });
}

it('finds a token that somebody got with the credential of the partner and without the broker', async () => {
  const { tenantId, domain } = customer();
  const { entra, application, refreshToken } = demo.cloud;
  await ask('tokens', { tenant: domain, resource: 'graph', scopes: ['User.Read.All'] });
  await ask(`gateway/${tenantId}/graph/v1.0/users?$top=1`);
  const before = await compared();
  expect([...before.partner]).toEqual([application.clientId]);
  expect(before.recorded).toBeGreaterThan(0);
  expect(before.withoutRecord).toEqual([]);

  const stolen = await fetch(`${entra}/${tenantId}/oauth2/v2.0/token`, {
    method: 'POST',
    body: new URLSearchParams({
      grant_type: 'refresh_token',
      client_id: application.clientId,
      client_secret: application.clientSecret,
      refresh_token: refreshToken,
      scope: 'https://graph.microsoft.com/.default',
    }),
  });
  const { access_token: token = '' } = (await stolen.json()) as { access_token?: string };
  const { uti } = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as { uti: string };
  expect((await compared()).withoutRecord.map((signIn) => signIn.uti)).toEqual([uti]);
});
