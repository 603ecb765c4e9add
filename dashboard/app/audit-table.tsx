import { useState } from 'preact/hooks';
import { type AuditFilter, auditLink } from './audit-filter.ts';
import type { AuditRecord } from './audit-pages.ts';
import { count } from './format.ts';
import { Badge, Fact, Table, Time } from './pieces.tsx';
import { approvalLink } from './route.ts';

/** Application id in records of tokens that the broker issued to its own jobs. */
const brokerId = '00000000-0000-0000-0000-000000000000';

interface TableContext {
  readonly filter: AuditFilter;
  /** Known tenant names by tenant id. */
  readonly names: ReadonlyMap<string, string>;
}

const columns = ['Time', 'Caller', 'Tenant', 'Resource', 'Grant', 'Outcome', 'Rule', 'From cache'];

export function AuditTable({ records, ...context }: TableContext & { readonly records: readonly AuditRecord[] }) {
  return (
    <Table columns={columns} class="audit">
      {records.map((record) => (
        <Row key={keyOf(record)} record={record} {...context} />
      ))}
    </Table>
  );
}

/** The two records of a request through the gateway share their id, and the steps of approvals have none of their own. */
const keyOf = ({ tokenId, outcome, approvalId = '', at }: AuditRecord): string =>
  `${tokenId}-${outcome}-${approvalId}-${Date.parse(at)}`;

/**
 * The resource of a token, or the request to it, or the one that an approval is for, or the tags that a tenant got and lost, or
 * the tool that an agent called.
 */
const subjectOf = ({ tagsAdded = [], tagsRemoved = [], ...record }: AuditRecord): string =>
  [
    record.kind === 'approval' ? 'approval:' : undefined,
    record.tool === undefined ? undefined : `tool ${record.tool}`,
    record.resource ?? record.route,
    record.method,
    record.cmdlet ?? record.path,
    ...tagsAdded.map((tag) => `+${tag}`),
    ...tagsRemoved.map((tag) => `-${tag}`),
  ]
    .filter((part) => part !== undefined)
    .join(' ');

