import { describe, expect, it } from 'vitest';
import type { InventoryVersion } from '../../../../src/lib/tokens/credential/vault-inventory.ts';
import { BrokerError } from '../../../../src/lib/core/errors.ts';
import { accountsIn } from '../../../../src/operator/revoke/read-state.ts';
import { problem } from '../../../fakes/scripted-fetch.ts';
import { RevokeBench } from './revoke-bench.ts';

/** When a secret was to be removed, in milliseconds after the first time. */
async function removals(answer: (nth: number) => ReturnType<typeof problem> | undefined): Promise<number[]> {
  const bench = await RevokeBench.create();
  const atMs: number[] = [];
  bench.graph = ({ url, body }) => {
    if (!url.pathname.endsWith('/removePassword') || body?.includes('secret-1') !== true) return undefined;
    atMs.push(bench.clock.nowMs());
    return answer(atMs.length);
  };
  await bench.revoke();
  return atMs.map((time) => time - (atMs[0] ?? 0));
}

it('a step that fails is tried again after 1, 2 and 4 seconds', async () => {
  expect(await removals(() => problem(400, 'BadRequest'))).toEqual([0, 1_000, 3_000, 7_000]);
  expect(await removals((nth) => (nth < 3 ? problem(400, 'BadRequest') : undefined))).toEqual([0, 1_000, 3_000]);
});

it('a step that was done, or that the operator may not do, is tried once', async () => {
  expect(await removals(() => undefined)).toEqual([0]);
  expect(await removals(() => problem(403, 'Denied'))).toEqual([0]);
});

describe('a refresh token of which nobody knows the account', () => {
  const version = (more: Partial<InventoryVersion>): InventoryVersion => ({
    version: 'v1',
    enabled: false,
    createdAtMs: 1_000,
    ...more,
  });
  const unnamed = (more: Partial<InventoryVersion>, revokedAtMs?: number) => {
    const vault = { client: [], refreshToken: [version(more)] };
    return accountsIn(revokedAtMs === undefined ? vault : { ...vault, revokedAtMs }, {}, new Map()).unnamed;
  };

  it('needs none if a recorded revocation disabled it', () => {
    expect(unnamed({}, 1_000)).toEqual([]);
    expect(unnamed({}, 1_001)).toEqual([]);
  });

  it('needs one without a record, if it is younger than the record, or if it is enabled', () => {
    expect(unnamed({})).toEqual(['v1']);
    expect(unnamed({}, 999)).toEqual(['v1']);
    expect(unnamed({ enabled: true }, 1_000)).toEqual(['v1']);
  });

  it('cannot be known while the vault cannot be read', () => {
    const away = new BrokerError('key_vault_unavailable', 'It is away.');
    expect(accountsIn(away, {}, new Map())).toEqual({ accounts: [], unnamed: [] });
  });
});
