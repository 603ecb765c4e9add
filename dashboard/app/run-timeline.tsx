import type { RunAnswer, RunTenant } from '../../src/lib/api/answers/runs.ts';
import { outcomeWord } from '../../src/lib/core/outcomes.ts';
import { isApplyWindow, isEnded } from '../../src/lib/runs/store/run.ts';
import { Flow, StackedBar } from './charts.tsx';
import { count, duration, localClock } from './format.ts';
import { Panel } from './pieces.tsx';
import type { RunTenantFilter } from './run-tenant-list.ts';
import { causeOfVisit, titleOf } from '../../src/lib/api/trouble.ts';

/** Whether there is more to say of how a run went than its title does: that it took some time, or several rounds. */
const isTimed = (run: RunAnswer, tenants: readonly RunTenant[]): boolean =>
  !isApplyWindow(run.window) && tenants.some(({ attempts }) => attempts > (run.durationMs < flowFromMs ? 1 : 0));

/** What came of some tenants of a run: the failed ones by cause. */
interface Part {
  readonly outcome: RunTenant['outcome'];
  readonly cause: string;
  readonly tenants: number;
}

/** Those that succeeded, the causes, the most frequent first, and the others: one strip, and keys that filter the table. */
export function partsOf(tenants: readonly RunTenant[]): readonly Part[] {
  const place = ({ outcome }: Part): number => (outcome === 'succeeded' ? 0 : outcome === 'failed' ? 1 : 2);
  return [...Map.groupBy(tenants, (tenant) => [tenant.outcome, causeOf(tenant)].join(' ')).values()]
    .flatMap(([first, ...others]) =>
      first === undefined ? [] : [{ outcome: first.outcome, cause: causeOf(first), tenants: 1 + others.length }],
    )
    .toSorted((one, other) => place(one) - place(other) || other.tenants - one.tenants);
}

const causeOf = (tenant: RunTenant): string => (tenant.outcome === 'failed' ? (causeOfVisit(tenant) ?? '') : '');

interface StripProps {
  /** Those of {@link partsOf}. One alone would tell nothing. */
  readonly parts: readonly Part[];
}

/** Causes differ by shade. */
const shadeOf = (parts: readonly Part[], at: number) =>
  parts[at]?.outcome === 'failed'
    ? { opacity: Math.max(0.3, 1 - 0.25 * (at - parts.findIndex(({ outcome }) => outcome === 'failed'))) }
    : {};

/** All tenants as one strip, by what came of them. The keys and the table say the same. */
export const Strip = ({ parts }: StripProps) => (
  <div class="strip" aria-hidden="true">
    {parts.map(({ outcome, cause, tenants }, at) => (
      <span
        key={`${outcome} ${cause}`}
        class={`key ${toneOf(outcome)}`}
        style={{ flexGrow: tenants, ...shadeOf(parts, at) }}
      />
    ))}
  </div>
);

/** What the parts of the strip are. Each key filters the table. */
export function Keys({
  parts,
  filter,
  onFilter,
}: StripProps & { readonly filter: RunTenantFilter; readonly onFilter: (filter: RunTenantFilter) => void }) {
  return (
    <ul class="keys" aria-label="Tenants by what came of them">
      {parts.map((part, at) => {
        const { outcome, cause, tenants: n } = part;
        const isOn = isShown(part, filter);
        return (
          <li key={`${outcome} ${cause}`}>
            <button
              type="button"
              class="link"
              aria-pressed={isOn}
              onClick={() => onFilter({ ...filter, ...(isOn ? noPart : { outcome, code: cause }) })}
            >
              <span class={`key ${toneOf(outcome)}`} style={shadeOf(parts, at)} />
              <b>{n.toLocaleString('en')}</b> {cause === '' ? outcomeWord(outcome) : titleOf(cause)}
            </button>
          </li>
        );
      })}
      {/* The tenants that are shown may all have become something else since. */}
      {filter.outcome === '' || parts.some((part) => isShown(part, filter)) ? null : (
        <li>
          <button type="button" class="link" onClick={() => onFilter({ ...filter, ...noPart })}>
            Show all
          </button>
        </li>
      )}
    </ul>
  );
}

