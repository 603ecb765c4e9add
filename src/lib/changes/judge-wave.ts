import { type Clock, isoTime, minuteMs } from '../core/clock.ts';
import type { Logger } from '../core/log.ts';
import { defined } from '../core/objects.ts';
import type { JudgeWaveInput, WaveVerdict } from '../runs/engine/apply-waves.ts';
import {
  type ApplyRequest,
  type BadTenants,
  type Hold,
  isEnded,
  type Run,
  type RunId,
  type RunPlan,
  type StopLimits,
  type TenantRun,
} from '../runs/store/run.ts';
import type { Runs } from '../runs/store/runs.ts';

export interface JudgeWaveDeps {
  readonly clock: Clock;
  readonly newId: () => string;
  readonly log: Logger;
  readonly runs: Pick<Runs, 'log' | 'results' | 'stops'>;
}

/** The hold that is in force. */
export const holdOf = ({ hold, goneOn }: Pick<Run, 'hold' | 'goneOn'>): Hold | undefined =>
  hold === undefined || goneOn?.hold === hold.id ? undefined : hold;

const afterWave = (wave: number): string => `wave-${wave}`;

/** What an apply waits for a person about: a hold, or the end of a wave. Undefined: it does not wait. */
export function waitsFor({ hold, goneOn, wave, status, cancelRequestedAtMs }: Run): string | undefined {
  if (isEnded(status) || cancelRequestedAtMs !== undefined) return undefined;
  if (wave?.isLast === true && wave.endedAtMs !== undefined) return undefined;
  const held = holdOf({ hold, goneOn })?.id;
  return held ?? (wave?.waits === true && (goneOn?.wave ?? 0) < wave.wave ? afterWave(wave.wave) : undefined);
}

/** Whether a person has let the apply go on after this. */
export const hasGoneOn = ({ goneOn }: Pick<Run, 'goneOn'>, waited: string): boolean =>
  goneOn !== undefined &&
  (goneOn.hold === waited || goneOn.wave >= Number(/^wave-(\d+)$/.exec(waited)?.[1] ?? Infinity));

/** The orchestration asks again after this time, if nobody decides: an event may be lost. */
const longestWaitMs = 30 * minuteMs;
/** When accepted changes that do not show are looked for, in minutes after the end of the last wave. */
const looksAfterMinutes = [15, 60];

/** The limits of a wave. Those of the first one are lower: whatever fails in few tenants would fail in many. */
const limitsOf = ({ failed, unclear }: StopLimits, wave: number): StopLimits =>
  wave === 1 ? { failed: 0, unclear: Math.min(unclear, 1) } : { failed, unclear };

/** How tenants ended that count as unclear. In the first wave, these are also those of which Microsoft accepted a change and does not show it. */
const unclearWords = (wave: number): string => `without a clear answer${wave === 1 ? ' or effect' : ''}`;

/** When an apply is held, wave by wave. Whoever lets it go on makes the count begin anew. */
export function stopFacts(
  stop: StopLimits,
  waves: number,
): readonly { readonly name: string; readonly value: string }[] {
  const stopsAt = (wave: number): string => {
    const { failed, unclear } = limitsOf(stop, wave);
    return `stops at ${failed + 1} failed or ${unclear + 1} ${unclearWords(wave)}`;
  };
  const later = { name: 'Later waves', value: `${stopsAt(2)}, counted anew after each go-ahead` };
  return [{ name: 'Wave 1', value: stopsAt(1) }, ...(waves < 2 ? [] : [later])];
}

/** Counts the tenants that ended badly. */
function badOf(records: readonly TenantRun[]): BadTenants {
  const isFailed = ({ code, round }: TenantRun): boolean =>
    // One that was excluded before the apply, or left, was never part of it.
    round > 0 && code !== 'change_unclear' && code !== 'change_unconfirmed' && code !== 'change_drifted';
  return {
    failed: records.filter(isFailed).length,
    unclear: records.filter(({ code }) => code === 'change_unclear').length,
    unconfirmed: records.filter(({ code }) => code === 'change_unconfirmed').length,
  };
}

/** Why no further tenant may be begun, in a sentence. In the first wave, what does not show counts as unclear. */
function excessOf(bad: BadTenants, { stop }: ApplyRequest, wave: number, seen: BadTenants): string | undefined {
  const isFirst = wave === 1;
  const most = limitsOf(stop, wave);
  const failed = bad.failed - seen.failed;
  const unclear = bad.unclear - seen.unclear + (isFirst ? bad.unconfirmed - seen.unconfirmed : 0);
  const tooMany = (count: number, end: string, allowed: number): string =>
    `${count} ${count === 1 ? 'tenant' : 'tenants'} ${end}: ${isFirst ? 'wave 1 stops' : 'later waves stop'} at ${allowed + 1}.`;
  if (failed > most.failed) return tooMany(failed, 'failed', most.failed);
  if (unclear > most.unclear) return tooMany(unclear, `ended ${unclearWords(wave)}`, most.unclear);
  return undefined;
}

const nothing: BadTenants = { failed: 0, unclear: 0, unconfirmed: 0 };

/** The tenants that have ended badly so far. */
export const badTenants = async ({ runs }: Pick<JudgeWaveDeps, 'runs'>, runId: RunId): Promise<BadTenants> =>
  badOf(await Array.fromAsync(runs.log.tenants(runId, 'failed')));

