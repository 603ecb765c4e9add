import { useMemo, useState } from 'preact/hooks';
import type { RunChangesAnswer } from '../../src/lib/api/answers/runs.ts';
import { Notice } from '../shared/text.tsx';
import { Choice } from './choice.tsx';
import { useSignedIn } from './context.ts';
import { finalAnswer } from './final-answer.ts';
import { Drawer } from './drawer.tsx';
import { count } from './format.ts';
import { Fact, Failure, Loaded } from './pieces.tsx';
import { usePolling } from './polling.ts';
import type { DeclaredColumns } from './result-columns.ts';
import { runLink } from './route.ts';
import { type Change, changeKinds, changesInWords, type ChangeInWords } from './change-words.ts';
import { type RowsColumn, VirtualRows } from './virtual-rows.tsx';

/** Changes since the previous run over all tenants. */
export function RunChanges({ runId, declared }: { readonly runId: string; readonly declared: DeclaredColumns }) {
  const { api } = useSignedIn();
  const polled = usePolling(() => finalAnswer(api.changes(runId)), `changes ${runId}`, undefined);
  return (
    <section class="changes" aria-label="Changes">
      <Loaded polled={polled}>
        {({ answer, refusal }) => {
          if (answer !== undefined) return <Changes answer={answer} declared={declared} />;
          return refusal.code === 'run_not_found' ? (
            <p class="quiet empty">{refusal.message}</p>
          ) : (
            <Failure failure={refusal} />
          );
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
      <span class={`change ${change}`}>
        <span aria-hidden="true">{signs[change]}</span> {change}
      </span>
    ),
  },
  { id: 'row', title: 'Row', width: 16, cell: ({ row }) => row },
  { id: 'values', title: 'Values', width: 24, cell: ({ values }) => values.join(', ') },
];

const signs: Readonly<Record<Change['change'], string>> = { added: '+', removed: '−', changed: '→' };

function Changes({ answer, declared }: { readonly answer: RunChangesAnswer; readonly declared: DeclaredColumns }) {
  const [kind, setKind] = useState('');
  const [open, setOpen] = useState<ChangeInWords>();
  const words = useMemo(() => changesInWords(answer.changes, declared), [answer, declared]);
  const shown = words.filter(({ change }) => kind === '' || change === kind);
  const { changes, truncated, comparedTenants, comparedWith } = answer;
  return (
    <>
      <p role="status">
        {truncated ? 'More than ' : ''}
        {count(changes.length, 'change')} in {count(comparedTenants, 'tenant')} since{' '}
        <a href={runLink(comparedWith)}>{comparedWith}</a>.
      </p>
      <NotCompared answer={answer} />
      {changes.length === 0 ? (
        <p class="quiet empty">Every row is as it was.</p>
      ) : (
        <>
          <div class="filters">
            <Choice label="Change" value={kind} options={changeKinds} onChoose={setKind} />
            {kind === '' ? null : <span class="quiet">{count(shown.length, 'change')}</span>}
          </div>
          {shown.length === 0 ? (
            <p class="quiet empty">No change of this kind.</p>
          ) : (
            <VirtualRows
              label="Changes"
              columns={columns}
              items={shown}
              keyOf={keyOf}
              onOpen={setOpen}
              openKey={open?.key}
            />
          )}
        </>
      )}
      {open === undefined ? null : <ChangeDetails change={open} onClose={() => setOpen(undefined)} />}
    </>
  );
}

const keyOf = ({ key }: ChangeInWords): string => key;

function ChangeDetails({ change, onClose }: { readonly change: ChangeInWords; readonly onClose: () => void }) {
  return (
    <Drawer title={change.tenant} onClose={onClose}>
      <dl>
        <Fact name="Change">{change.change}</Fact>
        <Fact name="Row">{change.row}</Fact>
      </dl>
      <ul class="values">
        {change.values.map((value) => (
          <li key={value}>{value}</li>
        ))}
      </ul>
    </Drawer>
  );
}

/** Tenants without rows in one of the runs would otherwise look as if nothing had changed. */
function NotCompared({ answer: { onlyBefore, onlyAfter } }: { readonly answer: RunChangesAnswer }) {
  const lists = [
    [onlyBefore, 'succeeded only in the earlier run'],
    [onlyAfter, 'succeeded only in this run'],
  ] as const;
  return (
    <>
      {lists.map(([tenants, what]) =>
        tenants.length === 0 ? null : (
          <Notice kind="plain" key={what}>
            {count(tenants.length, 'tenant')} {what}, so {tenants.length === 1 ? 'it is' : 'they are'} not compared:{' '}
            {namesOf(tenants)}.
          </Notice>
        ),
      )}
    </>
  );
}

const maxNames = 8;

function namesOf(tenants: readonly { readonly name: string }[]): string {
  const names = tenants.slice(0, maxNames).map(({ name }) => name);
  const more = tenants.length - names.length;
  return more === 0 ? names.join(', ') : `${names.join(', ')} and ${more.toLocaleString('en')} more`;
}
