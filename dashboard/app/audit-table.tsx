import { useState } from 'preact/hooks';
import type { ComponentChildren } from 'preact';
import { type AuditFilter, auditLink } from './audit-filter.ts';
import type { AuditRecord } from './audit-pages.ts';
import { count } from './format.ts';
import { Badge, Time } from './pieces.tsx';

/** Stands for the caller where a job of the broker asks. */
const brokerId = '00000000-0000-0000-0000-000000000000';

interface Naming {
  readonly filter: AuditFilter;
  /** Of tenants, by id, as far as they are known. */
  readonly names: ReadonlyMap<string, string>;
}

const columns = ['Time', 'Caller', 'Tenant', 'Resource', 'Grant', 'Outcome', 'Rule', 'From memory'];

export function AuditTable({ records, ...naming }: Naming & { readonly records: readonly AuditRecord[] }) {
  return (
    <div class="scroll">
      <table class="audit">
        <thead>
          <tr>
            {columns.map((title) => (
              <th scope="col" key={title}>
                {title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {records.map((record) => (
            <Row key={record.tokenId} record={record} {...naming} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Row({ record, filter, names }: Naming & { readonly record: AuditRecord }) {
  const [open, setOpen] = useState(false);
  const { at, tokenId, outcome, code, caller, tenantId, tenantAsked, resource, grant, rule, fromCache } = record;
  const tenant = names.get(tenantId ?? '') ?? tenantId ?? tenantAsked ?? '';
  const detailsId = `record-${tokenId}`;
  return (
    <>
      <tr>
        <th scope="row" class="number">
          <button
            type="button"
            class="disclose"
            aria-expanded={open}
            aria-controls={open ? detailsId : undefined}
            onClick={() => setOpen(!open)}
          >
            <Time iso={at} exact />
            <span class="visually-hidden">{`, details of ${resource} for ${tenant}`}</span>
          </button>
        </th>
        <td>
          <a class="cut" href={auditLink({ ...filter, caller: caller.applicationId })} title={caller.applicationId}>
            {caller.applicationId === brokerId ? 'the broker itself' : caller.applicationId}
          </a>
        </td>
        <td>
          {tenantId === undefined ? (
            <span class="cut quiet">{tenant}</span>
          ) : (
            <a class="cut" href={auditLink({ ...filter, tenant: tenantId })} title={tenantId}>
              {tenant}
            </a>
          )}
        </td>
        <td>{resource}</td>
        <td>{grant}</td>
        <td>
          <Badge state={outcome} />
          {code === undefined ? null : <code class="below">{code}</code>}
          <Excess scopes={record.excessScopes} />
        </td>
        <td class="rule">{rule}</td>
        <td>{fromCache === undefined ? '' : fromCache ? 'yes' : 'no'}</td>
      </tr>
      {open ? (
        <tr id={detailsId}>
          <td colSpan={columns.length}>
            <Details record={record} />
          </td>
        </tr>
      ) : null}
    </>
  );
}

function Excess({ scopes }: { readonly scopes: AuditRecord['excessScopes'] }) {
  if (scopes === undefined || scopes.length === 0) return null;
  return (
    <span class="below">
      <Badge state="degraded">{count(scopes.length, 'excess scope')}</Badge>
    </span>
  );
}

function Details({ record }: { readonly record: AuditRecord }) {
  const { caller, scopes, excessScopes, outcome, expiresAt } = record;
  return (
    <dl class="record">
      <Fact name={outcome === 'issued' ? 'Scopes of the token' : 'Scopes asked for'}>
        {scopes.length === 0 ? 'none' : <Scopes scopes={scopes} />}
      </Fact>
      <Fact name="Beyond the rule">{excessScopes?.length ? <Scopes scopes={excessScopes} /> : undefined}</Fact>
      <Fact name="Caller">
        <code>{caller.applicationId}</code> {caller.kind}, object <code>{caller.objectId}</code>
      </Fact>
      <Fact name="Tenant">{record.tenantId && <code>{record.tenantId}</code>}</Fact>
      <Fact name="Asked for as">{record.tenantAsked && <code>{record.tenantAsked}</code>}</Fact>
      <Fact name="Redeemed by">{record.application && `application ${record.application}`}</Fact>
      <Fact name="Token ends">{expiresAt && <Time iso={expiresAt} exact />}</Fact>
      <Fact name="Token id">
        <code>{record.tokenId}</code>
      </Fact>
      <Fact name="SHA-256 of the token">{record.tokenFingerprint && <code>{record.tokenFingerprint}</code>}</Fact>
      <Fact name="Correlation id">
        <code>{record.correlationId}</code>
      </Fact>
    </dl>
  );
}

/** Nothing where the record does not say. */
function Fact({ name, children }: { readonly name: string; readonly children: ComponentChildren }) {
  if (children === undefined || children === '') return null;
  return (
    <>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </>
  );
}

function Scopes({ scopes }: { readonly scopes: readonly string[] }) {
  return (
    <ul class="scopes">
      {scopes.map((scope) => (
        <li key={scope}>
          <code>{scope}</code>
        </li>
      ))}
    </ul>
  );
}
