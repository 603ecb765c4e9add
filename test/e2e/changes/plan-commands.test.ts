import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { changeTenant } from 'microsoft-cloud/client';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Ended, runInProcess } from '../../support/command-in-process.ts';
import { runTimer, startQuietDemo } from '../../support/running-demo.ts';
import type { WatchedDemo } from '../../support/watched-demo.ts';

// `ptb plan`, `ptb apply` and `ptb plans` against a running broker.

let demo: WatchedDemo;
let folder: string;
let token: string;
let reachable: WatchedDemo['cloud']['tenants'];

const mayChange = (tenantId: string, roles = ['Privileged Role Administrator']): Promise<void> =>
  changeTenant(demo.cloud.control, tenantId, { moreRoles: roles });

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ptb-plans-'));
  demo = await startQuietDemo(4);
  // Of an application: plans of people need an approval in the demo.
  token = await demo.callerToken();
  reachable = demo.cloud.tenants.filter(({ state }) => state === 'ok');
  for (const { tenantId } of reachable) await mayChange(tenantId);
});
afterAll(async () => {
  await demo?.stop();
  await rm(folder, { recursive: true, force: true });
});

async function ptb(...args: readonly string[]): Promise<Ended> {
  const environment = { ...process.env, ...demo.environment, BROKER_URL: demo.url, PTB_TOKEN: token };
  const ended = await runInProcess(args, { environment, folder, control: demo.cloud.control, account: 'nobody' });
  demo.note(`output of ptb ${args[0]}`, ended.stdout + ended.stderr);
  return ended;
}

const difference =
  '    defaultUserRolePermissions.permissionGrantPoliciesAssigned:\n      - ManagePermissionGrantsForSelf.';

/** Makes a plan. @returns its id, and what was printed. */
async function plan(...args: readonly string[]): Promise<Ended & { readonly planId: string }> {
  const ended = await ptb('plan', 'block-user-consent', ...args, '--wait');
  return { ...ended, planId: ended.stdout.slice(0, ended.stdout.indexOf(':')) };
}

it('plans, applies a canary, goes on, takes it back, and plans to take that back', async () => {
  const names = reachable.map(({ name }) => name);
  const planned = await plan('--tenant', ...names);
  const { planId } = planned;
  expect(planned).toMatchObject({ exitCode: 0, stdout: expect.stringContaining(difference) });
  const canary = await ptb('apply', planId, '--waves', names[0] ?? '', '100%', '--pause', '0', '--wait');
  expect(canary).toMatchObject({ exitCode: 3, stdout: expect.stringContaining('Changes: 1 applied\n') });
  expect(canary.stdout).toContain(`ptb plans go-on ${planId}`);
  const tenant = await ptb('plans', 'show', planId, '--tenant', names[0] ?? '');
  expect(tenant.stdout).toContain('~ /policies/authorizationPolicy  applied\n');
  const all = await ptb('plans', 'go-on', planId, '--wait');
  expect(all).toMatchObject({ exitCode: 0, stdout: expect.stringContaining(`Changes: ${names.length} applied\n`) });
  expect((await ptb('apply', planId)).exitCode).toBe(1);
  // Where the state is the aim already, there is nothing to change.
  expect((await plan('--tenant', ...names)).stdout).toContain('Nothing is to be changed.');

  const undo = await ptb('plans', 'undo', planId, '--wait');
  expect([undo.exitCode, undo.stdout]).toEqual([0, expect.stringContaining('      + ManagePermissionGrantsForSelf.')]);
  const undoId = undo.stdout.slice(0, undo.stdout.indexOf(':'));
  const back = await ptb('apply', undoId, '--waves', '100%', '--no-confirm', '--pause', '0', '--wait');
  expect(back).toMatchObject({ exitCode: 0, stdout: expect.stringContaining(`Changes: ${names.length} applied\n`) });
  const forward = await ptb('plans', 'undo', undoId, '--wait');
  expect([forward.exitCode, forward.stdout]).toEqual([0, expect.stringContaining(difference)]);
  const { stdout } = await ptb('plans');
  expect(stdout).toMatch(new RegExp(`^${undoId} +applied `, 'm'));
});

it('gives a customer what was changed in its tenant, with the values before and after', async () => {
  await runTimer(demo, 'checkpoint-audit');
  const [first, other] = reachable;
  const tenantId = first?.tenantId ?? '';
  const file = join(folder, 'extract.jsonl');
  const period = ['--since', '2020-01-01', '--until', new Date(Date.now() + 86_400_000).toISOString()];
  const extract = () => ptb('audit', 'extract', '--tenant', tenantId, ...period, '--out', file);
  // The first checkpoint may be on its way.
  await expect.poll(async () => (await extract()).exitCode, { interval: 500, timeout: 20_000 }).toBe(0);
  const { exitCode, stdout } = await ptb('audit', 'verify', file, '--tenant', tenantId);
  expect([exitCode, stdout]).toEqual([0, expect.stringContaining(difference)]);
  // The checkpoint is older than these records.
  const [proven = '', unproven = ''] = stdout.split('Changes whose records no checkpoint covers: nothing proves');
  expect(proven).not.toContain('ManagePermissionGrantsForSelf');
  // It was changed, and changed back.
  expect(unproven).toContain('      + ManagePermissionGrantsForSelf.');
  expect(await readFile(file, 'utf8')).not.toContain(other?.tenantId);
  const hidden = join(folder, 'hidden.jsonl');
  await ptb('audit', 'extract', '--tenant', tenantId, ...period, '--withhold', 'ForSelf', '--out', hidden);
  const withheld = await ptb('audit', 'verify', hidden);
  expect([withheld.exitCode, withheld.stdout]).toEqual([
    0,
    expect.stringContaining('that the partner withholds the values'),
  ]);
  expect(withheld.stdout).not.toContain('ManagePermissionGrantsForSelf');
});

it('ends with 1 when it is held, says why, and ends when a person says so', async () => {
  const [first] = reachable;
  const { planId } = await plan();
  await mayChange(first?.tenantId ?? '', []);
  const held = await ptb('apply', planId, '--waves', first?.tenantId ?? '', '100%', '--pause', '0', '--wait');
  expect([held.exitCode, held.stdout]).toEqual([
    1,
    expect.stringContaining('Held: 1 tenant failed: wave 1 stops at 1.'),
  ]);
  expect(held.stdout).toContain('Changes: 1 refused\n');
  const ended = await ptb('plans', 'end', planId);
  expect(ended).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('nothing more is sent') });
  const shown = await ptb('plans', 'show', planId, '--wait');
  expect([shown.exitCode, shown.stdout]).toEqual([1, expect.stringContaining('Apply: ended')]);
});

it('names the other command for a job that reports, and for one that changes tenants', async () => {
  expect(await ptb('plan', 'access-check')).toMatchObject({
    exitCode: 2,
    stderr: expect.stringContaining('ptb run access-check'),
  });
  const run = await ptb('run', 'block-user-consent');
  expect(run).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('ptb plan block-user-consent') });
  const shown = await ptb('jobs', 'show', 'block-user-consent');
  expect(shown.stdout).toContain('Plan it with: ptb plan block-user-consent');
});
