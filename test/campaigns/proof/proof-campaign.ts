import { hashOf, type StoredRecord } from '../../../src/lib/audit/chain/checkpoint.ts';
import { type ExtractLine, extractType, shownText } from '../../../src/lib/audit/proof/layout.ts';
import { type ExtractVerdict, verifyExtract } from '../../../src/lib/audit/proof/verify-extract.ts';
import { seededRandom } from '../../fakes/fake-clock.ts';
import { changes, type Sources, tampered } from './tamper-extract.ts';
import { generateProof, type ProofWorld, randomPeriod, textsOf } from './proof-world.ts';

const noneCovered = 'No signed checkpoint covers any of the period.';

export interface ProofCampaign {
  honest: number;
  proven: number;
  /** Honest extracts of a period of which no checkpoint covers any part. */
  uncovered: number;
  /** Honest extracts with a record without checkpoint from a time that is proven. */
  contradicted: number;
  /** Honest extracts about which the verifier says what is not so. */
  readonly falseAlarms: string[];
  readonly tamperings: Map<string, number>;
  /** False extracts that it calls proven. */
  readonly missed: string[];
  /** Records that a checkpoint covers and an extract lacks, or the reverse. */
  readonly incomplete: string[];
}

/** Makes fleets, and honest and false extracts of each. */
export async function runProofCampaign(count: number, honest: number, seed: number): Promise<ProofCampaign> {
  const found: ProofCampaign = {
    honest: 0,
    proven: 0,
    uncovered: 0,
    contradicted: 0,
    falseAlarms: [],
    tamperings: new Map(),
    missed: [],
    incomplete: [],
  };
  const kinds = Object.keys(changes);
  let made = 0;
  for (let number = 0; made < count || found.honest < honest; number += 1) {
    const random = seededRandom(seed * 1_000 + number);
    const world = await generateProof(seed * 1_000 + number);
    const stranger = await generateProof(seed * 1_000 + number + 500_000);
    for (const tenant of world.tenants) {
      const period = randomPeriod(random, world);
      const lines = await honestExtract(found, world, tenant, period);
      if (lines === undefined) continue;
      const sources: Sources = {
        lines,
        period: (await honestExtract(found, world, tenant, randomPeriod(random, world))) ?? [],
        neighbour:
          (await honestExtract(found, world, world.tenants[tenant === world.tenants[1] ? 0 : 1] ?? tenant, period)) ??
          [],
        stranger: (await honestExtract(found, stranger, stranger.tenants[1] ?? tenant, period)) ?? [],
        sealed: (front) => seal(world, front),
        random,
      };
      if (!(await isUnmoved(world, lines))) found.missed.push(`lines that nobody signs: tenant ${tenant}`);
      for (let each = 0; each < Math.ceil(count / 40) && made < count; each += 1) {
        const kind = kinds[(made + each) % kinds.length] ?? '';
        const false_ = await tampered(kind, sources);
        if (false_ === undefined) continue;
        made += 1;
        found.tamperings.set(kind, (found.tamperings.get(kind) ?? 0) + 1);
        const { isProven } = await verifyExtract(false_, { keys: world.keys, nowMs: world.audit.nowMs });
        if (isProven) found.missed.push(`${kind}: fleet ${seed * 1_000 + number}, tenant ${tenant}`);
      }
    }
  }
  return found;
}

