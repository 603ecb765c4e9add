import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { registerTenantsConsent } from '../../../../src/cli/commands/tenants-consent.ts';
import type { TenantId } from '../../../../src/lib/core/identifiers.ts';
import { FakeClock } from '../../../fakes/fake-clock.ts';
import { aadstsFailure } from '../../../fakes/fake-redeemer.ts';
import { type MemoryCredentialStore, storeWithCredential } from '../../../fakes/memory-credential-store.ts';
import { createJournalFiles } from '../../../../src/cli/customer-consent/journal-files.ts';
import { graphAppId } from '../../../../src/lib/consent/permissions.ts';
import { clientId, CustomerCloud, customerId } from '../customer-consent/customer-cloud.ts';
import { clearStage, partner, runOnVault, type VaultTools } from './vault-stage.ts';

let folder: string;
let clock: FakeClock;
let store: MemoryCredentialStore;
let cloud: CustomerCloud;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ptb-consent-'));
  vi.stubEnv('XDG_STATE_HOME', folder);
  clock = new FakeClock();
  store = await storeWithCredential(partner as TenantId, () => clock.nowMs());
  cloud = new CustomerCloud(clock);
});
afterEach(async () => {
  clearStage();
  await rm(folder, { recursive: true, force: true });
});

const consent = (words: readonly string[], more: Partial<VaultTools> = {}) => {
  const { redeemer, fetch } = cloud;
  return runOnVault(registerTenantsConsent, ['tenants', 'consent', ...words], {
    store,
    redeemer,
    clock,
    fetch,
    ...more,
  });
};
const [one, two] = [customerId(1), customerId(2)];
const all = (method: string) => [`${method} ${one}`, `${method} ${two}`];

const wanted = () => cloud.wanted.join(', ');

