import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { CloudDocument } from '../../src/index.ts';

const script = join(import.meta.dirname, '../../src/main.ts');

const started: ChildProcess[] = [];
// Stops the clouds of tests that failed before they stopped them.
afterEach(() => {
  for (const child of started.splice(0)) child.kill('SIGKILL');
});

async function run(...args: readonly string[]) {
  const child = spawn(process.execPath, [script, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  started.push(child);
  const exited = once(child, 'exit') as Promise<[number | null, string | null]>;
  let errors = '';
  child.stderr.on('data', (chunk: Buffer) => {
    errors += chunk.toString();
  });
  let output = '';
  for await (const chunk of child.stdout) {
    output += String(chunk);
    if (output.includes('\n') && (args.includes('--json') || output.includes('Ctrl-C'))) break;
  }
  return { child, output, exited, errors: () => errors };
}

describe('microsoft-cloud', () => {
  it.each(['SIGINT', 'SIGTERM'] as const)(
    'prints one JSON document, keeps running, and removes its files on %s',
    async (signal) => {
      const { child, output, exited } = await run('--json', '--tenants', '3', '--faults', 'revoked');
      const document = JSON.parse(output) as CloudDocument;
      expect(output.split('\n')).toHaveLength(2);
      expect(document.tenants).toHaveLength(3);
      await access(document.caCertificatePath);
      const faults = (await (await fetch(`${document.control}/faults`)).json()) as { faults: unknown[] };
      expect(faults.faults).toMatchObject([{ rule: { aadsts: 50173 } }]);
      child.kill(signal);
      expect((await exited)[0]).toBe(0);
      await expect(access(document.caCertificatePath)).rejects.toThrow('ENOENT');
    },
  );

  it('prints the environment variables to set', async () => {
    const { child, output, exited } = await run('--tenants', '1');
    for (const name of [
      'NODE_EXTRA_CA_CERTS',
      'IDENTITY_ENDPOINT',
      'IDENTITY_HEADER',
      'KEY_VAULT_URL',
      'CLOUD_ENDPOINTS',
      'PARTNER_TENANT_ID',
    ]) {
      expect(output).toContain(`${name}=`);
    }
    child.kill('SIGTERM');
    expect((await exited)[0]).toBe(0);
  });

  it.each([
    [['--faults', 'nonsense'], /There is no fault set "nonsense". Use one of none, flaky/],
    [['--tenants', 'many'], /whole number/],
    [['--port', '70000'], /whole number/],
    [['--permissions', 'missing.json'], /The permission file missing\.json cannot be used: ENOENT/],
  ])('rejects %j with exit code 2', async (args, message) => {
    const { exited, errors, output } = await run(...args);
    expect((await exited)[0]).toBe(2);
    expect(errors()).toMatch(message);
    expect(output).toBe('');
  });

  it('explains what to do when a port is in use', async () => {
    const { child, output } = await run('--json', '--tenants', '0');
    const { port } = new URL((JSON.parse(output) as CloudDocument).control);
    const second = await run('--port', port, '--json');
    expect((await second.exited)[0]).toBe(1);
    expect(second.errors()).toContain(`is in use. Choose another with --port`);
    child.kill('SIGTERM');
    await once(child, 'exit');
  });
});
