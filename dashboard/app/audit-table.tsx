import { useState } from 'preact/hooks';
import { Sentence } from '../shared/text.tsx';
import { type AuditFilter, auditLink } from './view-filter.ts';
import type { AuditRecord } from './audit-pages.ts';
import { Dialog } from './dialog.tsx';
import { count } from './format.ts';
import { Face, Icon } from './icon.tsx';
import type { Names } from './names.ts';
import { Badge, Clock, type Column, DayTable, Fact, Time } from './pieces.tsx';
import { approvalLink, tenantLink } from './route.ts';
import { adviceOf, titleOf } from '../../src/lib/api/trouble.ts';

interface TableContext {
  readonly filter: AuditFilter;
  readonly names: Names;
}

const columns: readonly Column[] = [
  ['Time', 'w-s'],
  ['Who', 'w-l'],
  ['Tenant', 'w-l p2'],
  ['What', 'p2'],
  ['By the rule', 'w-l p3'],
  ['Outcome', 'w-l'],
];

/** One line a record. What else is known of it is in a drawer. */
export function AuditTable({ records, ...context }: TableContext & { readonly records: readonly AuditRecord[] }) {
  const [open, setOpen] = useState<AuditRecord>();
  return (
    <div class="panel">
      <DayTable columns={columns} class="audit" items={records} timeOf={({ at }) => at}>
        {(record) => <Row key={keyOf(record)} record={record} onOpen={() => setOpen(record)} {...context} />}
      </DayTable>
      {open === undefined ? null : <RecordDrawer record={open} {...context} onClose={() => setOpen(undefined)} />}
    </div>
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

const tenantOf = ({ tenantId, tenantAsked }: AuditRecord, names: Names): string =>
  names.tenants.get(tenantId ?? '') ?? tenantId ?? tenantAsked ?? '';

const icons = { person: 'person', application: 'api', agent: 'api', job: 'jobs' } as const;

function Row(props: TableContext & { readonly record: AuditRecord; readonly onOpen: () => void }) {
  const { record, filter, names, onOpen } = props;
  const { at, caller, tenantId, rule } = record;
  const subject = subjectOf(record);
  const tenant = tenantOf(record, names);
  const who = names.whoIn(record);
  return (
    <tr class={record.breakGlass === true ? 'break-glass' : undefined}>
      <th scope="row">
        <button type="button" class="link" aria-haspopup="dialog" onClick={onOpen}>
          <Clock iso={at} exact />
          <span class="visually-hidden">{`, details of ${subject}${tenant === '' ? '' : ` for ${tenant}`}`}</span>
        </button>
      </th>
      <td>
        <span class="who-cell">
          {who.kind === 'person' ? (
            <Face name={who.name} />
          ) : (
            <span class="face square">
              <Icon name={icons[who.kind]} />
            </span>
          )}
          <a
            class="cut"
            href={auditLink({ ...filter, caller: caller.applicationId })}
            title={`${who.name}, application ${caller.applicationId}`}
          >
            {who.kind === 'agent' && 'agent '}
            {who.name}
          </a>
        </span>
        <span class="sub">{subject}</span>
      </td>
      <td class="p2">
        {tenantId === undefined ? (
          <span class="quiet">{tenant}</span>
        ) : (
          <a href={auditLink({ ...filter, tenant: tenantId })} title={`${tenant}, ${tenantId}`}>
            {tenant}
          </a>
        )}
      </td>
      <td class="p2" title={subject}>
        <code>{subject}</code>
      </td>
      <td class="p3 quiet" title={rule}>
        {rule}
      </td>
      <td>
        <Outcome record={record} />
      </td>
    </tr>
  );
}

/** What became of it. A rule for emergencies is named before all else. */
function Outcome({ record }: { readonly record: AuditRecord }) {
  const { outcome, status, code, excessScopes = [], breakGlass } = record;
  const word = status === undefined ? outcome : `${outcome} ${status}`;
  return (
    <>
      {breakGlass === true ? <Badge state="down">break-glass</Badge> : null}{' '}
      <Badge state={(status ?? 200) >= 400 ? 'degraded' : outcome}>{code === undefined ? word : titleOf(code)}</Badge>{' '}
      {excessScopes.length === 0 ? null : <Badge state="degraded">{count(excessScopes.length, 'excess scope')}</Badge>}
    </>
  );
}

function RecordDrawer(props: TableContext & { readonly record: AuditRecord; readonly onClose: () => void }) {
  const { record, filter, names, onClose } = props;
  const { at, outcome, code, tenantId, caller, rule } = record;
  const who = names.whoIn(record);
  const tenant = tenantOf(record, names);
  return (
    <Dialog
      title={`${who.name}: ${outcome}`}
      about={
        <>
          <Time iso={at} exact />
          {tenant === '' ? '' : `, in ${tenant}`}
        </>
      }
      kind="drawer"
      onClose={onClose}
      actions={
        <>
          {tenantId === undefined ? null : (
            <a class="btn" href={tenantLink(tenantId)}>
              Open the tenant
            </a>
          )}
          <a class="btn" href={auditLink({ ...filter, caller: caller.applicationId })} onClick={onClose}>
            Records of this caller
          </a>
        </>
      }
    >
      <div class="cmd">
        <code>{subjectOf(record)}</code>
      </div>
      {code === undefined ? null : (
        <p>
          <b>{titleOf(code)}.</b> <Sentence text={adviceOf(code)} />
        </p>
      )}
      <dl>
        <Fact name="Outcome">
          <Outcome record={record} />
        </Fact>
        <Fact name="Code">{code && <code>{code}</code>}</Fact>
        <Fact name="Rule">{rule}</Fact>
        <Fact name="Grant">{record.grant}</Fact>
        <Fact name="From cache">{record.fromCache === undefined ? undefined : record.fromCache ? 'yes' : 'no'}</Fact>
      </dl>
      <Details record={record} />
    </Dialog>
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
    <dl class="long">
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
    <ul class="tags">
      {scopes.map((scope) => (
        <li key={scope}>
          <code>{scope}</code>
        </li>
      ))}
    </ul>
  );
}
