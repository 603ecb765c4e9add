import { useEffect, useState } from 'preact/hooks';
import { type AuditFilter, auditLink, outcomes } from './audit-filter.ts';
import { Choice } from './runs-view.tsx';

const dayMs = 24 * 60 * 60 * 1000;

interface Fields {
  readonly tenant: string;
  readonly caller: string;
  readonly outcome: string;
  readonly from: string;
  readonly to: string;
}

const fieldsOf = ({ tenant = '', caller = '', outcome = '', from, to }: AuditFilter): Fields => ({
  tenant,
  caller,
  outcome,
  from: inputTime(from),
  to: inputTime(to),
});

/** What the view is narrowed to. It takes effect by the button, not with every letter. */
export function AuditFilters({ filter }: { readonly filter: AuditFilter }) {
  const [fields, setFields] = useState(() => fieldsOf(filter));
  const link = auditLink(filter);
  // The address may change by a link in the table, or by the browser's own back.
  useEffect(() => setFields(fieldsOf(filter)), [link]);
  const set = (change: Partial<Fields>): void => setFields((known) => ({ ...known, ...change }));
  const show = (event: Event): void => {
    event.preventDefault();
    const { tenant, caller, outcome, from, to } = fields;
    location.hash = auditLink({
      tenant: tenant.trim(),
      caller: caller.trim(),
      outcome,
      from: chosenTime(from, filter.from),
      to: chosenTime(to, filter.to),
    });
  };
  const { to: _, ...untilNow } = filter;
  const since = (days: number): string =>
    auditLink({ ...untilNow, from: new Date(Date.now() - days * dayMs).toISOString() });
  return (
    <form class="filters audit-filters" aria-label="Filter" onSubmit={show}>
      <TextField label="Tenant" hint="id or domain" value={fields.tenant} onInput={(tenant) => set({ tenant })} />
      <TextField label="Caller" hint="application id" value={fields.caller} onInput={(caller) => set({ caller })} />
      <Choice label="Outcome" value={fields.outcome} options={outcomes} onChoose={(outcome) => set({ outcome })} />
      <TimeField label="From" value={fields.from} onInput={(from) => set({ from })} />
      <TimeField label="To" value={fields.to} onInput={(to) => set({ to })} />
      <div class="actions">
        <button type="submit" class="primary">
          Show
        </button>
        <a href={since(7)}>Last 7 days</a>
        <a href={since(30)}>Last 30 days</a>
        {link === auditLink({}) ? null : <a href={auditLink({})}>No filter</a>}
      </div>
    </form>
  );
}

interface FieldProps {
  readonly label: string;
  readonly value: string;
  readonly onInput: (value: string) => void;
}

function TextField({ label, hint, value, onInput }: FieldProps & { readonly hint: string }) {
  return (
    <label>
      {label}{' '}
      <input
        type="search"
        autocomplete="off"
        spellcheck={false}
        placeholder={hint}
        value={value}
        onInput={(event) => onInput(event.currentTarget.value)}
      />
    </label>
  );
}

function TimeField({ label, value, onInput }: FieldProps) {
  return (
    <label>
      {label} <input type="datetime-local" value={value} onInput={(event) => onInput(event.currentTarget.value)} />
    </label>
  );
}

/** As the input has it: the reader's own zone, to the minute. Empty for what is no time. */
function inputTime(iso: string | undefined): string {
  const atMs = Date.parse(iso ?? '');
  if (Number.isNaN(atMs)) return '';
  return new Date(atMs - new Date(atMs).getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

/** Nobody who leaves the input as it is means to lose the seconds that the address has. */
function chosenTime(input: string, before: string | undefined): string {
  if (input === '') return '';
  return input === inputTime(before) ? (before ?? '') : new Date(input).toISOString();
}
