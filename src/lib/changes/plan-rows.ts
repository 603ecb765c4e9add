import { hash } from 'node:crypto';
import { BrokerError } from '../core/errors.ts';
import { isBlobMissing } from '../core/rows/table.ts';
import type { TenantId } from '../core/identifiers.ts';
import { defined, type JsonObject } from '../core/objects.ts';
import type { Row } from '../runs/job/row.ts';
import type { RunSource } from '../runs/reading/visible-runs.ts';
import type { RunId, RunLog } from '../runs/store/run.ts';
import { type Change, needsOf, withCreated } from './change.ts';
import { kindOf, type Reader, readFacts, type State } from './kinds.ts';
import { canonicalJson, partOf } from './values.ts';

/** A change with what its tenant showed when the plan was made. */
export interface PlannedChange {
  readonly change: Change;
  /** Absent: it concerns an object that a change before it creates. */
  readonly before?: State | undefined;
  /** What the change rests on. Absent: nothing. */
  readonly facts?: State | undefined;
  /**
   * SHA-256 of the stored row, in hexadecimal: the records of the change name it. Absent in plans of earlier versions, whose rows
   * others could guess.
   */
  readonly sha256?: string | undefined;
}

/** The columns of a plan, as people read it. */
export const planColumns = [
  { name: 'change', title: 'Change', type: 'number' },
  { name: 'action', title: 'Action', type: 'text' },
  { name: 'target', title: 'Target', type: 'text' },
  { name: 'before', title: 'Before', type: 'text' },
  { name: 'after', title: 'After', type: 'text' },
  { name: 'undo', title: 'Can be undone', type: 'text' },
  { name: 'content', title: 'The change as data', type: 'text', compare: false },
] as const;

/** Most changes in one tenant. More are not read by the people who approve them. */
const maxChanges = 1_000;
/** Most characters of one change with its state before. */
const maxLength = 64 * 1024;
/** The words of {@link planColumns} `undo` for a change that cannot be undone begin so. */
export const irreversible = 'no';

/** Days for which Microsoft keeps what was removed. */
const keptDays = 30;

function undoOf({ change, before }: PlannedChange): string {
  if (before === undefined) return 'yes';
  const inverse = kindOf(change).inverse(change, before, { createdId: 'new' });
  if (typeof inverse === 'string') return `${irreversible}: ${inverse}`;
  return change.action === 'remove' ? `for ${keptDays} days` : 'yes';
}

const shown = (value: State | undefined): string | null =>
  value === null || value === undefined ? null : canonicalJson(value);

/** What people read of a change. */
function describe(planned: PlannedChange, position: number) {
  const { change, before } = planned;
  const kind = kindOf(change);
  return {
    action: change.action,
    after: shown(kind.after(change)),
    before: shown(before),
    change: position,
    target: kind.target(change),
    undo: undoOf(planned),
  };
}

/**
 * The row of a change. Its members have the order of RFC 8785, so the stored text is canonical.
 * @param nonce makes its digest tell nothing to whoever can guess the rest: one tenant could find others in the digest of a plan.
 */
function planRow(planned: PlannedChange, position: number, nonce: string): Row {
  const { action, after, before, change, target, undo } = describe(planned, position);
  const content = canonicalJson({ ...planned, nonce });
  if (content.length > maxLength)
    throw new BrokerError(
      'job_failed',
      `The change of ${target} has ${content.length} characters with the state before it; a plan holds ${maxLength} of one change.`,
    );
  return { action, after, before, change, content, target, undo };
}

/**
 * The rows of the changes, which the people who approve a plan read.
 * @param newId random, and never the same again.
 * @throws BrokerError job_failed
 */
export function planRows(planned: readonly PlannedChange[], newId: () => string): readonly Row[] {
  if (planned.length > maxChanges)
    throw new BrokerError(
      'job_failed',
      `The plan has ${planned.length} changes in this tenant; ${maxChanges} is the most.`,
    );
  return planned.map((change, index) => planRow(change, index + 1, newId()));
}

/** Reads the stored rows of one tenant of a plan. The caller has checked their digest. */
export const readPlanRows = (jsonLines: string): readonly PlannedChange[] =>
  linesOf(jsonLines).map((line) => {
    const { content } = JSON.parse(line) as { readonly content: string };
    const { nonce, ...planned } = JSON.parse(content) as PlannedChange & { readonly nonce?: string };
    return nonce === undefined ? planned : { ...planned, sha256: digestOfRow(line) };
  });

const linesOf = (jsonLines: string): readonly string[] => jsonLines.split('\n').filter((line) => line !== '');
const digestOfRow = (line: string): string => hash('sha256', line, 'hex');

/** Rows that are read by their digests. */
interface WantedRows {
  /** Digests of rows, by the apply that made their changes. */
  readonly applied: ReadonlyMap<RunId, ReadonlySet<string>>;
  readonly tenantId: TenantId;
  /** Characters. */
  readonly most: number;
}

interface FoundRows {
  /** By their digests. Those of a plan that was purged or deleted are missing. */
  readonly rows: ReadonlyMap<string, string>;
  /** Plans that are there, and digests of their rows that are not: somebody has changed or deleted rows. */
  readonly changed: ReadonlyMap<RunId, readonly string[]>;
}

