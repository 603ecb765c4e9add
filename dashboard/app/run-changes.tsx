import { useMemo, useState } from 'preact/hooks';
import type { RunAnswer, RunChangesAnswer, RunSummaryAnswer, RunTenant } from '../../src/lib/api/answers/runs.ts';
import { capitalized } from '../../src/lib/core/text.ts';
import { Segments } from './choice.tsx';
import type { Api } from './api.ts';
import { finalAnswer } from './api-failure.ts';
import { Dialog } from './dialog.tsx';
import { count, localTime } from './format.ts';
import { columnOptions, rowsColumn } from './history-choice.ts';
import { numberOf } from './history-points.ts';
import { useFailures, visitsMost } from './nights.ts';
import { Empty, Fact, Failure, Loaded, ToneBadge } from './pieces.tsx';
import { usePolling } from './polling.ts';
import { type DeclaredColumns, isGuid, type RowValue, shownValue, typeOf } from './result-columns.ts';
import { runLink, tenantLink } from './route.ts';
import { type RowsColumn, TwoLines, VirtualRows } from './virtual-rows.tsx';

const namesShown = 5;
const dayMs = 86_400_000;

interface SinceBeforeProps {
  readonly run: RunAnswer;
  readonly tenants: readonly RunTenant[];
}

/** What is new: tenants that began to fail, that work again, and how many gave no result now. Nothing for the first run of a job. */
export function SinceBefore({ run, tenants }: SinceBeforeProps) {
  const runs = usePolling((api) => api.runs(10, run.job), `runs before ${run.runId}`).value?.runs ?? [];
  // A rerun over some tenants is no run to compare with.
  const before = runs.find(
    (other) => other.status === 'completed' && other.startedAt < run.startedAt && visitsMost(other, run),
  );
  const [failures] = useFailures(before === undefined ? [] : [before], runs);
  if (before === undefined || failures === undefined) return null;
  const failed = tenants.filter(({ outcome }) => outcome === 'failed');
  const beganToFail = failed.filter(({ tenantId }) => !failures.codes.has(tenantId));
  const worksAgain = tenants.filter(({ tenantId, outcome }) => outcome === 'succeeded' && failures.codes.has(tenantId));
  // Those that were skipped or not visited.
  const unknown = failures.codes.size - (failed.length - beganToFail.length) - worksAgain.length;
  const failedSame = beganToFail.length + worksAgain.length + unknown === 0;
  const link = <a href={runLink(before.runId)}>run of {localTime(before.startedAt)}</a>;
  if (failedSame)
    return (
      <p class="since-run">
        {failed.length === 0 ? 'No tenant failed, as' : 'The same tenants failed as'} in the {link}.{' '}
        <Totals run={run} before={before} failedSame />
      </p>
    );
  return (
    <div class="since-run">
      Since the {link}:
      <ul>
        <News tenants={beganToFail} tone="bad" text="began to fail" />
        <News tenants={worksAgain} tone="good" text={worksAgain.length === 1 ? 'works again' : 'work again'} />
        {unknown === 0 ? null : <li>{count(unknown, 'tenant')} that failed then gave no result now.</li>}
        <Totals run={run} before={before} failedSame={false} />
      </ul>
    </div>
  );
}

/** How many tenants began to fail or work again, and the first of them by name. */
function News(props: { readonly tenants: readonly RunTenant[]; readonly tone: 'good' | 'bad'; readonly text: string }) {
  const { tenants, tone, text } = props;
  const more = tenants.length - namesShown;
  if (tenants.length === 0) return null;
  return (
    <li>
      <ToneBadge tone={tone}>
        {tenants.length.toLocaleString('en')} {text}
      </ToneBadge>
      :{' '}
      {tenants.slice(0, namesShown).map(({ tenantId, name }, at) => (
        <span key={tenantId}>
          {at === 0 ? '' : ', '}
          <a href={tenantLink(tenantId)}>{name}</a>
        </span>
      ))}
      {more > 0 ? ` and ${count(more, 'other')}` : ''}
    </li>
  );
}

interface TotalsProps extends Pick<SinceBeforeProps, 'run'> {
  readonly before: RunSummaryAnswer;
  /** Whether the same tenants failed in both. */
  readonly failedSame: boolean;
}

/** The total of the first column over the tenants that were counted in both runs, with the difference. */
function Totals({ run, before, failedSame }: TotalsProps) {
  const until = new Date(Date.parse(run.startedAt) + 1).toISOString();
  const load = (api: Api) => api.jobHistory(run.job, { since: before.startedAt, until, compare: 'true' });
  const { comparison, columns = [] } = usePolling(load, `totals of ${run.runId}`).value ?? {};
  if (comparison?.now.runId !== run.runId || comparison.before.runId !== before.runId) return null;
  const [total] = columnOptions(columns).flatMap(({ name, title }) => {
    const [now, then] = [comparison.now, comparison.before].map((one) => numberOf(one, name, comparison.now));
    return now === undefined || then === undefined ? [] : [{ title, now, by: now - then }];
  });
  if (total === undefined) return null;
  const { title, now, by } = total;
  const change = by === 0 ? ', as before,' : ` (${by > 0 ? '+' : '−'}${Math.abs(by).toLocaleString('en')})`;
  const text = `${title} ${now.toLocaleString('en')}${change} in the ${count(comparison.tenants, 'tenant')} read both times.`;
  return failedSame ? <>{text}</> : <li>{text}</li>;
}

