import type { Clock } from './clock.ts';
import type { FaultRule } from './faults/rule.ts';
import type { TenantChange } from './population/change-tenant.ts';
import type { TenantData } from './population/own-tenants.ts';
import type { Settings } from './world.ts';

export interface CloudOptions {
  /**
   * Number of customer tenants, 0 to 100,000, or the tenants themselves, which are `ok` and without a trait unless they say
   * otherwise. Default: 25.
   */
  readonly tenants?: number | readonly TenantData[];
  /** Number of users of each customer tenant, 1 to 10,000. Default: between 4 and 130, by tenant. */
  readonly usersPerTenant?: number;
  /** The same seed gives the same population. Default: 1. */
  readonly seed?: number;
  /** Minimum time of each Entra and Graph request, milliseconds. Default: 0. */
  readonly delayMs?: number;
  /** Names of fault sets, fault rules, or both. */
  readonly faults?: readonly (string | FaultRule)[];
  /** Makes every tenant `ok` and without a trait. */
  readonly plain?: boolean;
  /** Changes to customer tenants, made at the start: number of the tenant, from 0 → change. */
  readonly customers?: Readonly<Record<number, TenantChange>>;
  /**
   * Path of a copy of Microsoft's published permission file, `permissions.json` of microsoftgraph/microsoft-graph-devx-content.
   * Without it, the cloud knows the requests that partners send most.
   */
  readonly permissions?: string;
  /** Port of the control endpoint; the services use the eight ports after it. Free ports when absent or 0. */
  readonly port?: number;
  /**
   * Address of the network interface that it listens on. Default: `127.0.0.1`. In a container `0.0.0.0`. The names in the
   * document stay `localhost`.
   */
  readonly host?: string;
  /** Called when a client ends a connection as clients do that do not trust the certificate. */
  readonly onUntrusted?: () => void;
  readonly settings?: Partial<Settings>;
  /** The clock that the cloud's own clock follows. Default: the system clock. */
  readonly clock?: Clock;
}

/** The number of customer tenants. */
export const countOf = (tenants: CloudOptions['tenants'] = 25): number =>
  typeof tenants === 'number' ? tenants : tenants.length;

/** @throws RangeError for an option out of range. */
export function checkOptions({ tenants, usersPerTenant }: CloudOptions): void {
  checkCount('tenants', countOf(tenants), { lowest: 0, highest: 100_000 });
  if (usersPerTenant !== undefined) checkCount('usersPerTenant', usersPerTenant, { lowest: 1, highest: 10_000 });
}

function checkCount(
  name: string,
  count: number,
  { lowest, highest }: { readonly lowest: number; readonly highest: number },
): void {
  if (!Number.isInteger(count) || count < lowest || count > highest)
    throw new RangeError(`${name} must be ${lowest} to ${highest}.`);
}
