import type { ChangeValues } from '../../lib/audit/proof/verify-extract.ts';
import { objectName } from '../../lib/changes/difference.ts';
import type { Line } from '../line.ts';
import { differenceLines } from '../plans/difference.ts';

/** Changes that are kept: more are counted. */
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
  /** Whether a checkpoint covers the record. */
  readonly isSigned: boolean;
  readonly sha256: string | undefined;
  /** What Microsoft answered. Undefined: no answer is recorded. */
  status?: number;
}

/** What is known of the values of a change. `unrecorded`: a version wrote the record that did not name them. */
type KnownValues = ChangeValues | 'unrecorded';

const whyNone: Readonly<Record<Exclude<KnownValues, object>, string>> = {
  gone: 'the partner says that it has purged the plan',
  withheld: 'the partner withholds the values',
  unrecorded: 'the record is of a version that did not name the values',
};

/** The changes of plans that an extract shows, with the values before and after. */
export class RecordedChanges {
  readonly #changes: RecordedChange[] = [];
  /** By the id that the records of a request share. */
  readonly #sent = new Map<string, RecordedChange>();
  readonly #values = new Map<string, ChangeValues>();
  #left = 0;

  add(record: Recorded, checkpoint: number | undefined): void {
    const text = (name: string): string => (typeof record[name] === 'string' ? record[name] : '');
    if (text('plan') === '') return;
    const isSigned = checkpoint !== undefined;
    // Anybody can add an unsigned record, so it says nothing about a signed one.
    const key = `${isSigned} ${text('tokenId')}`;
    const sent = this.#sent.get(key);
    if (sent !== undefined && typeof record['status'] === 'number') sent.status = record['status'];
    if (record['outcome'] !== 'sent') return;
    if (this.#changes.length >= mostKept) {
      this.#left += 1;
      return;
    }
    const change: RecordedChange = {
      at: text('at'),
      method: text('method'),
      path: record['cmdlet'] === undefined ? text('path') : text('cmdlet'),
      by: record['callerKind'] === 'user' ? text('callerObject') : text('callerApplication'),
      isSigned,
      sha256: record['changeSha256'] === undefined ? undefined : text('changeSha256'),
    };
    this.#changes.push(change);
    this.#sent.set(key, change);
  }

  addValues(sha256: string, values: ChangeValues): void {
    // Those of one page of an extract may come before its records do.
    if (this.#values.size < 2 * mostKept) this.#values.set(sha256, values);
  }

  #valuesOf({ sha256 }: RecordedChange): KnownValues {
    return sha256 === undefined ? 'unrecorded' : (this.#values.get(sha256) ?? 'gone');
  }

  /** For programs: `values` says whether they are `proven`, `unproven` as the record is, or why there are none. */
  view() {
    return this.#changes.map(({ isSigned, ...change }) => {
      const values = this.#valuesOf(change as RecordedChange);
      const isThere = typeof values === 'object';
      return {
        ...change,
        values: isThere ? (isSigned ? 'proven' : 'unproven') : values,
        ...(isThere ? values : {}),
      };
    });
  }

  /** For people. @param names by id. */
  lines(names: Readonly<Record<string, string>>): Line[] {
    const part = (title: string, isSigned: boolean): Line[] => {
      const changes = this.#changes.filter((change) => change.isSigned === isSigned);
      const more = changes.length - mostShown + (isSigned ? this.#left : 0);
      return changes.length === 0
        ? []
        : [
            '',
            title,
            ...changes.slice(0, mostShown).flatMap((change) => this.#change(change, names)),
            ...(more > 0 ? [`… and ${more} more; --json has up to ${mostKept}.`] : []),
          ];
    };
    return [
      ...part('Changes, with the values that their records prove:', true),
      ...part('Changes whose records no checkpoint covers: nothing proves them or their values.', false),
    ];
  }

  #change(change: RecordedChange, names: Readonly<Record<string, string>>): Line[] {
    const { at, by, method, path, status } = change;
    const ended =
      status === undefined ? 'no answer is recorded' : `${status < 400 ? 'done' : 'Microsoft refused it'} (${status})`;
    const values = this.#valuesOf(change);
    const who = `  ${at} by ${names[by] === undefined ? by : `${names[by]} (${by})`}, ${ended}`;
    if (typeof values === 'string') return [`~ ${method} ${path}${who}`, `    ${whyNone[values]}`];
    const { target, before, after } = values;
    const name = objectName(before, after) ?? names[target.split('/').at(-1) ?? ''];
    const called = name === undefined || target.includes(name) ? target : `${target} (${name})`;
    return differenceLines({ ...values, target: called, undo: 'yes' }, [who]);
  }
}