/** Whether lines that anybody can add leave the account of signed records as it is, and whoever has two names without one. */
async function isUnmoved(world: ProofWorld, lines: readonly ExtractLine[]): Promise<boolean> {
  const accountOf = async (file: readonly ExtractLine[]): Promise<readonly [string, ExtractVerdict]> => {
    const signed: unknown[] = [];
    const verdict = await verifyExtract(textsOf(file), {
      keys: world.keys,
      nowMs: world.audit.nowMs,
      onRecord: (record, checkpoint) => {
        if (checkpoint !== undefined) signed.push([record, checkpoint]);
      },
    });
    return [JSON.stringify(signed), verdict];
  };
  const [before, { unsigned, names }] = await accountOf(lines);
  const [id = ''] = Object.keys(names);
  const at = lines.findIndex(({ type }) => type === 'seal') + 1;
  const record = lines.find((line) => line.type === 'record')?.record;
  const added: ExtractLine[] = [{ type: 'name', id, name: 'Somebody else' }];
  if (record !== undefined) added.push({ type: 'unsigned', record: { ...record, RowKey: '1', outcome: 'decided' } });
  const end = { ...lines.at(-1), unsigned: unsigned + added.length - 1 } as ExtractLine;
  const [after, verdict] = await accountOf([...lines.slice(0, at), ...added, ...lines.slice(at, -1), end]);
  return verdict.isProven && after === before && verdict.names[id] === undefined;
}

async function seal(world: ProofWorld, front: readonly ExtractLine[]): Promise<ExtractLine> {
  const key = await world.audit.signer().current();
  const text = front.map((line) => `${JSON.stringify(line)}\n`).join('');
  const jws = await world.tree.sign('id' in key ? key.id : '', extractType, { v: 1, lines: hashOf(text) });
  return { type: 'seal', jws };
}

/** Makes an extract, and compares it with what the storage of the fleet has. Undefined if no tree covers the period. */
async function honestExtract(
  found: ProofCampaign,
  world: ProofWorld,
  tenant: ProofWorld['tenants'][number],
  [sinceMs, untilMs]: readonly [number, number],
): Promise<readonly ExtractLine[] | undefined> {
  // Of some extracts, some records are withheld: every third, or those before the middle of the period.
  const kind = (sinceMs + untilMs) % 4;
  let seen = 0;
  const isWithheld = ({ RowKey }: StoredRecord): boolean =>
    kind === 0 ? (seen += 1) % 3 === 0 : kind === 1 && timeOf(RowKey) < (sinceMs + untilMs) / 2;
  const lines = await world
    .extract(tenant, sinceMs, untilMs, { isWithheld })
    .catch((thrown: unknown) => String(thrown));
  if (typeof lines === 'string') {
    if (!lines.includes('No signed checkpoint has accounts')) found.falseAlarms.push(lines);
    return undefined;
  }
  const heads = lines.flatMap((line) => (line.type === 'account' ? [line.jws] : []));
  const verdict = await verifyExtract(textsOf(lines), { keys: world.keys, nowMs: world.audit.nowMs, heads });
  found.honest += 1;
  if (verdict.isProven) found.proven += 1;
  else if (verdict.problems[0] === noneCovered) found.uncovered += 1;
  else found.falseAlarms.push(`${tenant}: ${verdict.problems.join(' ')}`);
  if (verdict.notes.some((note) => note.includes('of the proven time'))) found.contradicted += 1;
  const fromMs = Date.parse(verdict.proven?.from ?? '');
  const toMs = Date.parse(verdict.proven?.to ?? '');
  const shown = new Map(
    lines.flatMap((line) => ('record' in line ? [[String(line.record['RowKey']), line.type]] : [])),
  );
  const hashes = new Set(lines.flatMap((line) => (line.type === 'withheld' ? [line.hash] : [])));
  for (const record of world.recordsOf(tenant)) {
    const { RowKey } = record;
    const isThere = shown.has(RowKey) || hashes.has(hashOf(shownText(record)));
    if (timeOf(RowKey) >= fromMs && timeOf(RowKey) < toMs && !isThere)
      found.incomplete.push(`${tenant}: lacks ${RowKey}`);
  }
  if (lines.filter((line) => 'record' in line).length !== shown.size)
    found.incomplete.push(`${tenant}: a record twice`);
  return verdict.isProven ? lines : undefined;
}

const timeOf = (rowKey: string): number => 9_999_999_999_999 - Number(rowKey.slice(0, 13));