function Row({ record, filter, names }: TableContext & { readonly record: AuditRecord }) {
  const [open, setOpen] = useState(false);
  const { at, outcome, code, caller, tenantId, tenantAsked, grant, rule, fromCache } = record;
  const subject = subjectOf(record);
  const tenant = names.get(tenantId ?? '') ?? tenantId ?? tenantAsked ?? '';
  const detailsId = `record-${keyOf(record)}`;
  return (
    <>
      <tr class={record.breakGlass === true ? 'break-glass' : undefined}>
        <th scope="row" class="number">
          <button
            type="button"
            class="disclose"
            aria-expanded={open}
            aria-controls={open ? detailsId : undefined}
            onClick={() => setOpen(!open)}
          >
            <Time iso={at} exact />
            <span class="visually-hidden">{`, details of ${subject}${tenant === '' ? '' : ` for ${tenant}`}`}</span>
          </button>
          <BreakGlassBadge record={record} />
        </th>
        <td>
          <a class="cut" href={auditLink({ ...filter, caller: caller.applicationId })} title={caller.applicationId}>
            {caller.kind === 'agent' && 'agent '}
            {caller.applicationId === brokerId ? 'the broker itself' : caller.applicationId}
          </a>
        </td>
        <td>
          <TenantName name={tenant} tenantId={tenantId} filter={filter} />
        </td>
        <td>{subject}</td>
        <td>{grant}</td>
        <td>
          <Badge state={outcome}>{record.status === undefined ? outcome : `${outcome} ${record.status}`}</Badge>
          {code === undefined ? null : <code class="below">{code}</code>}
          <ExcessBadge scopes={record.excessScopes} />
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

/** Links to the records of the tenant, unless the record has no tenant id. */
function TenantName(props: {
  readonly name: string;
  readonly tenantId: string | undefined;
  readonly filter: AuditFilter;
}) {
  const { name, tenantId, filter } = props;
  if (tenantId === undefined) return <span class="cut quiet">{name}</span>;
  return (
    <a class="cut" href={auditLink({ ...filter, tenant: tenantId })} title={tenantId}>
      {name}
    </a>
  );
}

/** Beside the time, where a narrow screen shows it. */
function BreakGlassBadge({ record }: { readonly record: AuditRecord }) {
  if (record.breakGlass !== true) return null;
  return (
    <span class="below">
      <Badge state="down">break-glass</Badge>
    </span>
  );
}

function ExcessBadge({ scopes }: { readonly scopes: AuditRecord['excessScopes'] }) {
  if (scopes === undefined || scopes.length === 0) return null;
  return (
    <span class="below">
      <Badge state="degraded">{count(scopes.length, 'excess scope')}</Badge>
    </span>
  );
}

function scopesName({ kind, outcome }: AuditRecord): string {
  if (kind === 'request') return 'Opened by';
  if (kind === 'approval') return 'Scopes or permissions';
  return outcome === 'issued' ? 'Token scopes' : 'Requested scopes';
}

function Details({ record }: { readonly record: AuditRecord }) {
  const { caller, scopes, excessScopes, expiresAt } = record;
  return (
    <dl class="record">
      <Fact name="Break-glass">{record.breakGlass && 'A rule for emergencies served it without an approval.'}</Fact>
      <Fact name="Reason">{record.reason}</Fact>
      <Fact name="Approval">
        {record.approvalId && <a href={approvalLink(record.approvalId)}>{record.approvalId}</a>}
      </Fact>
      <Fact name="Refused request">{record.route && <code>{record.route}</code>}</Fact>
      {record.kind === 'tags' || record.kind === 'tool' ? (
        <Fact name={record.kind === 'tags' ? 'Tags' : 'Client, as it names itself'}>
          {record.kind === 'tags' ? subjectOf(record) : record.client}
        </Fact>
      ) : (
        <Fact name={scopesName(record)}>{scopes.length === 0 ? 'none' : <Scopes scopes={scopes} />}</Fact>
      )}
      <Fact name="Excess scopes">{excessScopes?.length ? <Scopes scopes={excessScopes} /> : undefined}</Fact>
      <Fact name="Caller">
        <code>{caller.applicationId}</code> {caller.kind}, object <code>{caller.objectId}</code>
      </Fact>
      <Fact name="Blueprint of the agent">{caller.blueprint && <code>{caller.blueprint}</code>}</Fact>
      <Fact name="The agent acts for the person">{caller.actsFor && <code>{caller.actsFor}</code>}</Fact>
      <Fact name="Tenant">{record.tenantId && <code>{record.tenantId}</code>}</Fact>
      <Fact name="Requested as">{record.tenantAsked && <code>{record.tenantAsked}</code>}</Fact>
      <Fact name="Redeemed by">{record.application && `application ${record.application}`}</Fact>
      <Fact name="Token expires">{expiresAt && <Time iso={expiresAt} exact />}</Fact>
      <Fact name="Token id">{record.kind === 'approval' ? undefined : <code>{record.tokenId}</code>}</Fact>
      <Fact name="Id of the token in the customer's logs">{record.uti && <code>{record.uti}</code>}</Fact>
      <Fact name="Request id of the resource">{record.requestId && <code>{record.requestId}</code>}</Fact>
      <Fact name="Size of the answer">{record.bytes === undefined ? undefined : count(record.bytes, 'byte')}</Fact>
      <Fact name="SHA-256 of the body">{record.bodySha256 && <code>{record.bodySha256}</code>}</Fact>
      <Fact name="SHA-256 of the token">{record.tokenFingerprint && <code>{record.tokenFingerprint}</code>}</Fact>
      <Fact name="Correlation id">
        <code>{record.correlationId}</code>
      </Fact>
    </dl>
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