const isShown = ({ outcome, cause }: StripProps['parts'][number], filter: RunTenantFilter): boolean =>
  filter.outcome === outcome && filter.code === cause;

const noPart = { outcome: '', code: '' };

const toneOf = (outcome: string): string =>
  ['succeeded', 'failed', 'skipped'].includes(outcome) ? outcome : 'notAttempted';

/** When the tenants of a run finished, and its rounds. The texts say the same as the drawings. */
export const HowItWent = (props: { readonly run: RunAnswer; readonly tenants: readonly RunTenant[] }) =>
  isTimed(props.run, props.tenants) ? (
    <Panel title={isEnded(props.run.status) ? 'How it went' : 'How it goes'}>
      <RunTimeline {...props} />
    </Panel>
  ) : null;

/** Tenants finished over the time of a run, and its rounds below. */
function RunTimeline({ run, tenants }: { readonly run: RunAnswer; readonly tenants: readonly RunTenant[] }) {
  const rounds = roundsOf(tenants);
  const startMs = Date.parse(run.startedAt);
  const [first] = rounds;
  if (first === undefined) return null;
  const axis = { startMs, totalMs: Math.max(1, run.durationMs) };
  const showsFlow = axis.totalMs >= flowFromMs;
  const listedMs = first.period === undefined ? 0 : Math.max(0, first.period.fromMs - startMs);
  const untried = tenants.filter(({ attempts, outcome }) => attempts === 0 && outcome !== 'waiting');
  return (
    <>
      {showsFlow ? (
        <>
          <h3>Tenants finished per second</h3>
          <Flow
            values={finishedPerSecond(tenants, axis)}
            label={`Tenants finished per second over ${duration(axis.totalMs)}`}
            ends={[startMs, startMs + axis.totalMs].map((ms) => localClock(new Date(ms).toISOString(), true))}
          />
        </>
      ) : null}
      <ol class="lanes">
        {listedMs < listedFromMs ? null : (
          <li>
            <span>Listing</span>
            <Bar axis={axis} fromMs={startMs} toMs={startMs + listedMs} parts={[['active', 1]]} />
            <span>{duration(listedMs)} to list the tenants and to start</span>
          </li>
        )}
        {rounds.map((round) => (
          <RoundLine key={round.number} round={round} axis={axis} isOnly={rounds.length === 1} />
        ))}
        {untried.length === 0 ? null : (
          <li>
            <span>Not tried</span>
            <span>
              {count(untried.length, 'tenant')}: {reasonsOf(untried)}
            </span>
          </li>
        )}
      </ol>
    </>
  );
}

/** Why tenants needed no attempt, as titles. */
const reasonsOf = (untried: readonly RunTenant[]): string =>
  [...new Set(untried.map((tenant) => titleOf(causeOfVisit(tenant) ?? tenant.outcome)))].join(', ');

/** In a shorter run, a rate says nothing: one tenant in a part of a second would be many per second. */
const flowFromMs = 30_000;
/** A shorter time for the list of tenants is nothing to see. */
const listedFromMs = 500;
/** Equal parts of the time of a run. */
const flowParts = 60;

function finishedPerSecond(tenants: readonly RunTenant[], { startMs, totalMs }: Axis): readonly number[] {
  const counts = Array.from({ length: flowParts }, () => 0);
  for (const { finishedAt, attempts } of tenants) {
    if (finishedAt === undefined || attempts === 0) continue;
    const part = Math.floor(((Date.parse(finishedAt) - startMs) / totalMs) * flowParts);
    const at = Math.max(0, Math.min(flowParts - 1, part));
    counts[at] = (counts[at] ?? 0) + 1;
  }
  return counts.map((n) => (n * flowParts * 1000) / totalMs);
}

