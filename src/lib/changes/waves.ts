import { hash } from 'node:crypto';
import { BrokerError } from '../core/errors.ts';
import type { TenantId } from '../core/identifiers.ts';

const share = /^(\d{1,3})%$/;

/** Tenants of a plan that are changed before those of the next wave. */
export interface Wave {
  /** What named them: a share, a group, a tag or a tenant. */
  readonly entry: string;
  readonly tenants: readonly TenantId[];
}

/** The waves of a plan that names none: a tenth of the tenants, then all. */
export const defaultWaves = (tenants: number): readonly string[] => (tenants > 1 ? ['10%', '100%'] : ['100%']);

/**
 * Divides tenants into waves. Their order within a share is fixed by the plan, and is none that names or ids have. A share
 * that the waves before it reach already is left out.
 * @param selectedBy the tenants of an entry that is no share. @throws BrokerError request_invalid for an unknown group or tag.
 * @throws BrokerError request_invalid for a group without a tenant, two that name the same tenant, shares that do not grow, and
 * tenants that no wave has.
 */
export async function divide(
  entries: readonly string[],
  tenants: readonly TenantId[],
  digest: string,
  selectedBy: (entry: string) => Promise<(tenantId: TenantId) => boolean>,
): Promise<readonly Wave[]> {
  const place = (tenantId: TenantId): string => hash('sha256', `${digest} ${tenantId}`, 'hex');
  const order = tenants.toSorted((one, other) => (place(one) < place(other) ? -1 : 1));
  const waves: Wave[] = [];
  const taken = new Map<TenantId, string>();
  let reached = 0;
  for (const entry of entries) {
    const percent = percentOf(entry);
    if (percent !== undefined && percent <= reached)
      throw new BrokerError('request_invalid', `The wave "${entry}" is no more than the share before it.`);
    const wave = await waveOf(entry, percent, { order, taken, selectedBy });
    reached = percent ?? reached;
    // A group may be more than the share that follows it.
    if (wave.length === 0 && percent !== undefined) continue;
    if (wave.length === 0) throw new BrokerError('request_invalid', `The wave "${entry}" has no tenant of the plan.`);
    for (const tenantId of wave) taken.set(tenantId, entry);
    waves.push({ entry, tenants: wave });
  }
  const left = tenants.length - taken.size;
  if (left > 0)
    throw new BrokerError(
      'request_invalid',
      `The waves leave ${left} of ${tenants.length} tenants out; end with "100%".`,
    );
  return waves;
}

interface Dividing {
  readonly order: readonly TenantId[];
  readonly taken: ReadonlyMap<TenantId, string>;
  readonly selectedBy: (entry: string) => Promise<(tenantId: TenantId) => boolean>;
}

/** @throws BrokerError request_invalid for a share beyond 1% to 100%. */
function percentOf(entry: string): number | undefined {
  const [, percent] = share.exec(entry) ?? [];
  if (percent === undefined) return undefined;
  if (Number(percent) >= 1 && Number(percent) <= 100) return Number(percent);
  throw new BrokerError('request_invalid', `"${entry}" is no share: write 1% to 100%.`);
}

async function waveOf(
  entry: string,
  percent: number | undefined,
  { order, taken, selectedBy }: Dividing,
): Promise<TenantId[]> {
  if (percent !== undefined) {
    const upTo = Math.ceil((order.length * percent) / 100);
    return order.filter((tenantId) => !taken.has(tenantId)).slice(0, Math.max(0, upTo - taken.size));
  }
  const isSelected = await selectedBy(entry);
  const wave = order.filter(isSelected);
  const twice = wave.find((tenantId) => taken.has(tenantId));
  if (twice !== undefined)
    throw new BrokerError(
      'request_invalid',
      `The waves "${taken.get(twice)}" and "${entry}" both have the tenant ${twice}; each tenant belongs to one wave.`,
    );
  return wave;
}
