import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openExport } from '../../../src/cli/audit/export-file.ts';
import { UsageError } from '../../../src/cli/run-program.ts';
import { type Finding, isTampering } from '../../../src/operator/audit/read-checkpoints.ts';
import { verdictOf, type Verification, verifyExport } from '../../../src/operator/audit/verify-export.ts';
import { attackExport } from './export-attacks.ts';
import { type Expected, payloadOf, timeOf } from './rows.ts';
import { attacks, tamper } from './tamper.ts';
import { evidenceOf, type Exported, partner } from './world.ts';
import { seededRandom } from '../../fakes/fake-clock.ts';
import { worldAttacks } from './world-attacks.ts';
import { generate, startWorld } from './worlds.ts';

export interface CampaignResult {
  readonly tamperings: number;
  /** Tamperings by name: how many were made, and how many were found and named. */
  readonly byName: ReadonlyMap<string, { made: number; named: number }>;
  /** Untouched exports, with crashes and failures, in which tampering was seen. */
  readonly falseAlarms: readonly string[];
  readonly untouched: number;
  /** Whole ones of those that were proven. Of the others, something was not signed. */
  readonly proven: number;
  readonly missed: readonly string[];
}

/** Tamperings with one untouched export. */
const perExport = 100;
/** Of 20 tamperings, this many are with the header, the end or the keys of an export, and this many with a running world. */
const [ofExport, ofWorld] = [3, 2];