/**
 * The stored rows of one tenant in the plans of some applies.
 * @returns undefined if they have too many characters.
 * @throws BrokerError storage_unavailable
 */
export async function plannedRows(
  { requests, log, results }: RunSource & { readonly requests: Pick<RunLog, 'request'> },
  { applied, tenantId, most }: WantedRows,
): Promise<FoundRows | undefined> {
  const rows = new Map<string, string>();
  const changed = new Map<RunId, readonly string[]>();
  let left = most;
  for (const [apply, wanted] of applied) {
    const change = (await requests.request(apply))?.change;
    if (change?.kind !== 'apply') continue;
    const { rowsName } = (await log.findOutcome(change.plan, tenantId)) ?? {};
    const text = rowsName === undefined ? undefined : await textOfRows(results, change.plan, rowsName);
    if (text === undefined) continue;
    for (const line of linesOf(text)) {
      const sha256 = digestOfRow(line);
      if (!wanted.has(sha256)) continue;
      left -= line.length;
      if (left < 0) return undefined;
      rows.set(sha256, line);
    }
    const missing = [...wanted].filter((sha256) => !rows.has(sha256));
    if (missing.length > 0) changed.set(change.plan, [...(changed.get(change.plan) ?? []), ...missing]);
  }
  return { rows, changed };
}

/** Undefined if the plan was purged or deleted. Empty if the rows alone were deleted. */
async function textOfRows(results: RunSource['results'], plan: RunId, rowsName: string): Promise<string | undefined> {
  try {
    return (await Array.fromAsync(results.rows(plan, rowsName))).join('');
  } catch (thrown) {
    // A purge deletes what is large before the records.
    if ((await results.plan({ runId: plan })) === undefined) return undefined;
    if (isBlobMissing(thrown)) return '';
    throw thrown;
  }
}

/** The row of a change in an apply. */
export const applyRow = (
  planned: PlannedChange,
  position: number,
  ended: { readonly outcome: string; readonly detail: string | null; readonly at: string | null },
): Row => ({ ...describe(planned, position), ...ended });

/** Objects of an on-premises directory cannot be changed in the cloud. */
const synchronized = /^\/(?:v1\.0\/|beta\/)?(?:users|groups)\/[^/]+$/i;

async function refuseSynchronized(change: Change, { graph }: Reader): Promise<void> {
  if (change.action !== 'update' && change.action !== 'remove') return;
  if (!synchronized.test(change.path)) return;
  const found = await graph.find(`${change.path}?$select=onPremisesSyncEnabled`);
  if (found?.['onPremisesSyncEnabled'] === true)
    throw new BrokerError(
      'job_failed',
      `${change.path} is mastered in an on-premises directory, which would overwrite a change. Leave it out of the plan.`,
    );
}

/** The places of the changes before this one that bring what it concerns: they create or restore it. */
export function broughtBy(planned: readonly Pick<PlannedChange, 'change'>[], change: Change): readonly number[] {
  const needs = needsOf(change);
  return planned.flatMap(({ change: earlier }, index) =>
    (earlier.action === 'create' && earlier.as !== undefined && needs.includes(earlier.as)) ||
    (earlier.action === 'restore' && 'path' in change && change.path === earlier.path)
      ? [index]
      : [],
  );
}

/** Paths below objects that do not exist yet. */
const concernsNew = (planned: readonly PlannedChange[], change: Change): boolean =>
  'path' in change && (change.path.includes('{created:') || broughtBy(planned, change).length > 0);

/**
 * Reads what each change is about. What is as it should be already is left out, and an object that exists is updated rather
 * than created.
 * @throws BrokerError of the reads; job_failed for what cannot be planned.
 */
export async function planChanges(changes: readonly Change[], reader: Reader): Promise<readonly PlannedChange[]> {
  const planned: PlannedChange[] = [];
  const ids = new Map<string, string>();
  const coming = new Set<string>();
  for (const given of changes) {
    const change = withCreated(given, ids);
    const unknown = needsOf(change).find((name) => !coming.has(name));
    if (unknown !== undefined)
      throw new BrokerError('job_failed', `A change names what "${unknown}" creates, and no change before it does.`);
    if (concernsNew(planned, change)) {
      planned.push(defined({ change, facts: await readFacts(change, reader) }));
      continue;
    }
    await refuseSynchronized(change, reader);
    const kind = kindOf(change);
    const before = await kind.read(change, reader);
    const name = change.action === 'create' ? change.as : undefined;
    const id = before === null ? undefined : (before['id'] as string | undefined);
    if (name !== undefined && id !== undefined) ids.set(name, id);
    if (kind.isAim(change, before)) continue;
    const facts = await readFacts(change, reader);
    if (change.action === 'create' && before !== null) {
      planned.push(updateOf(change.collection, String(id), { change, before, facts }));
      continue;
    }
    if (name !== undefined) coming.add(name);
    planned.push(defined({ change, before, facts }));
  }
  return planned;
}

function updateOf(collection: string, id: string, { change, before, facts }: PlannedChange): PlannedChange {
  const { properties, while: rests } = change as Extract<Change, { action: 'create' }>;
  const update = defined({ action: 'update' as const, path: `${collection}/${id}`, properties, while: rests });
  return defined({ change: update, before: partOf(before, properties) as JsonObject, facts });
}
