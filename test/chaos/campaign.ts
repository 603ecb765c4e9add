import { setTimeout as delay } from 'node:timers/promises';
import { readLedger } from 'microsoft-cloud/client';
import { seededRandom } from '../fakes/fake-clock.ts';
import type { Canary } from '../support/leak-scan.ts';
import { secretsInTheVault } from '../support/vault-secrets.ts';
import { checkAudit, checkIdle, checkLeaks, checkRuns, checkThrottling, recovery } from './aftermath.ts';
import { disturb } from './disturbances.ts';
import { createCallers, load, nothingSeen, type Seen, startRuns } from './load.ts';
import { startWorld, type World } from './world.ts';

export interface CampaignOptions {
  readonly seed: number;
  /** Duration of the disturbances; the checks afterwards take additional time. */
  readonly seconds: number;
  /** The disturbances continue until there were so many tokens and kinds of disturbances, also on a slow machine. */
  readonly atLeast?: { readonly tokens: number; readonly kinds: number };
  readonly tenants?: number;
  readonly say: (line: string) => void;
}

export interface CampaignReport {
  readonly seed: number;
  readonly seconds: number;
  /** Number of disturbances by name. */
  readonly disturbances: Readonly<Record<string, number>>;
  readonly requests: number;
  readonly unanswered: number;
  readonly byStatus: Readonly<Record<string, number>>;
  readonly byCode: Readonly<Record<string, number>>;
  readonly longestAnswerMs: number;
  readonly tokens: number;
  readonly auditRecords: number;
  readonly runs: Readonly<Record<string, number>>;
  readonly rotations: number;
  readonly throttledReplies: number;
  readonly entraRequests: number;
  /** Time until a new token was issued after the last disturbance. */
  readonly recoverySeconds: number | undefined;
  readonly scannedMiB: number;
  /** Broken promises; empty if the product has no defect. */
  readonly violations: readonly string[];
}

const callersAtOnce = 8;
const rotationEveryMs = 4_000;

/** Disturbs the product under load, then checks the promises. The same seed gives the same disturbances. */
export async function runCampaign(options: CampaignOptions): Promise<CampaignReport> {
  const { seed, seconds, atLeast = { tokens: 0, kinds: 0 }, tenants = 30, say } = options;
  const world = await startWorld({ tenants, seed });
  const seen = nothingSeen();
  try {
    const who = await createCallers(world);
    const vault = new Map((await secretsInTheVault(world)).map((canary) => [canary.value, canary]));
    const untilMs = Date.now() + seconds * 1000;
    const disturbances: Record<string, number> = {};
    const isOver = (): boolean =>
      Date.now() >= untilMs &&
      seen.tokenIds.length >= atLeast.tokens &&
      Object.keys(disturbances).length >= atLeast.kinds;
    say(`${seconds} s of trouble with seed ${seed}`);
    const [rotations] = await Promise.all([
      rotate(world, vault, isOver),
      disturb(world, seededRandom(seed), isOver, disturbances),
      startRuns(world, who, seededRandom(seed + 1), isOver, seen),
      ...Array.from({ length: callersAtOnce }, (_, index) =>
        load(world, who, seededRandom(seed * 1_000 + index), isOver, seen),
      ),
    ]);
    say('Trouble is over; looking at what is left');
    const recoverySeconds = await recovery(world, who);
    if (recoverySeconds === undefined) seen.violations.push('no token can be had any more: the credential is lost');
    const runs = await checkRuns(world, who, seen);
    const auditRecords = await checkAudit(world, who, seen);
    const throttledReplies = await checkThrottling(world, seen);
    await checkIdle(world, seen);
    const { totals } = await readLedger(world.cloud.control);
    checkBound(totals.entraTokenRequests, seen, tenants);
    for (const canary of await secretsInTheVault(world)) vault.set(canary.value, canary);
    // Azurite writes its state only when it exits.
    await world.restartStorage();
    const scanned = await checkLeaks(world, seen, [...vault.values()]);
    return {
      seed,
      seconds,
      disturbances,
      rotations,
      runs,
      auditRecords,
      throttledReplies,
      recoverySeconds,
      requests: seen.requests,
      unanswered: seen.unanswered,
      byStatus: seen.byStatus,
      byCode: seen.byCode,
      longestAnswerMs: Math.round(seen.longestMs),
      tokens: seen.tokenIds.length,
      entraRequests: totals.entraTokenRequests,
      scannedMiB: scanned / 1_048_576,
      violations: seen.violations,
    };
  } finally {
    await world.stop();
  }
}

/** Runs the daily credential timer every few seconds. @returns how often it was started. */
async function rotate(world: World, vault: Map<string, Canary>, isOver: () => boolean): Promise<number> {
  let rotations = 0;
  for (;;) {
    await delay(rotationEveryMs);
    if (isOver()) return rotations;
    try {
      await world.runFunction('rotate-credential');
      rotations += 1;
      for (const canary of await secretsInTheVault(world)) vault.set(canary.value, canary);
    } catch {
      // The host is down at this moment, or the vault does not answer.
    }
  }
}

/**
 * Nothing loops: one answer takes at most three attempts and two credential checks, and a run requests three
 * resources in three rounds.
 */
function checkBound(entraRequests: number, seen: Seen, tenants: number): void {
  const bound = seen.requests * 5 + seen.runIds.length * tenants * 3 * 3 * 5;
  if (entraRequests > bound) seen.violations.push(`${entraRequests} token requests to Entra; ${bound} are explained`);
}
