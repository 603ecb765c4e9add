import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, openSync, readdirSync } from 'node:fs';
import { access, mkdtemp, readFile, rm } from 'node:fs/promises';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { CloudDocument } from '../../src/index.ts';

// The sources of the workspaces: another test may be building what is in dist.
const launch = ['--conditions=workspace-source', join(import.meta.dirname, '../../src/main.ts')];

const started: ChildProcess[] = [];
// Stops the clouds of tests that failed before they stopped them.
afterEach(() => {
  for (const child of started.splice(0)) child.kill('SIGKILL');
});

async function run(...args: readonly string[]) {
  const child = spawn(process.execPath, [...launch, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
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
      expect(await readFile(document.caCertificatePath, 'utf8')).toMatch(/-----END CERTIFICATE-----\n$/);
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
    [['--colour', 'red'], /unknown option '--colour'/],
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

  it('starts 10,000 tenants, of which the page shows the first', async () => {
    const { child, output, exited } = await run('--json', '--tenants', '10000');
    const document = JSON.parse(output) as CloudDocument;
    expect(document.tenants).toHaveLength(10_000);
    const page = await (await fetch(document.control)).text();
    expect(page).toContain('10000 tenants');
    expect(page).toContain('The first 100 are shown.');
    child.kill('SIGTERM');
    expect((await exited)[0]).toBe(0);
  });

  it('tells plain HTTP on a TLS port which address to use', async () => {
    const { child, output, exited } = await run('--json', '--tenants', '0');
    const { graph } = JSON.parse(output) as CloudDocument;
    const reply = await fetch(`${graph.replace('https:', 'http:')}/v1.0/organization`);
    expect(reply.status).toBe(400);
    expect(await reply.json()).toEqual({ error: `This port speaks HTTPS only: use ${graph}.` });
    child.kill('SIGTERM');
    expect((await exited)[0]).toBe(0);
  });

  it('says once how a client comes to trust the certificate, and serves it', async () => {
    const { child, output, exited, errors } = await run('--json', '--tenants', '0');
    const { graph, control } = JSON.parse(output) as CloudDocument;
    const ask = (ca?: string) =>
      new Promise((resolve) => {
        const sent = request(`${graph}/v1.0/organization`, ca === undefined ? {} : { ca }, (reply) => {
          reply.resume();
          resolve(reply.statusCode);
        });
        sent.on('error', resolve).end();
      });
    expect(await ask()).toMatchObject({ code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE' });
    await ask();
    await expect.poll(errors).toContain('does not trust the certificate. Start it with NODE_EXTRA_CA_CERTS');
    expect(await ask(await (await fetch(`${control}/ca.pem`)).text())).toBe(401);
    child.kill('SIGTERM');
    expect((await exited)[0]).toBe(0);
    expect(errors().match(/does not trust/g)).toHaveLength(1);
  });

  it.skipIf(!existsSync('/dev/full'))(
    'ends with one sentence when the disk is full, and removes its files',
    async () => {
      const folder = await mkdtemp(join(tmpdir(), 'microsoft-cloud-test-'));
      const full = openSync('/dev/full', 'w');
      const env = { ...process.env, TMPDIR: folder };
      const child = spawn(process.execPath, [...launch, '--json', '--tenants', '1'], {
        stdio: ['ignore', full, 'pipe'],
        env,
      });
      started.push(child);
      let errors = '';
      child.stderr?.on('data', (chunk: Buffer) => (errors += chunk.toString()));
      expect(((await once(child, 'exit')) as unknown[])[0]).toBe(1);
      closeSync(full);
      expect(errors).toMatch(/^microsoft-cloud: The output cannot be written: .*ENOSPC.*\n$/);
      expect(readdirSync(folder).filter((name) => name.startsWith('microsoft-cloud-'))).toEqual([]);
      await rm(folder, { recursive: true });
    },
  );

  it('ends with one sentence when its certificate cannot be written', async () => {
    const child = spawn(process.execPath, [...launch, '--json'], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, TMPDIR: '/no/such/folder', TEMP: '/no/such/folder' },
    });
    started.push(child);
    let errors = '';
    child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
    expect(((await once(child, 'exit')) as unknown[])[0]).toBe(1);
    expect(errors).toMatch(/^microsoft-cloud: The certificate cannot be written to .*: ENOENT.*\n$/);
  });

  it('refuses an address that this machine does not have', async () => {
    const { exited, errors } = await run('--host', '192.0.2.1');
    expect((await exited)[0]).toBe(1);
    expect(errors()).toBe(
      'microsoft-cloud: This machine has no address 192.0.2.1. Choose another --host, or omit it.\n',
    );
  });

  it('exits with 0 for --help', async () => {
    const { exited, output } = await run('--help');
    expect((await exited)[0]).toBe(0);
    expect(output).toContain('--tenants ');
  });
});