/** Changes since the previous run over all tenants. */
export function RunChanges({ run, declared }: { readonly run: RunAnswer; readonly declared: DeclaredColumns }) {
  const { runId } = run;
  const polled = usePolling((api) => finalAnswer(api.changes(runId)), `changes ${runId}`);
  return (
    <section class="stack" aria-label="Changes">
      <Loaded polled={polled}>
        {({ answer, refusal }) => {
          if (answer !== undefined) return <Changes run={run} answer={answer} declared={declared} />;
          return refusal.code === 'run_not_found' ? <Empty title={refusal.message} /> : <Failure failure={refusal} />;
        }}
      </Loaded>
    </section>
  );
}

const columns: readonly RowsColumn<ChangeInWords>[] = [
  { id: 'tenant', title: 'Tenant', width: 13, cell: ({ tenant }) => tenant },
  {
    id: 'change',
    title: 'Change',
    width: 7,
    cell: ({ change }) => (
      <span class={change === 'removed' ? 'problem' : undefined}>
        <span aria-hidden="true">{signs[change]}</span> {change}
      </span>
    ),
  },
  { id: 'row', title: 'Row', width: 16, cell: ({ row }) => row },
  { id: 'values', title: 'Values', width: 24, cell: ({ values }) => values.join(', ') },
];

/** On a phone. */
const narrow: readonly RowsColumn<ChangeInWords>[] = [
  {
    id: 'tenant',
    title: 'Tenant and row',
    width: 18,
    cell: ({ tenant, change, row, values }) => (
      <TwoLines below={values.join(', ')}>{`${signs[change]} ${row === '' ? tenant : `${tenant}, ${row}`}`}</TwoLines>
    ),
  },
];

const signs: Readonly<Record<Change['change'], string>> = { added: '+', removed: '−', changed: '→' };

interface ChangesProps {
  readonly run: RunAnswer;
  readonly answer: RunChangesAnswer;
  readonly declared: DeclaredColumns;
}

function Changes({ run, answer, declared }: ChangesProps) {
  const [kind, setKind] = useState('');
  const [open, setOpen] = useState<ChangeInWords>();
  const words = useMemo(() => changesInWords(answer.changes, declared), [answer, declared]);
  const shown = words.filter(({ change }) => kind === '' || change === kind);
  const kinds = changeKinds.flatMap((change) => {
    const some = words.filter((one) => one.change === change);
    return some.length === 0 ? [] : [[change, capitalized(change), some.length] as const];
  });
  const { changes, truncated, comparedTenants, comparedWith, onlyBefore, onlyAfter } = answer;
  // Without rows in one of the runs, a tenant would look as if nothing had changed.
  const failed = new Set(run.failures.map(({ tenantId }) => tenantId));
  const lost = onlyBefore.filter(({ tenantId }) => !failed.has(tenantId));
  // Those that were skipped or not visited, such as tenants without the service.
  const others = Math.max(0, run.tenants.total - comparedTenants - failed.size - lost.length - onlyAfter.length);
  const notCompared = [
    ...namesOf(lost, 'succeeded only in the run before'),
    ...namesOf(onlyAfter, 'succeeded only in this run'),
    ...(others === 0 ? [] : [`${count(others, 'other tenant')} succeeded in neither run.`]),
  ].join(' ');
  const isEmpty = changes.length === 0;
  const { before, lastChange } = usePast(run, comparedWith);
  const title = (
    <>
      {comparedTenants === 0
        ? 'No tenant can be compared with the'
        : `${truncated ? 'More than ' : ''}${isEmpty ? '✓ Nothing changed' : count(changes.length, 'change')} in ${count(comparedTenants, 'tenant')} since the`}{' '}
      <a href={runLink(comparedWith)} title={comparedWith}>
        {before === undefined ? 'run before' : `run of ${localTime(before.startedAt)}`}
      </a>
      .
    </>
  );
  const left = failed.size + notCompared.length > 0 && (
    <p class="quiet">
      {failed.size === 0 ? null : (
        <>
          <a href={runLink(run.runId, 'tenants')}>{count(failed.size, 'tenant')}</a> failed and{' '}
          {failed.size === 1 ? 'is' : 'are'} not compared.
        </>
      )}{' '}
      {notCompared}
    </p>
  );
  return (
    <>
      <div role="status">
        {isEmpty ? (
          <Empty title={title}>
            {left}
            {lastChange && (
              <p>
                The totals last changed in the{' '}
                <a href={runLink(lastChange.runId, 'changes')}>run of {localTime(lastChange.startedAt)}</a>.
              </p>
            )}
          </Empty>
        ) : (
          <>
            <p>{title}</p>
            {left}
          </>
        )}
      </div>
      {isEmpty ? null : (
        <>
          {kinds.length < 2 ? null : (
            <div class="filters">
              <Segments
                label="Change"
                value={kind}
                options={[['', 'All', words.length], ...kinds]}
                onChoose={setKind}
              />
            </div>
          )}
          <VirtualRows
            label="Changes"
            columns={columns}
            narrow={narrow}
            items={shown}
            keyOf={keyOf}
            onOpen={setOpen}
            openKey={open?.key}
          />
        </>
      )}
      {open === undefined ? null : (
        <Dialog title={open.tenant} kind="drawer" onClose={() => setOpen(undefined)}>
          <dl>
            <Fact name="Change">{open.change}</Fact>
            <Fact name="Row">{open.row}</Fact>
          </dl>
          <ul>
            {open.values.map((value) => (
              <li key={value}>{value}</li>
            ))}
          </ul>
        </Dialog>
      )}
    </>
  );
}

