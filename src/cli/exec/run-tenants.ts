import type { Clock } from '../../lib/core/clock.ts';
import type { ChildEnd } from './run-child.ts';
import type { ExecTenant } from './tenant.ts';

/** How the program ended for one tenant. */
export interface TenantEnd extends Pick<ChildEnd, 'exitCode' | 'endedBy'> {
  readonly tenant: ExecTenant;
  readonly outcome: ChildEnd['outcome'];
  readonly durationMs: number;
  /** How often the program was started. */
  readonly attempts: number;
  /** One sentence, if more is known than the exit code says. */
  readonly detail?: string;
}

export interface RunTenantsOptions {
  /** Programs under way at the same time. */
  readonly parallel: number;
  /** How often a program that failed is started again, after all others have had their turn. */
  readonly retries: number;
  /** No further program is started once it is aborted. */
  readonly signal: AbortSignal;
}

/** Runs the program for one tenant. @throws if no further tenant can be served. */
export type RunTenant = (tenant: ExecTenant) => Promise<Omit<TenantEnd, 'tenant' | 'durationMs' | 'attempts'>>;

/**
 * Runs the program for all tenants.
 * @param ended is told each tenant that will not be tried again. An interrupted one is not told.
 * @returns the tenants for which the program ended, in the order of the end.
 * @throws the first error of `run` or `ended`, once the programs under way have ended.
 */
export async function runTenants(
  deps: { readonly clock: Clock; readonly run: RunTenant; readonly ended: (end: TenantEnd) => Promise<void> },
  tenants: readonly ExecTenant[],
  { parallel, retries, signal }: RunTenantsOptions,
): Promise<TenantEnd[]> {
  const ends: TenantEnd[] = [];
  const broken: unknown[] = [];
  const attempt = async (tenant: ExecTenant, attempts: number): Promise<boolean> => {
    const startMs = deps.clock.nowMs();
    const how = await deps.run(tenant);
    if (how.outcome === 'interrupted') return true;
    if (how.outcome !== 'succeeded' && attempts <= retries) return false;
    const end = { ...how, tenant, durationMs: deps.clock.nowMs() - startMs, attempts };
    ends.push(end);
    await deps.ended(end);
    return true;
  };
  let waiting = [...tenants];
  for (let attempts = 1; waiting.length > 0; attempts += 1) {
    const queue = waiting.values();
    const again: ExecTenant[] = [];
    const work = async (): Promise<void> => {
      for (const tenant of queue) {
        if (signal.aborted || broken.length > 0) return;
        try {
          if (!(await attempt(tenant, attempts))) again.push(tenant);
        } catch (error) {
          broken.push(error);
        }
      }
    };
    await Promise.all(Array.from({ length: Math.min(parallel, waiting.length) }, work));
    if (broken.length > 0) throw broken[0];
    if (signal.aborted) break;
    waiting = again;
  }
  return ends;
}
