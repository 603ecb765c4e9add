import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import { auditKinds, auditOutcomes } from '../../src/lib/audit/audit-log.ts';
import { type AuditFilter, auditLink } from './audit-filter.ts';
import { Choice } from './choice.tsx';
import { goTo } from './route.ts';

const dayMs = 24 * 60 * 60 * 1000;

interface Fields {
  readonly tenant: string;
  readonly caller: string;
  readonly kind: string;
  readonly outcome: string;
  readonly approval: string;
  readonly breakGlass: string;
  readonly from: string;
  readonly to: string;
}

const fieldsOf = ({ from, to, ...filter }: AuditFilter): Fields => ({
  tenant: '',
  caller: '',
  kind: '',
  outcome: '',
  approval: '',
  breakGlass: '',
  ...filter,
  from: inputTime(from),
  to: inputTime(to),
});

/** Form for the filter. The filter takes effect when the form is submitted, not while the user types. */
export function AuditFilters(props: { readonly filter: AuditFilter; readonly children?: ComponentChildren }) {
  const { filter, children } = props;
  const link = auditLink(filter);
  // The input belongs to one address: links in the table and the browser's back button change the address, and then the
  // form shows the new filter.
  const [input, setInput] = useState<{ readonly link: string; readonly fields: Fields }>();
  if (input !== undefined && input.link !== link) setInput(undefined);
  const fieldsNow = (current = input): Fields => (current?.link === link ? current.fields : fieldsOf(filter));
  const fields = fieldsNow();
  const set = (change: Partial<Fields>): void =>
    setInput((current) => ({ link, fields: { ...fieldsNow(current), ...change } }));
  const show = (event: Event): void => {
    event.preventDefault();
    const { tenant, caller, approval, from, to, ...chosen } = fields;
    goTo(
      auditLink({
        ...chosen,
        tenant: tenant.trim(),
        caller: caller.trim(),
        approval: approval.trim(),
        from: isoTime(from, filter.from),
        to: isoTime(to, filter.to),
      }),
    );
  };
  const { to: _, ...untilNow } = filter;
  const since = (days: number): string =>
    auditLink({ ...untilNow, from: new Date(Date.now() - days * dayMs).toISOString() });
  return (
    <form class="filters" aria-label="Filter" onSubmit={show}>
      <TextField label="Tenant" hint="id or domain" value={fields.tenant} onInput={(tenant) => set({ tenant })} />
      <TextField label="Caller" hint="application id" value={fields.caller} onInput={(caller) => set({ caller })} />
      <Choice label="Kind" value={fields.kind} options={auditKinds} onChoose={(kind) => set({ kind })} />
      <Choice label="Outcome" value={fields.outcome} options={auditOutcomes} onChoose={(outcome) => set({ outcome })} />
      <details open={filter.approval !== undefined || filter.to !== undefined}>
        <summary class="btn">More</summary>
        <div class="filters">
          <TextField label="Approval" hint="id" value={fields.approval} onInput={(approval) => set({ approval })} />
          <TimeField label="From" value={fields.from} onInput={(from) => set({ from })} />
          <TimeField label="To" value={fields.to} onInput={(to) => set({ to })} />
          <OnlyBreakGlass value={fields.breakGlass} onInput={(breakGlass) => set({ breakGlass })} />
        </div>
      </details>
      <button type="submit">Show</button>
      <a href={since(7)}>Last 7 days</a>
      <a href={since(30)}>Last 30 days</a>
      {link === auditLink({}) ? null : <a href={auditLink({})}>Clear filter</a>}
      {children}
    </form>
  );
}

/** What rules for emergencies served. @param props.value `true` or empty. */
function OnlyBreakGlass({ value, onInput }: Pick<FieldProps, 'value' | 'onInput'>) {
  return (
    <label class="check">
      <input
        type="checkbox"
        checked={value !== ''}
        onChange={(event) => onInput(event.currentTarget.checked ? 'true' : '')}
      />
      Only break-glass
    </label>
  );
}

interface FieldProps {
  readonly label: string;
  readonly value: string;
  readonly onInput: (value: string) => void;
}

function TextField({ label, hint, value, onInput }: FieldProps & { readonly hint: string }) {
  return (
    <label class="field">
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
    <label class="field">
      {label} <input type="datetime-local" value={value} onInput={(event) => onInput(event.currentTarget.value)} />
    </label>
  );
}

/** The value of a `datetime-local` input: local time to the minute. Empty for an invalid time. */
function inputTime(iso: string | undefined): string {
  const atMs = Date.parse(iso ?? '');
  if (Number.isNaN(atMs)) return '';
  return new Date(atMs - new Date(atMs).getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

/** The input as ISO 8601. An unchanged input keeps the seconds of `previous`, which the input cannot show. */
function isoTime(input: string, previous: string | undefined): string {
  if (input === '') return '';
  return input === inputTime(previous) ? (previous ?? '') : new Date(input).toISOString();
}
