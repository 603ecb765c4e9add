import { useMemo, useRef, useState } from 'preact/hooks';
import type { RunTenant, RunTenantsAnswer } from '../../src/lib/api/answers/runs.ts';
import { outcomeWord } from '../../src/lib/model/outcomes.ts';
import { isEnded } from '../../src/lib/runs/run.ts';
import { Sentence } from '../shared/text.tsx';
import { count } from './format.ts';
import { Time } from './pieces.tsx';
import { TenantTrace } from './tenant-trace.tsx';

interface GridProps {
  readonly runId: string;
  /** Status of the run. */
  readonly status: RunTenantsAnswer['status'];
  readonly tenants: readonly RunTenant[];
  readonly codes: RunTenantsAnswer['codes'];
}

/**
 * One cell per tenant, with its state as colour and text. The grid is one tab stop: arrow keys move between cells. The
 * line below the grid describes the selected tenant.
 */
export function TenantGrid({ runId, status, tenants, codes }: GridProps) {
  const [failedOnly, setFailedOnly] = useState(false);
  const [chosen, setChosen] = useState<string>();
  const list = useRef<HTMLUListElement>(null);
  const shown = failedOnly ? tenants.filter(({ outcome }) => outcome === 'failed') : tenants;
  const at = Math.max(
    0,
    shown.findIndex(({ tenantId }) => tenantId === chosen),
  );
  const move = (event: KeyboardEvent): void => {
    const target = shown[nextIndex(event.key, at, shown.length, columnsOf(list.current))];
    if (target === undefined) return;
    event.preventDefault();
    setChosen(target.tenantId);
    list.current?.querySelector<HTMLElement>(`#${cellId(target)}`)?.focus();
  };
  if (tenants.length === 0) return <p class="quiet">{noTenants(status)}</p>;
  return (
    <section aria-labelledby="grid-title">
      <div class="title-row">
        <h3 id="grid-title">{count(tenants.length, 'tenant')}</h3>
        <label class="switch">
          <input
            type="checkbox"
            role="switch"
            checked={failedOnly}
            onChange={(event) => setFailedOnly(event.currentTarget.checked)}
          />
          Failed only
        </label>
      </div>
      {shown.length === 0 ? <p class="quiet">No tenants failed.</p> : null}
      <ul ref={list} class="grid" role="listbox" aria-labelledby="grid-title" onKeyDown={move}>
        {shown.map((tenant, index) => (
          <Cell
            key={tenant.tenantId}
            tenant={tenant}
            chosen={tenant.tenantId === chosen}
            reachable={index === at}
            onChoose={setChosen}
          />
        ))}
      </ul>
      <Chosen runId={runId} tenant={tenants.find(({ tenantId }) => tenantId === chosen)} codes={codes} />
    </section>
  );
}

function noTenants(status: GridProps['status']): string {
  if (!isEnded(status)) return 'The tenants are being listed.';
  return status === 'completed' ? 'This run had no tenants.' : 'The run ended before its tenants were listed.';
}

const cellId = ({ tenantId }: RunTenant): string => `tenant-${tenantId}`;

interface CellProps {
  readonly tenant: RunTenant;
  readonly chosen: boolean;
  readonly reachable: boolean;
  readonly onChoose: (tenantId: string) => void;
}

/** Memoised, because each poll changes only a few of several hundred cells. */
function Cell({ tenant, chosen, reachable, onChoose }: CellProps) {
  const { tenantId, name, outcome, code } = tenant;
  return useMemo(
    () => (
      <li
        id={cellId(tenant)}
        class={`cell ${outcome}`}
        role="option"
        aria-selected={chosen}
        tabIndex={reachable ? 0 : -1}
        onClick={() => onChoose(tenantId)}
        onFocus={() => onChoose(tenantId)}
      >
        <span class="name">{name}</span>
        <span class="state">{outcome === 'failed' ? (code ?? 'failed') : outcomeWord(outcome)}</span>
      </li>
    ),
    [tenantId, name, outcome, code, chosen, reachable],
  );
}

interface ChosenProps extends Pick<GridProps, 'runId' | 'codes'> {
  readonly tenant: RunTenant | undefined;
}

function Chosen({ runId, tenant, codes }: ChosenProps) {
  if (tenant === undefined) return <p class="chosen quiet">Select a tenant to see its details.</p>;
  const { name, tenantId, outcome, code, detail, attempts, rows, finishedAt } = tenant;
  const text = codes.find((text) => text.code === code);
  return (
    <div class="chosen">
      <strong>{name}</strong> <code>{tenantId}</code> {outcomeWord(outcome)}
      {finishedAt === undefined ? null : (
        <>
          {' '}
          <Time iso={finishedAt} />
        </>
      )}
      , {count(rows, 'row')}, {count(attempts, 'attempt')}.
      {detail === undefined ? null : (
        <p>
          <Sentence text={detail} />
        </p>
      )}
      {text === undefined ? null : (
        <p>
          {text.title}. <Sentence text={text.advice} />
        </p>
      )}
      {attempts === 0 ? null : <TenantTrace key={`${tenantId} ${finishedAt}`} runId={runId} tenantId={tenantId} />}
    </div>
  );
}

/** Number of cells in the first row, as laid out by the browser. */
function columnsOf(list: HTMLUListElement | null): number {
  const cells = [...(list?.children ?? [])] as HTMLElement[];
  const top = cells[0]?.offsetTop;
  const columns = cells.findIndex((cell) => cell.offsetTop !== top);
  return columns === -1 ? Math.max(1, cells.length) : columns;
}

/** Index of the cell that a key moves to, or -1 for other keys. */
function nextIndex(key: string, at: number, length: number, columns: number): number {
  const steps: Readonly<Record<string, number>> = {
    ArrowRight: at + 1,
    ArrowLeft: at - 1,
    ArrowDown: at + columns,
    ArrowUp: at - columns,
    Home: 0,
    End: length - 1,
  };
  return steps[key] ?? -1;
}