describe('ptb tenants consent', () => {
  it('gives the consent to the customers that lack it, and says what each brought', async () => {
    cloud.granted.set(two, cloud.wanted);
    const { exit, out, err } = await consent([]);
    expect([exit, cloud.changes]).toEqual([0, [`POST ${one}`]]);
    expect(cloud.granted.get(one)).toEqual(cloud.wanted);
    expect(err).toBe('Reading the consents of 2 customers …\n1/1 Customer 1: consented\n');
    expect(out).toBe(
      '1 tenant consented, 1 had the consent already, 0 failed. Tokens include the consent after about three minutes.\n',
    );
    expect((await consent([])).out).toBe('No tenant lacks the consent. 2 have it.\n');
    expect(cloud.changes).toHaveLength(1);
  });

  it('changes only the customers that are named', async () => {
    expect((await consent(['--tenant', two])).exit).toBe(0);
    expect(cloud.changes).toEqual([`POST ${two}`]);
  });

  it('prints one JSON document', async () => {
    const { out } = await consent(['--json', '--tenant', one]);
    expect(JSON.parse(out)).toMatchObject({
      consented: 1,
      already: 0,
      failed: 0,
      tenants: [{ tenantId: one, name: 'Customer 1', outcome: 'consented' }],
    });
  });

  it('shows the plan with --dry-run, and changes nothing', async () => {
    const { exit, out } = await consent(['--dry-run']);
    expect([exit, cloud.changes]).toEqual([0, []]);
    expect(out).toContain(`Customer 1: consent to Microsoft Graph: ${wanted()}\n`);
    expect(out).toMatch(/Nothing was changed\.\n$/);
  });

  it('waits with --wait until Entra issues tokens', async () => {
    let redeemed = 0;
    cloud.redeemer.script = (redemption) => {
      const isCustomer = redemption.tenantId === one && cloud.granted.has(one);
      return isCustomer && (redeemed += 1) < 4 ? aadstsFailure(65001) : cloud.token(redemption);
    };
    const { exit, out } = await consent(['--wait', '--json', '--tenant', one]);
    expect([exit, JSON.parse(out)]).toMatchObject([0, { working: 1 }]);
    expect(redeemed).toBeGreaterThan(3);
  });

  it('ends with 3 if a tenant issues no token at the end of the wait', async () => {
    let hasRead = false;
    // Entra issues the token that shows the consent, and none after it.
    cloud.redeemer.script = (redemption) => {
      if (redemption.tenantId !== two || !cloud.granted.has(two)) return cloud.token(redemption);
      if (hasRead) return aadstsFailure(65001);
      hasRead = true;
      return cloud.token(redemption);
    };
    const { exit, out, err } = await consent(['--wait', '--json']);
    expect([exit, JSON.parse(out)]).toMatchObject([3, { consented: 2, working: 1 }]);
    expect(err).toContain('Some tenants do not issue tokens yet.');
  });

  it('gives a consent again that an interrupted run withdrew', async () => {
    const journal = createJournalFiles(join(folder, 'partner-token-broker'), clientId);
    const before = [{ appId: graphAppId, name: 'Microsoft Graph', scopes: [...cloud.wanted] }];
    const entry = { tenantId: two as TenantId, name: 'Customer 2', startedAtMs: 0, before, after: before };
    await journal.save(entry);
    const dry = await consent(['--dry-run', '--tenant', one]);
    expect(dry.err).toContain('An earlier run was interrupted in 1 customer after it had withdrawn the consent.');
    expect(cloud.changes).toEqual([]);
    await consent(['--tenant', one]);
    expect(cloud.changes.toSorted()).toEqual(all('POST'));
    expect(await journal.list()).toEqual([]);
  });

  it('ends with 3 and names the customer that refuses', async () => {
    cloud.partnerCenter = ({ method, url }) =>
      method === 'POST' && url.pathname.includes(one) ? Response.json({ code: 600009 }, { status: 403 }) : undefined;
    const { exit, out } = await consent([]);
    expect([exit, cloud.changes]).toEqual([3, [`POST ${two}`]]);
    expect(out).toMatch(/^1 tenant consented, 0 had the consent already, 1 failed\..*\n {2}Customer 1: .+\nNext: /);
  });

  it('ends with 4 if every customer needs a sign-in with MFA', async () => {
    const refused = Response.json({ code: 900421, description: 'MFA required' }, { status: 401 });
    cloud.partnerCenter = ({ method }) => (method === 'POST' ? refused : undefined);
    expect((await consent(['--tenant', one])).exit).toBe(4);
  });

  it('says that Microsoft lists no customer', async () => {
    cloud.customers = [];
    const { err } = await consent([]);
    expect(cloud.changes).toEqual([]);
    expect(err).toContain('AdminAgents');
  });

  it.each([
    [['--check', '--remove'], 'Give only one of --check and --remove.'],
    [['--check', '--renew', '--remove'], 'Give only one of --check and --remove and --renew.'],
    [['--remove'], 'There is no terminal to ask for confirmation.'],
    [['--renew'], 'There is no terminal to ask for confirmation.'],
  ])('refuses %j before any request', async (words, said) => {
    const { exit, err } = await consent(words);
    expect([exit, cloud.redeemer.sent]).toEqual([2, []]);
    expect(err).toContain(said);
  });

  it.each([
    [['--partner-tenant', 'nonsense'], 1, 'PARTNER_TENANT_ID (--partner-tenant)'],
    [['--vault', 'nonsense'], 1, 'KEY_VAULT_URL (--vault)'],
    [['--permissions', 'nonsense'], 1, 'neither gdap nor reader nor changes nor legacy'],
    [['--tenant', 'bbbbbbbb-0000-4000-8000-000000000099'], 1, 'is not among the customer tenants'],
    [['--application', 'second'], 4, '(credential_missing)'],
  ])('fails with %j, and changes nothing', async (words, code, said) => {
    const { exit, out, err } = await consent(words);
    expect([exit, out, cloud.changes]).toEqual([code, '', []]);
    expect(err).toContain(said);
  });

  it('fails before any change if the application gets no token for Partner Center', async () => {
    cloud.redeemer.script = (redemption) =>
      redemption.resourceIdentifier.includes('partnercenter') ? aadstsFailure(65001) : cloud.token(redemption);
    const { exit, err } = await consent(['--tenant', one]);
    expect([exit, cloud.changes]).toEqual([4, []]);
    expect(err).toMatch(/gets no token for Partner Center.*Add user_impersonation of Microsoft Partner Center/);
  });
});

