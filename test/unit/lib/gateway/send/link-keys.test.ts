import { describe, expect, it } from 'vitest';
import { GatewayLinks, linkKeyName, LinkKeys } from '../../../../../src/lib/gateway/send/gateway-links.ts';
import type { KeyVaultSecrets } from '../../../../../src/lib/tokens/credential/key-vault-secrets.ts';
import { BrokerError } from '../../../../../src/lib/core/errors.ts';
import type { TenantId } from '../../../../../src/lib/core/identifiers.ts';
import { FakeClock } from '../../../../fakes/fake-clock.ts';

interface Version {
  readonly version: string;
  readonly value: string;
  readonly createdAtMs: number;
  enabled: boolean;
}

class MemoryVault {
  readonly stored: Version[] = [];
  failure: Error | undefined;
  reads = 0;

  readonly secrets = {
    set: async (_name: string, { value }: { value: string }) => {
      const version = `v${9 - this.stored.length}`;
      this.stored.unshift({ version, value, createdAtMs: 1_000, enabled: true });
      return version;
    },
    version: async (_name: string, version: string) => {
      if (this.failure) throw this.failure;
      return this.stored.find((each) => each.version === version && each.enabled);
    },
    versions: async () => {
      this.reads += 1;
      if (this.failure) throw this.failure;
      return this.stored.map(({ version, createdAtMs, enabled }) => ({ version, createdAtMs, enabled }));
    },
  } as unknown as Pick<KeyVaultSecrets, 'set' | 'version' | 'versions'>;
}

let made = 0;
function keysOf(vault: MemoryVault, clock = new FakeClock()): LinkKeys {
  const randomBytes = (count: number): Buffer => Buffer.alloc(count, (made += 1));
  return new LinkKeys({ secrets: vault.secrets, clock, randomBytes });
}

describe('LinkKeys', () => {
  it('makes a key on first use and keeps it', async () => {
    const vault = new MemoryVault();
    const keys = keysOf(vault);
    const [key] = await keys.current();
    expect(Buffer.from(key.reveal(), 'base64url')).toHaveLength(32);
    await keys.current();
    expect(vault.stored.map(({ value }) => value)).toEqual([key.reveal()]);
    expect(vault.reads).toBe(2);
  });

  it('uses the key that another instance made', async () => {
    const vault = new MemoryVault();
    const [first] = await keysOf(vault).current();
    const found = await keysOf(vault).current();
    expect(found.map((key) => key.reveal())).toEqual([first.reveal()]);
    expect(vault.stored).toHaveLength(1);
  });

  it('agrees on one of two keys that were made in the same second', async () => {
    const vault = new MemoryVault();
    const { secrets } = vault;
    await secrets.set(linkKeyName, { value: Buffer.alloc(32, 200).toString('base64url'), contentType: '', tags: {} });
    await secrets.set(linkKeyName, { value: Buffer.alloc(32, 201).toString('base64url'), contentType: '', tags: {} });
    const [one, other] = [await keysOf(vault).current(), await keysOf(vault).current()];
    expect(one.map((key) => key.reveal())).toEqual(other.map((key) => key.reveal()));
    expect(one).toHaveLength(2);
  });

  it('signs with the oldest enabled version', async () => {
    const vault = new MemoryVault();
    const value = (fill: number): string => Buffer.alloc(32, fill).toString('base64url');
    vault.stored.push(
      { version: 'c', value: value(3), createdAtMs: 3_000, enabled: true },
      { version: 'b', value: value(2), createdAtMs: 2_000, enabled: true },
      { version: 'a', value: value(1), createdAtMs: 1_000, enabled: false },
    );
    expect((await keysOf(vault).current()).map((key) => key.reveal())).toEqual([value(2), value(3)]);
  });

  it('reads the four oldest versions, and none that is disabled', async () => {
    const vault = new MemoryVault();
    const value = (fill: number): string => Buffer.alloc(32, fill).toString('base64url');
    const asked: string[] = [];
    for (let fill = 7; fill >= 1; fill -= 1)
      vault.stored.push({ version: `v${fill}`, value: value(fill), createdAtMs: fill, enabled: fill !== 2 });
    const { secrets } = vault;
    const spied = {
      ...secrets,
      version: (...args: Parameters<typeof secrets.version>) => {
        asked.push(args[1] ?? '');
        return secrets.version(...args);
      },
    };
    const keys = new LinkKeys({ secrets: spied, clock: new FakeClock(), randomBytes: (count) => Buffer.alloc(count) });
    expect((await keys.current()).map((key) => key.reveal())).toEqual([1, 3, 4, 5].map(value));
    expect(asked).toEqual(['v1', 'v3', 'v4', 'v5']);
  });

  it('fails if Key Vault does not return the key that it has just stored', async () => {
    const vault = new MemoryVault();
    const secrets = { ...vault.secrets, versions: async () => [] };
    const keys = new LinkKeys({ secrets, clock: new FakeClock(), randomBytes: (count) => Buffer.alloc(count) });
    await expect(keys.current()).rejects.toMatchObject({ code: 'key_vault_unavailable' });
  });

  it('makes another key if an operator has disabled all, or stored something else', async () => {
    const vault = new MemoryVault();
    vault.stored.push({ version: 'a', value: 'short', createdAtMs: 1, enabled: true });
    const [first] = await keysOf(vault).current();
    expect(vault.stored).toHaveLength(2);
    for (const version of vault.stored) version.enabled = false;
    const [second] = await keysOf(vault).current();
    expect(second.equals(first)).toBe(false);
  });

  it('keeps its copy while Key Vault does not answer, and fails without one', async () => {
    const vault = new MemoryVault();
    const clock = new FakeClock();
    const keys = keysOf(vault, clock);
    const [key] = await keys.current();
    vault.failure = new BrokerError('key_vault_unavailable', 'Key Vault answered HTTP 503.');
    await clock.advance(3_600_000);
    expect((await keys.current())[0].equals(key)).toBe(true);
    await expect(keysOf(vault).current()).rejects.toMatchObject({ code: 'key_vault_unavailable' });
  });
});

