import { withDeadline } from '../../core/deadline.ts';
import { errorFields } from '../../core/log.ts';
import type { Orchestrations } from '../../core/orchestrations.ts';
import type { RunId } from '../store/run-id.ts';
import type { TenantsVisitResult, VisitTenantsInput } from './visit-summary.ts';
import { visitTenants, type VisitTenantsDeps } from './visit-tenants.ts';

/** Longest wait for the platform. Without an answer the activity would not end, nor would its batch and its run. */
const tellWithinMs = 30_000;

interface VisitInTurnDeps extends VisitTenantsDeps {
  readonly orchestrations: Pick<Orchestrations, 'raise'>;
}

/** As `visitTenants`. Meanwhile tells the run that an instance has taken these tenants, if the run waits for that. Never throws. */
export async function visitInTurn(
  deps: VisitInTurnDeps,
  { takenEvent, ...input }: VisitTenantsInput,
): Promise<TenantsVisitResult> {
  const told = takenEvent === undefined ? undefined : tellRun(deps, input.runId, takenEvent);
  const result = await visitTenants(deps, input);
  await told;
  return result;
}

async function tellRun({ orchestrations, clock, log }: VisitInTurnDeps, runId: RunId, event: string): Promise<void> {
  try {
    await withDeadline(clock, tellWithinMs, () => orchestrations.raise(runId, event));
  } catch (thrown) {
    // The run starts its next batch when this one has ended.
    log.log('warn', 'run.next_batch_late', { runId, ...errorFields(thrown) });
  }
}
