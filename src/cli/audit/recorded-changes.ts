import { KeptValues } from '../../lib/audit/proof/kept-values.ts';
import { RequestPairs } from '../../lib/audit/proof/request-pairs.ts';
import type { ChangeValues } from '../../lib/audit/proof/verify-extract.ts';
import { objectName } from '../../lib/changes/difference.ts';
import type { Line } from '../line.ts';
import { differenceLines } from '../plans/difference.ts';

/** Changes of signed records that are kept, and of others: more are counted. */
const mostKept = 10_000;
/** Those that people see. */
const mostShown = 50;

type Recorded = Readonly<Record<string, unknown>>;

interface RecordedChange {
  readonly at: string;
  readonly method: string;
  readonly path: string;
  /** Who applied the plan, by id. */
  readonly by: string;
  /** Digest of the plan. */
  readonly plan: string;
  readonly sha256: string | undefined;
  /** What Microsoft answered. Undefined: no answer is recorded. */
  status?: number;
}

/** What is known of the values of a change. `unrecorded`: a version wrote the record that did not name them. */
type KnownValues = ChangeValues | 'too many' | 'unrecorded';

const whyNone: Readonly<Record<Exclude<KnownValues, object>, string>> = {
  gone: 'the file says, and nobody signs, that the plan was purged or deleted since',
  changed: 'the file says, and nobody signs, that somebody changed or deleted the values in storage since',
  withheld: 'the file says, and nobody signs, that the partner withholds the values',
  'too many': 'the file has more values than this command keeps',
  unrecorded: 'the record is of a version that did not name the values',
};

/** The changes of signed records, or of others. */
class Part {
  readonly changes: RecordedChange[] = [];
  readonly requests = new RequestPairs<RecordedChange>();
  readonly values = new KeptValues();
  left = 0;

  valuesOf({ sha256 }: RecordedChange): KnownValues {
    return this.values.of(sha256) ?? 'unrecorded';
  }
}

/** The changes of plans that an extract shows, with the values before and after. */
export class RecordedChanges {
  readonly #signed = new Part();
  /** Anybody can add an unsigned record, so it says nothing about a signed one. */
  readonly #unsigned = new Part();

  add(record: Recorded, checkpoint: number | undefined): void {
    const text = (name: string): string => (typeof record[name] === 'string' ? record[name] : '');
    if (text('plan') === '') return;
    const part = checkpoint === undefined ? this.#unsigned : this.#signed;
    const sent = part.requests.endedBy(record);
    if (sent !== undefined && typeof record['status'] === 'number') sent.status = record['status'];
    if (record['outcome'] !== 'sent') return;
    if (part.changes.length >= mostKept) {
      part.left += 1;
      return;
    }
    const change: RecordedChange = {
      at: text('at'),
      method: text('method'),
      path: record['cmdlet'] === undefined ? text('path') : text('cmdlet'),
      by: record['callerKind'] === 'user' ? text('callerObject') : text('callerApplication'),
      plan: text('plan'),
      sha256: record['changeSha256'] === undefined ? undefined : text('changeSha256'),
    };
    part.changes.push(change);
    part.requests.begin(record, change);
  }

  addValues(sha256: string, values: ChangeValues, isSigned: boolean): void {
    (isSigned ? this.#signed : this.#unsigned).values.add(sha256, values);
  }

  /** For programs: `values` says whether they are `proven`, `unproven` as the record is, or why there are none. */
  view() {
    return [this.#signed, this.#unsigned].flatMap((part) =>
      part.changes.map((change) => {
        const values = part.valuesOf(change);
        if (typeof values === 'string') return { ...change, values };
        return { ...change, ...values, values: part === this.#signed ? 'proven' : 'unproven' };
      }),
    );
  }

  /** For people. @param names by id. */
  lines(names: Readonly<Record<string, string>>): Line[] {
    const linesOf = (title: string, part: Part): Line[] => {
      const { changes, left } = part;
      const more = changes.length - mostShown + left;
      return changes.length === 0
        ? []
        : [
            '',
            title,
            ...changes.slice(0, mostShown).flatMap((change) => changeLines(change, part.valuesOf(change), names)),
            ...(more > 0 ? [`… and ${more} more; --json has up to ${mostKept}.`] : []),
          ];
    };
    return [
      ...linesOf('Changes, with the values that their records prove:', this.#signed),
      ...linesOf('Changes whose records no checkpoint covers: nothing proves them or their values.', this.#unsigned),
    ];
  }
}

function changeLines(
  { at, by, method, path, plan, status }: RecordedChange,
  values: KnownValues,
  names: Readonly<Record<string, string>>,
): Line[] {
  const ended =
    status === undefined ? 'no answer is recorded' : `${status < 400 ? 'done' : 'Microsoft refused it'} (${status})`;
  const key = by.toLowerCase();
  const who = `  ${at} by ${Object.hasOwn(names, key) ? `${names[key]} (${by})` : by}, ${ended}`;
  const ofPlan = values === 'changed' ? `: plan with the digest ${plan}` : '';
  if (typeof values === 'string') return [`~ ${method} ${path}${who}`, `    ${whyNone[values]}${ofPlan}`];
  const { target, before, after } = values;
  const name = objectName(before, after);
  const called = name === undefined || target.includes(name) ? target : `${target} (${name})`;
  return differenceLines({ ...values, target: called, undo: 'yes' }, [who]);
}