interface Axis {
  readonly startMs: number;
  readonly totalMs: number;
}

function RoundLine(props: { readonly round: Round; readonly axis: Axis; readonly isOnly: boolean }) {
  const { round, axis, isOnly } = props;
  const { number, counts, retried, period } = round;
  const parts = [
    ['succeeded', counts.succeeded],
    ['failed', counts.failed],
    ['skipped', counts.skipped],
    ['retried', retried],
  ] as const;
  return (
    <li>
      <span title={isOnly ? undefined : roundMeaning}>{isOnly ? 'Visited' : `Round ${number}`}</span>
      {period === undefined ? <span /> : <Bar axis={axis} {...period} parts={parts} />}
      <span>
        {roundText(round)}
        {period === undefined ? null : ` in ${duration(period.toMs - period.fromMs)}`}
      </span>
    </li>
  );
}

const roundMeaning = 'Tenants that failed for a reason that may pass are visited again in the next round.';

/** `3 tenants: 2 succeeded, 1 failed` */
export function roundText({ counts, retried }: Round): string {
  const tried = counts.succeeded + counts.failed + counts.skipped + retried;
  const words = (['succeeded', 'failed', 'skipped'] as const)
    .filter((part) => counts[part] > 0)
    .map((part) => `${counts[part]} ${outcomeWord(part)}`);
  const left = retried === 0 ? [] : [`${retried} left for a later round`];
  return `${count(tried, 'tenant')}: ${[...words, ...left].join(', ')}`;
}

/** Least width of a bar, in units of a hundredth of the axis. */
const minWidth = 0.6;

function Bar(props: {
  readonly axis: Axis;
  readonly fromMs: number;
  readonly toMs: number;
  /** Class and share of each part. */
  readonly parts: readonly (readonly [string, number])[];
}) {
  const { axis, fromMs, toMs, parts } = props;
  const at = (ms: number): number => Math.min(100, Math.max(0, ((ms - axis.startMs) / axis.totalMs) * 100));
  const width = Math.max(minWidth, at(toMs) - at(fromMs));
  return <StackedBar parts={parts} from={Math.min(at(fromMs), 100 - width)} width={width} />;
}

/** The tenants that a run tried in one round, as far as their answers show. */
export interface Round {
  /** From 1. */
  readonly number: number;
  /** Tenants tried, by what the round brought. */
  readonly counts: { readonly succeeded: number; readonly failed: number; readonly skipped: number };
  /** Tenants that were tried in vain and are left for a later round. */
  readonly retried: number;
  /**
   * From the first start to the last end among the tenants whose last attempt was in this round. Unix times in
   * milliseconds. Undefined if all of them were tried again.
   */
  readonly period: { readonly fromMs: number; readonly toMs: number } | undefined;
}

/** The rounds of a run, the first one first. The API knows the last attempt of each tenant, and the number of attempts. */
export function roundsOf(tenants: readonly RunTenant[]): readonly Round[] {
  const last = tenants.reduce((max, { attempts }) => Math.max(max, attempts), 0);
  return Array.from({ length: last }, (_, index) => roundOf(tenants, index + 1));
}

function roundOf(tenants: readonly RunTenant[], number: number): Round {
  const counts = { succeeded: 0, failed: 0, skipped: 0 };
  let retried = 0;
  let [fromMs, toMs] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const { attempts, outcome, startedAt, finishedAt } of tenants) {
    if (attempts < number) continue;
    const isLast = attempts === number;
    if (isLast && outcome in counts) counts[outcome as keyof typeof counts] += 1;
    else retried += 1;
    if (!isLast || startedAt === undefined || finishedAt === undefined) continue;
    fromMs = Math.min(fromMs, Date.parse(startedAt));
    toMs = Math.max(toMs, Date.parse(finishedAt));
  }
  return { number, counts, retried, period: toMs >= fromMs ? { fromMs, toMs } : undefined };
}