/**
 * Holds an apply if too many tenants have ended badly.
 * @returns the hold that is in force.
 * @throws BrokerError storage_unavailable
 */
export async function holdIfBad(
  deps: JudgeWaveDeps,
  runId: RunId,
  request: ApplyRequest,
  wave: number,
): Promise<Hold | undefined> {
  const run = await deps.runs.log.find(runId);
  if (run === undefined) return undefined;
  const inForce = holdOf(run);
  if (inForce !== undefined) return inForce;
  const bad = await badTenants(deps, runId);
  let hold: Hold | undefined;
  const changed = await deps.runs.log.changeBy(runId, (now) => {
    hold = holdOf(now);
    const detail = hold === undefined ? excessOf(bad, request, wave, now.goneOn?.bad ?? nothing) : undefined;
    if (detail === undefined) return undefined;
    hold = { id: deps.newId(), atMs: deps.clock.nowMs(), code: 'apply_held', detail };
    return { hold };
  });
  if (changed?.hold !== undefined) deps.log.log('warn', 'apply.held', { runId, detail: changed.hold.detail });
  return hold;
}

/**
 * Decides how an apply goes on. What a person decides is in the record of the run, so that no lost event changes it.
 * @throws BrokerError storage_unavailable; the orchestration repeats the activity.
 */
export async function judgeWave(deps: JudgeWaveDeps, input: JudgeWaveInput): Promise<WaveVerdict> {
  const { runId, wave, phase } = input;
  const run = await deps.runs.log.find(runId);
  const plan = run && (await deps.runs.results.plan(run));
  if (plan?.change?.kind !== 'apply' || run === undefined || isEnded(run.status)) return { next: 'end' };
  if (run.cancelRequestedAtMs !== undefined || run.stoppedBy !== undefined) return { next: 'end' };
  const apply = plan.change;
  const nowMs = deps.clock.nowMs();
  if (phase === 'late') return lateLook(deps, { run, plan, looks: input.looks ?? 0 });
  const wait = (untilMs: number): WaveVerdict => ({ next: 'wait', untilMs: Math.min(untilMs, nowMs + longestWaitMs) });
  const expire = async (): Promise<WaveVerdict> => {
    const detail = `The plan expired at ${isoTime(apply.expiresAtMs)}.`;
    await deps.runs.stops.stop(runId, { code: 'plan_expired', detail });
    return { next: 'end' };
  };
  const isLast = wave >= apply.waves.length;
  const hold = await holdIfBad(deps, runId, apply, wave);
  // Once the last wave is sent, nothing is left to hold.
  if (hold !== undefined && !(isLast && phase !== 'held'))
    return nowMs >= apply.expiresAtMs ? expire() : wait(apply.expiresAtMs);
  if (phase === 'held') return { next: 'go' };
  const known = run.wave?.wave === wave ? run.wave.endedAtMs : undefined;
  const endedAtMs = known ?? nowMs;
  if (known === undefined)
    await deps.runs.log.change(runId, { wave: defined({ wave, endedAtMs, isLast: isLast || undefined }) });
  if (isLast) return { next: 'go' };
  if (phase === 'sent') {
    if (nowMs >= apply.expiresAtMs) return expire();
    const untilMs = endedAtMs + apply.pauseMinutes * minuteMs;
    if (nowMs < untilMs) return wait(untilMs);
    return defined({
      next: 'go' as const,
      again: apply.pauseMinutes > 0 ? await changedIn(deps, run, plan, wave) : undefined,
    });
  }
  if (nowMs >= apply.expiresAtMs) return expire();
  if (apply.confirmWaves && (run.goneOn?.wave ?? 0) < wave) {
    if (run.wave?.waits !== true) await deps.runs.log.change(runId, { wave: { wave, endedAtMs, waits: true } });
    return wait(apply.expiresAtMs);
  }
  await deps.runs.log.change(runId, { wave: { wave: wave + 1 } });
  return { next: 'go' };
}

/** The tenants of the wave in which something was done. A look begins no other. */
async function changedIn(
  { runs }: JudgeWaveDeps,
  { runId }: Run,
  { attempt }: RunPlan,
  wave: number,
): Promise<number[]> {
  const changed = new Set<string>();
  for await (const { tenantId, rowsName } of runs.log.tenants(runId)) if (rowsName !== undefined) changed.add(tenantId);
  return attempt.flatMap((tenant, index) => (tenant.wave === wave && changed.has(tenant.tenantId) ? [index] : []));
}

interface LateLook {
  readonly run: Run;
  readonly plan: RunPlan;
  readonly looks: number;
}

/** Waits for the next look at what does not show, if there is any. */
async function lateLook({ runs, clock }: JudgeWaveDeps, { run, plan, looks }: LateLook): Promise<WaveVerdict> {
  const open = new Set<string>();
  for await (const { tenantId, code } of runs.log.tenants(run.runId, 'failed'))
    if (code === 'change_unconfirmed') open.add(tenantId);
  const afterMinutes = looksAfterMinutes[looks];
  if (open.size === 0 || afterMinutes === undefined) return { next: 'go' };
  const untilMs = (run.wave?.endedAtMs ?? clock.nowMs()) + afterMinutes * minuteMs;
  if (clock.nowMs() < untilMs) return { next: 'wait', untilMs };
  return { next: 'go', again: plan.attempt.flatMap(({ tenantId }, index) => (open.has(tenantId) ? [index] : [])) };
}
