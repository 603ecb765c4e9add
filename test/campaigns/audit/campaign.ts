import { type Finding, isTampering } from '../../../src/lib/audit/verify/finding.ts';
import { verifyExport } from '../../../src/lib/audit/verify/verify-export.ts';
import { attacks, type Expected, tamper } from './tamper.ts';
import { AuditWorld, evidenceOf, type Exported, seeded } from './world.ts';

export interface CampaignResult {
  readonly tamperings: number;
  /** Tamperings by name: how many were made, and how many were found and named. */
  readonly byName: ReadonlyMap<string, { made: number; named: number }>;
  /** Untouched exports, with crashes and failures, in which tampering was seen. */
  readonly falseAlarms: readonly string[];
  readonly untouched: number;
  readonly missed: readonly string[];
}

const perExport = 100;

/** Tampers `count` times with exports of generated fleets, and verifies each. */
export async function runAuditCampaign({ count, seed }: { count: number; seed: number }): Promise<CampaignResult> {
  const random = seeded(seed);
  const byName = new Map<string, { made: number; named: number }>();
  const falseAlarms: string[] = [];
  const missed: string[] = [];
  const kinds = Object.keys(attacks);
  let tamperings = 0;
  let untouched = 0;
  while (tamperings < count) {
    const worldSeed = Math.floor(random() * 2 ** 31);
    const exported = await generate(worldSeed);
    untouched += 1;
    const alarm = (await verifyExport(evidenceOf(exported))).findings.find(isTampering);
    if (alarm !== undefined) falseAlarms.push(`world ${worldSeed}: ${JSON.stringify(alarm)}`);
    for (let tries = 0, made = 0; made < perExport && tries < perExport * 3 && tamperings < count; tries += 1) {
      const tampered = tamper(exported, kinds[tamperings % kinds.length] ?? '', random);
      if (tampered === undefined) continue;
      made += 1;
      tamperings += 1;
      const { findings } = await verifyExport(evidenceOf(tampered.exported));
      const isNamed = findings.some(isTampering) && findings.some((finding) => names(finding, tampered.expected));
      const counts = byName.get(tampered.name) ?? { made: 0, named: 0 };
      byName.set(tampered.name, { made: counts.made + 1, named: counts.named + (isNamed ? 1 : 0) });
      if (!isNamed)
        missed.push(
          `world ${worldSeed}, ${tampered.name}: ${JSON.stringify(tampered.expected)} ${JSON.stringify(findings.slice(0, 5))}`,
        );
    }
  }
  return { tamperings, byName, falseAlarms, untouched, missed };
}

/** A fleet with crashes, failed writes and an older version beside it, over an hour. */
async function generate(seed: number): Promise<Exported> {
  const random = seeded(seed);
  const world = new AuditWorld(random, { writes: 0.03, failedWrites: 0.1, crashes: 0.002, failedCheckpoints: 0.05 });
  for (let started = 0; started < 3; started += 1) world.startInstance(started === 2);
  await world.run(900);
  world.kill();
  // The clocks of instances differ.
  world.startInstance(false, (random() - 0.5) * 150_000);
  if (random() < 0.3) world.rotateKey();
  await world.run(600 + Math.floor(random() * 600));
  world.isKeyDisabled = random() < 0.2;
  await world.run(300);
  world.isKeyDisabled = false;
  await world.run(320);
  return world.export();
}

function names(finding: Finding, { kinds, places, rowKeys, checkpoint, unchained }: Expected): boolean {
  if (!kinds.includes(finding.kind)) return false;
  if (checkpoint !== undefined) return finding.checkpoint === checkpoint;
  if (unchained === true) return finding.checkpoint !== undefined && finding.detail.includes('without a chain');
  if (rowKeys !== undefined) return finding.record !== undefined && rowKeys.includes(finding.record.rowKey);
  if (places === undefined) return true;
  return places.some(
    ({ chain, seq }) =>
      finding.chain === chain && (finding.first ?? Number.POSITIVE_INFINITY) <= seq && seq <= (finding.last ?? 0),
  );
}