describe('ptb tenants consent --check', () => {
  it('ends with 0 if every customer has what the profile asks for, and changes nothing', async () => {
    for (const each of [one, two]) cloud.granted.set(each, cloud.wanted);
    const { exit, out } = await consent(['--check']);
    expect([exit, cloud.changes]).toEqual([0, []]);
    expect(out).toMatch(
      /^The consent of the profile: 2 tenants as it should be, 0 differ, 0 could not be checked\.\n$/,
    );
  });

  it('says nothing of earlier runs, and names what one of them withdrew and did not give again', async () => {
    for (const each of [one, two]) cloud.granted.set(each, cloud.wanted);
    expect((await consent(['--check'])).err).toBe('Reading the consents of 2 customers …\n');
    const journal = createJournalFiles(join(folder, 'partner-token-broker'), clientId);
    for (const number of [1, 2]) {
      const [tenantId, name] = [customerId(number) as TenantId, `Customer ${number}`];
      await journal.save({ tenantId, name, startedAtMs: 0, before: [], after: [] });
    }
    const { exit, err } = await consent(['--check']);
    expect([exit, cloud.changes]).toEqual([0, []]);
    expect(err).toContain('had withdrawn the consent of Customer 1, Customer 2. Run the command without --check.');
  });

  it('ends with 3 and names what a customer lacks', async () => {
    cloud.granted.set(one, cloud.wanted);
    cloud.granted.set(two, cloud.wanted.slice(1));
    const { exit, out } = await consent(['--check']);
    expect(exit).toBe(3);
    expect(out).toContain(`  Customer 2 lacks Microsoft Graph: ${cloud.wanted[0]}\n`);
    const { out: json } = await consent(['--check', '--json']);
    expect(JSON.parse(json)).toMatchObject({ equal: 1, different: 1, failed: 0, tenants: { length: 2 } });
  });
});

describe('ptb tenants consent --renew', () => {
  /** One scope is missing, so the whole consent must be withdrawn and given again. */
  beforeEach(() => {
    for (const each of [one, two]) cloud.granted.set(each, cloud.wanted.slice(1));
  });

  it('withdraws each consent and gives it again with the further permissions', async () => {
    const { exit, out } = await consent(['--renew', '--yes']);
    expect(exit).toBe(0);
    expect(cloud.changes.toSorted()).toEqual([...all('DELETE'), ...all('POST')]);
    expect(cloud.granted.get(two)).toEqual(expect.arrayContaining([...cloud.wanted]));
    expect(out).toContain('2 tenants consented');
  });

  it('does not withdraw anything without --renew', async () => {
    await consent([]);
    expect(cloud.changes).toEqual([]);
  });

  it('says what it will withdraw, and changes nothing unless the person agrees', async () => {
    const { exit, out, err } = await consent(['--renew'], { answer: 'n' });
    expect([exit, out, cloud.changes]).toEqual([1, '', []]);
    expect(err).toContain(`Customer 1, Customer 2: add Microsoft Graph: ${cloud.wanted[0]}\n`);
    expect(err).toMatch(/Withdraw these consents and give them again\?[^]*Nothing was changed\.\n$/);
    expect((await consent(['--renew'], { answer: 'y' })).exit).toBe(0);
    expect(cloud.changes).toHaveLength(4);
  });
});

describe('ptb tenants consent --remove', () => {
  beforeEach(() => {
    cloud.granted.set(one, cloud.wanted);
  });

  it('withdraws the consent where there is one, and counts', async () => {
    const { exit, out, err } = await consent(['--remove', '--yes']);
    expect([exit, cloud.changes]).toEqual([0, [`DELETE ${one}`]]);
    expect(out).toBe('The consent of 1 tenant was removed, 1 had none, 0 failed.\n');
    expect(err).toContain('1/1 Customer 1: removed\n');
  });

  it('prints one JSON document', async () => {
    const { out } = await consent(['--remove', '--yes', '--json']);
    expect(JSON.parse(out)).toMatchObject({
      removed: 1,
      absent: 1,
      failed: 0,
      tenants: [
        { tenantId: one, name: 'Customer 1', outcome: 'removed' },
        { tenantId: two, name: 'Customer 2', outcome: 'absent' },
      ],
    });
  });

  it('shows the customers with --dry-run, and changes nothing', async () => {
    const { exit, out } = await consent(['--remove', '--dry-run']);
    expect([exit, out, cloud.changes]).toEqual([0, 'Customer 1\nNothing was changed.\n', []]);
  });

  it('names the customers and the effect, and changes nothing unless the person agrees', async () => {
    const { exit, err } = await consent(['--remove'], { answer: '' });
    expect([exit, cloud.changes]).toEqual([1, []]);
    expect(err).toContain('1 customer: Customer 1\n');
    expect(err).toContain('that use the application "default" get consent_required there afterwards.');
    expect(err).toMatch(/Withdraw the consent\?[^]*Nothing was changed\.\n$/);
    expect((await consent(['--remove'], { answer: 'y' })).exit).toBe(0);
    expect(cloud.changes).toEqual([`DELETE ${one}`]);
  });
});