/** Tampers `count` times with generated fleets and their exports, and verifies each. */
export async function runAuditCampaign({ count, seed }: { count: number; seed: number }): Promise<CampaignResult> {
  const folder = await mkdtemp(join(tmpdir(), 'ptb-audit-campaign-'));
  try {
    return await new Campaign(seededRandom(seed), folder).run(count);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

interface AttackedWorld {
  readonly name: string;
  readonly isNamed: boolean;
  readonly verification: Verification;
}

/**
 * Attacks one running world. Often a second attack follows the first.
 * @param worldSeed as the campaign prints it, so that a tampering that was missed can be made again.
 * @returns undefined if there was nothing to attack.
 */
export async function attackWorld(worldSeed: number): Promise<AttackedWorld | undefined> {
  const random = seededRandom(worldSeed);
  const world = await startWorld(random);
  const names = Object.keys(worldAttacks);
  const first = names[Math.floor(random() * names.length)] ?? '';
  const following = names.filter((name) => worldAttacks[name]?.canFollow === true);
  const second = following[Math.floor(random() * following.length)] ?? '';
  const chosen = worldAttacks[first]?.canFollow === true && random() < 0.5 ? [second, first] : [first];
  const expected: Expected[] = [];
  let exportIt = (exported: Exported): Exported => exported;
  for (const name of chosen) {
    const attacked = await worldAttacks[name]?.run(world, random);
    if (attacked === undefined) return undefined;
    expected.push(attacked.expected);
    exportIt = attacked.export ?? exportIt;
  }
  const verification = await verifyExport(evidenceOf(exportIt(world.export())));
  return { name: chosen.join(', then '), isNamed: isFound(verification, expected), verification };
}

class Campaign {
  readonly #random: () => number;
  readonly #file: string;
  readonly #byName = new Map<string, { made: number; named: number }>();
  readonly #falseAlarms: string[] = [];
  readonly #missed: string[] = [];
  #tamperings = 0;
  #untouched = 0;
  #proven = 0;

  constructor(random: () => number, folder: string) {
    this.#random = random;
    this.#file = join(folder, 'export.jsonl');
  }

  async run(count: number): Promise<CampaignResult> {
    const kinds = Object.keys(attacks);
    while (this.#tamperings < count) {
      const worldSeed = Math.floor(this.#random() * 2 ** 31);
      const exported = await this.#untouchedExport(worldSeed);
      const until = Math.min(count, this.#tamperings + perExport);
      for (let tries = 0; this.#tamperings < until && tries < 3 * perExport; tries += 1) {
        const share = tries % 20;
        if (share < ofExport) await this.#attackFile(exported, worldSeed);
        else if (share < ofExport + ofWorld) await this.#attackWorld(worldSeed + tries);
        else {
          const tampered = tamper(exported, kinds[tries % kinds.length] ?? '', this.#random);
          if (tampered === undefined) continue;
          const verification = await verifyExport(evidenceOf(tampered.exported));
          this.#count(tampered.name, isFound(verification, [tampered.expected]), worldSeed, verification);
        }
      }
    }
    return {
      tamperings: this.#tamperings,
      byName: this.#byName,
      falseAlarms: this.#falseAlarms,
      untouched: this.#untouched,
      proven: this.#proven,
      missed: this.#missed,
    };
  }

  async #untouchedExport(worldSeed: number): Promise<Exported> {
    const exported = await generate(worldSeed);
    const verification = await this.#verifyUntouched(exported, worldSeed);
    if (verdictOf(verification) === 'proven') this.#proven += 1;
    await this.#verifyUntouched(limited(exported, this.#random), worldSeed);
    return exported;
  }

  async #verifyUntouched(exported: Exported, worldSeed: number): Promise<Verification> {
    const { from, to } = exported.period ?? {};
    const verification = await verifyExport(
      evidenceOf(exported, {
        ...(from === undefined ? {} : { fromMs: Date.parse(from) }),
        ...(to === undefined ? {} : { toMs: Date.parse(to) }),
      }),
    );
    this.#untouched += 1;
    const alarm = verification.findings.find(isTampering);
    if (alarm !== undefined) this.#falseAlarms.push(`world ${worldSeed} ${from} ${to}: ${JSON.stringify(alarm)}`);
    if (!isWhole(verification)) this.#falseAlarms.push(`world ${worldSeed}: not each record counts once`);
    return verification;
  }

  async #attackFile(exported: Exported, worldSeed: number): Promise<void> {
    const attacked = attackExport(exported, this.#random);
    if (attacked === undefined) return;
    await writeExport(this.#file, attacked.exported);
    const { verifiedMs = attacked.exported.exportedMs } = attacked.exported;
    const always = { fromMs: Number.NEGATIVE_INFINITY, toMs: Number.POSITIVE_INFINITY };
    try {
      const verification = await verifyExport(await openExport(this.#file, always, verifiedMs));
      this.#count(attacked.name, isFound(verification, [attacked.expected]), worldSeed, verification);
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      this.#count(attacked.name, attacked.expected.isRefused === true, worldSeed);
    }
  }

  async #attackWorld(worldSeed: number): Promise<void> {
    const attacked = await attackWorld(worldSeed);
    if (attacked !== undefined) this.#count(attacked.name, attacked.isNamed, worldSeed, attacked.verification);
  }

  #count(name: string, isNamed: boolean, worldSeed: number, verification?: Verification): void {
    this.#tamperings += 1;
    const { made, named } = this.#byName.get(name) ?? { made: 0, named: 0 };
    this.#byName.set(name, { made: made + 1, named: named + (isNamed ? 1 : 0) });
    const findings = JSON.stringify(verification?.findings.slice(0, 5) ?? 'refused');
    if (!isNamed) this.#missed.push(`world ${worldSeed}, ${name}: ${findings}`);
  }
}

/** What an export with `--from` and `--to` would have. */
function limited({ records, checkpoints, ...rest }: Exported, random: () => number): Exported {
  const times = records.map(timeOf).toSorted((one, other) => one - other);
  const [one = 0, other = 0] = [random(), random()].map((part) => times[Math.floor(part * times.length)]);
  const [fromMs, toMs] = [Math.min(one, other), Math.max(one, other)];
  const first = checkpoints.findLastIndex((jws) => Date.parse(payloadOf(jws).at) < fromMs);
  const kept = checkpoints.slice(Math.max(0, first));
  const end = kept.findIndex((jws) => Date.parse(payloadOf(jws).from) > toMs + 120_000);
  return {
    ...rest,
    records: records.filter((record) => timeOf(record) >= fromMs && timeOf(record) < toMs),
    checkpoints: end < 0 ? kept : kept.slice(0, end + 1),
    period: { from: new Date(fromMs).toISOString(), to: new Date(toMs).toISOString() },
  };
}

async function writeExport(file: string, exported: Exported): Promise<void> {
  const { records, checkpoints, keys, exportedMs, broker = partner, period } = exported;
  const lines = [
    { type: 'audit-export', v: 1, broker, ...period },
    ...checkpoints.map((jws) => ({ type: 'checkpoint', jws })),
    ...keys.map((jwk) => ({ type: 'key', jwk })),
    ...records.map((record) => ({ type: 'record', record })),
    { type: 'end', records: records.length, exportedAt: new Date(exportedMs).toISOString() },
  ];
  await writeFile(file, lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
}

/** Whether each record counts once. */
const isWhole = ({ counts, records }: Verification): boolean =>
  Object.values(counts).reduce((sum, each) => sum + each, 0) === records;

/** Whether the verdict is as bad as it has to be, and findings name what was done. */
function isFound(verification: Verification, all: readonly Expected[]): boolean {
  const verdict = verdictOf(verification);
  const isOpen = all.every((expected) => expected.isOpen === true || expected.isRefused === true);
  if (!isWhole(verification)) return false;
  if (verdict === 'proven' || (verdict === 'unproven' && !isOpen)) return false;
  return all.every(
    (expected) => expected.isRefused === true || verification.findings.some((finding) => names(finding, expected)),
  );
}

function names(finding: Finding, { kinds, places, rowKeys, checkpoint, unchained, detail }: Expected): boolean {
  if (!kinds.includes(finding.kind)) return false;
  if (detail !== undefined && !finding.detail.includes(detail)) return false;
  if (checkpoint !== undefined) return finding.checkpoint === checkpoint;
  if (unchained === true) return finding.checkpoint !== undefined && finding.detail.includes('without a chain');
  if (rowKeys !== undefined) return finding.record !== undefined && rowKeys.includes(finding.record.rowKey);
  if (places === undefined) return true;
  return places.some(
    ({ chain, seq }) =>
      finding.chain === chain && (finding.first ?? Number.POSITIVE_INFINITY) <= seq && seq <= (finding.last ?? 0),
  );
}
