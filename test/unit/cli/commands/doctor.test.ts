import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { registerDoctor } from '../../../../src/cli/commands/doctor.ts';
import type { TenantId } from '../../../../src/lib/core/identifiers.ts';
import type { Fetch } from '../../../../src/lib/core/outbound.ts';
import { FakeClock } from '../../../fakes/fake-clock.ts';
import { aadstsFailure, FakeRedeemer } from '../../../fakes/fake-redeemer.ts';
import { MemoryCredentialStore, refreshTokenOf, storeWithCredential } from '../../../fakes/memory-credential-store.ts';
import { scriptedFetch } from '../../../fakes/scripted-fetch.ts';
import { GdapBench, tenantId } from '../../operator/doctor/gdap-bench.ts';
import { clearStage, partner, runOnVault } from './vault-stage.ts';

interface Document {
  readonly status: string;
  readonly checks: readonly { readonly check: string; readonly status: string; readonly message: string }[];
}

let clock: FakeClock;
let store: MemoryCredentialStore;
let redeemer: FakeRedeemer;
let gdap: GdapBench;
/** Two customers with an active relationship. */
beforeEach(async () => {
  clock = new FakeClock();
  store = await storeWithCredential(partner as TenantId, () => clock.nowMs());
  redeemer = new FakeRedeemer(clock);
  gdap = new GdapBench(clock);
  gdap.relationships = [1, 2].map((customer) => ({
    customer,
    roles: ['Global Reader', 'Directory Readers', 'License Administrator', 'Reports Reader', 'Security Reader'],
  }));
  gdap.answerInstead = (path) => (path.startsWith('/v1.0/applications') ? { passwordCredentials: [] } : undefined);
});
afterEach(clearStage);

/** Partner Center and the part of Microsoft Graph that lists the customers. */
const microsoft: Fetch = scriptedFetch(async ({ url }) => {
  if (url.pathname.endsWith('/delegatedAdminRelationships')) {
    const value = [1, 2].map((customer) => ({
      id: `relationship-${customer}`,
      displayName: 'ours',
      customer: { tenantId: tenantId(customer), displayName: `customer ${customer}` },
      status: 'active',
      endDateTime: new Date(clock.nowMs() + 400 * 86_400_000).toISOString(),
    }));
    return { value };
  }
  return Response.json({ value: [], items: [] }, { headers: { isMfaCompliant: 'true' } });
}).fetch;

const doctor = (...words: string[]) => {
  const graph = () => ({ client: gdap.client, writer: undefined as never });
  return runOnVault(registerDoctor, ['doctor', ...words], { store, redeemer, clock, fetch: microsoft, graph });
};
const read = (out: string): Document => JSON.parse(out) as Document;
const statusOf = ({ checks }: Document, name: string) => checks.find(({ check }) => check === name)?.status;

describe('ptb doctor', () => {
  it('prints each check on a line, and ends with 0 if all is well', async () => {
    const { exit, out, err } = await doctor();
    expect([exit, err]).toEqual([0, '']);
    expect(out).toMatch(/^note {5}Settings: The settings for this command are valid\./);
    for (const check of ['Key Vault', 'Credential', 'Client credential', 'Partner tenant', 'Partner Center'])
      expect(out).toMatch(new RegExp(`^ok {7}${check}: `, 'm'));
    expect(out).toContain('customer 1');
    expect(out).not.toMatch(/FAILED|WARNING/);
  });

  it('prints one JSON document and nothing else', async () => {
    const { exit, out } = await doctor('--json');
    const document = read(out);
    expect([exit, document.status]).toEqual([0, 'ok']);
    expect(document.checks.map(({ check }) => check).slice(0, 3)).toEqual(['Settings', 'Key Vault', 'Credential']);
    expect(statusOf(document, 'Customer token')).toBe('ok');
  });

  it('asks Entra for a token of the customer that is named', async () => {
    await doctor('--customer', tenantId(2));
    const asked = redeemer.sent.map((each) => each.tenantId);
    expect(asked).toContain(tenantId(2));
    expect(asked).not.toContain(tenantId(1));
  });

  it('says in one line for which jobs the roles suffice, and names each that lacks one', async () => {
    const { out } = await doctor();
    const lines = out.split('\n').filter((line) => line.includes('Roles for '));
    expect(lines).toContainEqual(expect.stringMatching(/^ok {7}Roles for \S+ and \d+ more: All customers give/));
    expect(lines).toContainEqual(expect.stringMatching(/^note {5}Roles for inbox-rules: 2 of 2 customers/));
    expect(lines.filter((line) => line.startsWith('ok'))).toHaveLength(1);
    const { checks } = read((await doctor('--json')).out);
    expect(checks.filter(({ check }) => check.startsWith('Roles for ')).length).toBeGreaterThan(lines.length);
  });

  it('checks the roles that the jobs of the application need', async () => {
    gdap.relationships = [1, 2].map((customer) => ({ customer, roles: ['Global Reader'] }));
    const { exit, out } = await doctor('--json');
    expect(exit).toBe(0);
    expect(out).toContain('licence-report');
    const second = await storeWithCredential(partner as TenantId, () => clock.nowMs(), 'second');
    store = second;
    expect((await doctor('--json', '--application', 'second')).out).not.toContain('licence-report');
  });

  it('ends with 1 and the status warning if nothing failed but something will', async () => {
    await clock.advance(75 * 86_400_000);
    const { exit, out } = await doctor('--json');
    expect([exit, read(out).status, statusOf(read(out), 'Credential')]).toEqual([1, 'warning', 'warning']);
    const { out: lines } = await doctor();
    // The remedy is on a line of its own.
    expect(lines).toMatch(/^WARNING {2}Credential: .+\n {9}\S.+$/m);
  });

  it('ends with 4 if a person must sign in, and skips what that prevents', async () => {
    redeemer.script = ({ grant }) => (grant.kind === 'delegated' ? aadstsFailure(50173) : undefined);
    const { exit, out } = await doctor();
    expect(exit).toBe(4);
    expect(out).toMatch(/^FAILED {3}Partner tenant: .+\n {9}.*ptb consent/m);
    expect(out).toMatch(/^- {8}Customer token: Not checked/m);
    expect(read((await doctor('--json')).out).status).toBe('failed');
  });

  it('takes the exit code of the first failure, because it causes the others', async () => {
    redeemer.script = () => aadstsFailure(90033);
    const { exit, out } = await doctor();
    expect([exit, out]).toEqual([5, expect.stringMatching(/^FAILED {3}Client credential/m)]);
  });

  it('names the application that the vault does not hold', async () => {
    store = new MemoryCredentialStore();
    await store.saveRefreshToken('default', refreshTokenOf('alone', 0));
    const { exit, out } = await doctor();
    expect([exit, redeemer.sent]).toEqual([4, []]);
    expect(out).toMatch(/^FAILED {3}Key Vault: /m);
  });

  it.each([
    ['--partner-tenant', 'PARTNER_TENANT_ID (--partner-tenant)'],
    ['--vault', 'KEY_VAULT_URL (--vault)'],
  ])('fails before any request if %s is wrong', async (option, said) => {
    const { exit, out } = await doctor(option, 'nonsense', '--json');
    expect(exit).toBe(1);
    expect(read(out)).toMatchObject({ status: 'failed', checks: [{ check: 'Settings', status: 'failed' }] });
    expect([read(out).checks[0]?.message, redeemer.sent]).toEqual([expect.stringContaining(said), []]);
  });
});
