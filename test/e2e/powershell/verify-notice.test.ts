import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { tmpdir } from 'node:os';
import { Webhook } from 'standardwebhooks';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { examplesIn } from '../../support/doc-examples.ts';
import { skippedBecause } from '../../support/skipped.ts';
import { findPowerShell, runScript } from './powershell.ts';

const shell = findPowerShell();
const secret = `whsec_${Buffer.alloc(32, 'k').toString('base64')}`;
const other = `whsec_${Buffer.alloc(32, 'o').toString('base64')}`;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'verify-notice-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** Requests to verify, as a receiver sees them. */
function requests() {
  const body = JSON.stringify({ title: 'Größe „x“' });
  const sign = (key: string, at: Date): string => new Webhook(key).sign('abc', at, body);
  const request = (signature: string, at: Date, sent = body) => ({
    body: sent,
    headers: {
      'webhook-id': 'abc',
      'webhook-timestamp': String(Math.floor(at.getTime() / 1000)),
      'webhook-signature': signature,
    },
  });
  const now = new Date();
  const old = new Date(now.getTime() - 400_000);
  return [
    request(sign(secret, now), now),
    request(`${sign(other, now)} ${sign(secret, now)}`, now),
    request(sign(other, now), now),
    request(sign(secret, now), now, body.replace('x', 'y')),
    request(sign(secret, old), old),
    request('v1,%% v2,abc', now),
  ];
}

describe('the function of docs/notices.md', skippedBecause(typeof shell === 'string' ? shell : undefined), () => {
  it('verifies what was signed, and nothing else', async () => {
    if (typeof shell === 'string') throw new Error(shell);
    const [code = ''] = await examplesIn('notices.md', 'powershell');
    await writeFile(join(folder, 'requests.json'), JSON.stringify(requests()));
    const script = join(folder, 'verify.ps1');
    await writeFile(
      script,
      `${code}
$read = Get-Content '${join(folder, 'requests.json')}' -Raw | ConvertFrom-Json -AsHashtable
($read | ForEach-Object { Test-NoticeSignature '${secret}' $_.body $_.headers }) -join ' '
`,
    );
    const { output } = await runScript(shell, script, [], {});
    expect(output.trim()).toBe('True True False False False False');
  });
});