const pastDays = 30;

/** The run that a run was compared with, and the newest up to it with other totals than the one before, if that is known. */
function usePast(run: RunAnswer, comparedWith: string) {
  const since = new Date(Date.parse(run.startedAt) - pastDays * dayMs).toISOString();
  const load = (api: Api) => api.jobHistory(run.job, { since, until: run.startedAt });
  const past = usePolling(load, `runs up to ${run.runId}`).value?.runs ?? [];
  const complete = past.filter(({ status, scope }) => status === 'completed' && scope === 'all');
  const older = complete.slice(complete.findIndex(({ runId }) => runId === comparedWith));
  const at = older.findIndex((one, index) => {
    const next = older[index + 1] ?? one;
    return (
      one.counted !== next.counted ||
      [rowsColumn, ...Object.keys(one.numbers ?? {})].some((name) => {
        const [now, then] = [one, next].map((each) => numberOf(each, name, one));
        return now !== undefined && then !== undefined && now !== then;
      })
    );
  });
  // In other tenants than before, the totals do not tell whether something changed.
  const lastChange = older[at]?.counted === older[at + 1]?.counted ? older[at] : undefined;
  return { before: complete.find(({ runId }) => runId === comparedWith), lastChange };
}

/** `2 tenants succeeded only in this run: Adatum, Contoso.` Nothing for no tenant. */
function namesOf(tenants: readonly { readonly name: string }[], what: string): readonly string[] {
  if (tenants.length === 0) return [];
  const names = tenants.slice(0, namesShown).map(({ name }) => name);
  const more = tenants.length - names.length;
  return [
    `${count(tenants.length, 'tenant')} ${what}: ${names.join(', ')}${more > 0 ? ` and ${count(more, 'other')}` : ''}.`,
  ];
}

const keyOf = ({ key }: ChangeInWords): string => key;

export type Change = RunChangesAnswer['changes'][number];

const changeKinds: readonly Change['change'][] = ['added', 'removed', 'changed'];

/** A change of a row, as the page shows it. */
export interface ChangeInWords {
  /** Unique among the changes. */
  readonly key: string;
  readonly tenant: string;
  readonly change: Change['change'];
  /** What the row is about: the first of its values that did not change. */
  readonly row: string;
  /** `Assigned: 37 → 38` for a changed row, and the other values of an added or removed one. */
  readonly values: readonly string[];
}

export function changesInWords(changes: readonly Change[], declared: DeclaredColumns = []): readonly ChangeInWords[] {
  return changes.map((change, index): ChangeInWords => {
    const [before, after] = [
      'before' in change ? change.before : undefined,
      'after' in change ? change.after : undefined,
    ];
    const present = after ?? before ?? {};
    const changed = 'columns' in change ? change.columns : [];
    const names = namesIn(declared, { ...before, ...after });
    const shown = (row: typeof present, name: string): string => {
      const value: RowValue = row[name] ?? null;
      const column = declared.find((known) => known.name === name);
      return shownValue(value, column?.type ?? typeOf([value]), column?.name) || 'none';
    };
    const title = (name: string): string => declared.find((column) => column.name === name)?.title ?? name;
    const about = names.find(
      (name) => !changed.includes(name) && typeof present[name] === 'string' && !isGuid(present[name]),
    );
    const values =
      before !== undefined && after !== undefined
        ? changed.map((name) => `${title(name)}: ${shown(before, name)} → ${shown(after, name)}`)
        : names
            .filter((name) => name !== about && !isGuid(present[name] ?? null))
            .map((name) => `${title(name)}: ${shown(present, name)}`);
    return {
      key: String(index),
      tenant: change.name,
      change: change.change,
      row: about === undefined ? '' : shown(present, about),
      values,
    };
  });
}

/** The names of the values in the order of the job's columns. */
function namesIn(declared: NonNullable<DeclaredColumns>, row: Readonly<Record<string, unknown>>): readonly string[] {
  const known = declared.map(({ name }) => name);
  return [...known.filter((name) => name in row), ...Object.keys(row).filter((name) => !known.includes(name))];
}