describe('GatewayLinks', () => {
  const owner = { rule: 'r', caller: 'c', tenantId: 't' as TenantId, resource: 'graph' };
  const route = {
    gatewayUrl: 'https://broker.example/api/gateway/t/graph',
    resourceUrl: 'https://graph.microsoft.com',
    rootUrl: 'https://graph.microsoft.com/v1.0',
    requestUrl: 'https://graph.microsoft.com/v1.0/users',
  };
  const link = 'https://graph.microsoft.com/v1.0/users?$skiptoken=x';
  const below = (written: string | undefined): string => (written ?? '').slice(route.gatewayUrl.length);

  it('reads what it wrote', async () => {
    const links = new GatewayLinks(keysOf(new MemoryVault()));
    const written = (await links.writer(owner, route, ['id']))(link);
    expect(written).toMatch(
      /^https:\/\/broker\.example\/api\/gateway\/t\/graph\/v1\.0\/users\?\$skiptoken=x&ptb_link=/,
    );
    expect(await links.read(owner, below(written))).toEqual({
      ok: true,
      url: '/v1.0/users?$skiptoken=x',
      link: { selected: ['id'] },
    });
  });

  it('accepts a link of an instance that made its key at the same time', async () => {
    const vault = new MemoryVault();
    const clock = new FakeClock();
    const links = new GatewayLinks(keysOf(vault, clock));
    await links.writer(owner, route, []);
    const value = Buffer.alloc(32, 250).toString('base64url');
    const other = new MemoryVault();
    other.stored.push({ version: 'z', value, createdAtMs: 1_000, enabled: true });
    const written = (await new GatewayLinks(keysOf(other)).writer(owner, route, []))(link);
    expect(await links.read(owner, below(written))).toMatchObject({ ok: false });
    vault.stored.unshift({ version: 'z', value, createdAtMs: 1_000, enabled: true });
    await clock.advance(5_000);
    expect(await links.read(owner, below(written))).toMatchObject({ ok: true });
  });

  it('needs no key for a URL without a MAC, and reads Key Vault at most every five seconds for others', async () => {
    const vault = new MemoryVault();
    const clock = new FakeClock();
    const links = new GatewayLinks(keysOf(vault, clock));
    await links.read(owner, '/v1.0/users');
    expect(vault.reads).toBe(0);
    await links.read(owner, '/v1.0/users?ptb_link=a.b');
    const before = vault.reads;
    for (let count = 0; count < 50; count += 1) await links.read(owner, '/v1.0/users?ptb_link=a.b');
    expect(vault.reads).toBe(before);
    await clock.advance(5_000);
    for (let count = 0; count < 50; count += 1) await links.read(owner, '/v1.0/users?ptb_link=a.b');
    expect(vault.reads).toBe(before + 1);
  });
});
