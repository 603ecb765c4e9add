import { useEffect, useRef } from 'preact/hooks';
import { Sentence } from '../shared/text.tsx';
import { useAnnounce } from './announcer.tsx';
import { adviceOf, type Tenant, titleOf } from '../../src/lib/api/trouble.ts';
import { isFailed, isRefusedByMicrosoft, isRefusedByPolicy, isUnserved } from '../../src/lib/api/refusals.ts';
import { nilUuid } from '../../src/lib/core/identifiers.ts';
import { factIn, PartyName, titleInWords } from './approval-facts.tsx';
import { atLeast, type AuditRecord, type Line, pathWithoutIds, type ShownRecord } from './audit-lines.ts';
import { type Names, tenantOf } from './audit-names.ts';
import { Command, StepFor } from './copy.tsx';
import { Dialog } from './dialog.tsx';
import { count } from './format.ts';
import { Badge, Fact, Time } from './pieces.tsx';
import { usePolling, useTenants } from './polling.ts';
import { approvalLink, jobLink, planLink, runLink, tenantLink } from './route.ts';
import { type AuditFilter, auditLink } from './view-filter.ts';

/**
 * The resource of a token, or the request to it, or the one that an approval is for, or the tags that a tenant got and lost, or
 * the tool that an agent called.
 */
export const subjectOf = ({ tagsAdded = [], tagsRemoved = [], ...record }: AuditRecord): string =>
  [
    record.tool,
    record.method,
    record.cmdlet ?? record.path,
    record.method && record.resource
      ? `at ${record.resource}`
      : record.tool === undefined
        ? (record.resource ?? record.route)
        : undefined,
    ...tagsAdded.map((tag) => `+${tag}`),
    ...tagsRemoved.map((tag) => `-${tag}`),
  ]
    .filter((part) => part !== undefined)
    .join(' ');

const kindWords = { token: 'Token', request: 'Request', approval: 'Approval', tags: 'Tags', tool: 'Tool' } as const;

/** The rule of the policy. That of a job is who. */
export const ruleOf = ({ rule }: AuditRecord): string | undefined => (rule?.startsWith('job:') ? undefined : rule);

/** @param props.isShort a method is that of a request, and most requests go to Graph. */
export const What = ({ record, isShort = false }: { readonly record: AuditRecord; readonly isShort?: boolean }) => (
  <>
    {isShort && record.kind === 'request' ? null : (
      <span class="quiet">
        {kindWords[record.kind ?? 'token']}
        {record.kind === 'approval' && record.tenantId === nilUuid ? ' of a plan' : ''}
      </span>
    )}{' '}
    <code>
      {isShort ? subjectOf({ ...record, path: pathWithoutIds(record) }).replace(/ at graph$/, '') : subjectOf(record)}
    </code>
  </>
);

/** `graph for Contoso`. */
export function aboutOf(record: Line, names: Names): string {
  const tenant = tenantOf(record, names);
  return `${subjectOf(record)}${tenant === '' ? '' : ` for ${tenant}`}`;
}

/** What became of a request, in the words of the bars. */
function verbOf(record: AuditRecord): string {
  if (isRefusedByPolicy(record)) return 'refused by the policy';
  if (isRefusedByMicrosoft(record)) return 'refused by Microsoft';
  return isFailed(record) ? 'failed' : record.outcome;
}

/** A decision that was made: nobody has to act on it. */
const isRefusedByPerson = (record: AuditRecord): boolean =>
  record.kind === 'approval' && ['denied', 'revoked'].includes(record.outcome) && !isUnserved(record);

/** What became of it, or of how many. A rule for emergencies is named before all else. */
export function Outcome({ record }: { readonly record: Line }) {
  const { outcome, status, code, excessScopes = [], breakGlass, equal } = record;
  const verbs = Map.groupBy(equal ?? [record], verbOf);
  const isMixed = verbs.size > 1;
  const verb = verbOf(record);
  const isSame = (equal ?? []).every((one) => one.status === status && one.code === code);
  const word = isMixed
    ? [...verbs]
        .toSorted(([, one], [, other]) => other.length - one.length)
        .map(([one, { length }]) => `${atLeast(length, record)} ${one}`)
        .join(', ')
    : code === undefined || !isSame || isRefusedByPolicy(record)
      ? [verb, (isSame ? status : undefined) ?? []].flat().join(' ')
      : titleOf(code);
  const isBad = (equal ?? [record]).some((one) => (one.status ?? 200) >= 400 || isUnserved(one));
  return (
    <>
      {breakGlass === true ? <Badge state="down">break-glass</Badge> : null}{' '}
      <Badge
        state={
          (equal ?? [record]).some(isRefusedByPolicy)
            ? 'failed'
            : isBad
              ? 'degraded'
              : isRefusedByPerson(record)
                ? 'idle'
                : outcome
        }
      >
        {word}
      </Badge>{' '}
      {excessScopes.length === 0 ? null : <Badge state="degraded">{count(excessScopes.length, 'excess scope')}</Badge>}
    </>
  );
}

/** The name of what an approval is for, in quotation marks, if the page knows it. */
function approvalIn(record: AuditRecord, names: Names): string {
  const approval = names.approvals.get(record.approvalId ?? '');
  if (approval !== undefined) return `“${titleInWords(approval)}”`;
  return record.tenantId === nilUuid ? 'a plan' : subjectOf(record);
}

/** What happened, to whom and by whom, in a sentence. */
function sentenceOf(record: AuditRecord, names: Names): string {
  const { kind = 'token', outcome, plan, tool } = record;
  const { name } = names.whoIn(record);
  const tenant = tenantOf(record, names);
  if (kind === 'approval') {
    const what = approvalIn(record, names);
    if (isUnserved(record)) return `${name} was refused a decision on ${what}`;
    const words: Partial<Record<typeof outcome, string>> = {
      asked: `${name} asked for the approval of ${what}`,
      used: `The approval of ${what} was used`,
      expired: `The request for the approval of ${what} expired`,
      ended: `The approval of ${what} expired`,
      failed: `What ${name} decided on ${what} was not stored`,
    };
    return words[outcome] ?? `${name} ${outcome} ${what}`;
  }
  if (kind === 'tags')
    return outcome === 'failed' ? `The tags of ${tenant} stayed as they were` : `${name} changed the tags of ${tenant}`;
  if (kind === 'tool')
    return isUnserved(record) ? `${name} was refused the tool ${tool}` : `${name} called the tool ${tool}`;
  const isToken = kind === 'token' && record.route === undefined;
  const thing = isToken ? 'a token' : plan === undefined ? 'a request' : 'a change';
  const where = tenant === '' ? '' : ` ${isToken ? 'for' : 'to'} ${tenant}`;
  if (isRefusedByPolicy(record)) return `The policy refused ${name} ${thing}${where}`;
  if (isRefusedByMicrosoft(record)) return `Microsoft refused ${thing} of ${name}${where}`;
  if (isUnserved(record)) return isToken ? `${name} got no token${where}` : `${name} was refused ${thing}${where}`;
  if (isToken) return `${name} got ${thing}${where}`;
  if (outcome === 'failed') return `No answer came to ${thing} of ${name}${where}`;
  return isFailed(record) ? `Microsoft failed to serve ${thing} of ${name}${where}` : `${name} sent ${thing}${where}`;
}

interface DrawerProps {
  readonly record: ShownRecord;
  readonly filter: AuditFilter;
  readonly names: Names;
  /** Shows the record after it, and the one before. Undefined: the page has none. */
  readonly onNewer: (() => void) | undefined;
  readonly onOlder: (() => void) | undefined;
  readonly onClose: () => void;
}

/** What happened, who made and allowed it, what became of it, and what proves it. */
export function RecordDrawer({ record, filter, names, onNewer, onOlder, onClose }: DrawerProps) {
  const { at, code, tenantId } = record;
  const title = sentenceOf(record, names);
  const known = useTenants()?.tenants.find((one) => one.tenantId === tenantId);
  const test = isRefusedByPolicy(record) ? policyTest(record, known) : undefined;
  const announce = useAnnounce();
  const shown = useRef(record);
  // The focus stays on the button that steps.
  useEffect(() => {
    if (shown.current !== record) announce(title);
    shown.current = record;
  }, [record]);
  const step = (word: string, go: (() => void) | undefined) => (
    <button type="button" aria-disabled={go === undefined} onClick={go}>
      {word}
    </button>
  );
  return (
    <Dialog
      title={title}
      about={<Time iso={at} exact />}
      kind="drawer"
      onClose={onClose}
      actions={
        <>
          {step('Newer', onNewer)}
          {step('Older', onOlder)}
        </>
      }
    >
      {code === undefined ? null : (
        <>
          <p>
            <b>{titleOf(code)}.</b> <Sentence text={adviceOf(code, known !== undefined)} />
          </p>
          <StepFor cause={known && { cause: code, tenants: [{ tenant: known, results: [] }] }} />
          {test === undefined ? null : <Command text={test} whatFor="the decision" />}
        </>
      )}
      <dl>
        <About record={record} filter={filter} names={names} onClose={onClose} />
        <Fact name="Break-glass">{record.breakGlass && 'A rule for emergencies served it without an approval.'}</Fact>
        <Unsigned at={at} />
      </dl>
      <Command
        about="To prove that it is unchanged and that no record around it is missing:"
        text={verifyAround(at)}
        whatFor="the proof"
      />
      <h3>Scopes, ids and hashes, for support</h3>
      <Details record={record} />
    </Dialog>
  );
}

/** What is one word in every shell. A path and the names of a request come from callers. */
const isPlain = (text: string): boolean => /^[\w.:@/-]+$/.test(text);

/**
 * The command that explains what the policy says about a request. Undefined if it cannot be written with certainty: a record has
 * neither the values of a query nor a body, and rules may name the domain or the tags of a tenant.
 */
export function policyTest(
  record: AuditRecord,
  tenant: Pick<Tenant, 'defaultDomain' | 'tags'> | undefined,
): string | undefined {
  const { kind, caller, tenantId, resource, method, path, scopes, grant, roles = [] } = record;
  const isRequest = kind === 'request';
  if ((kind !== undefined && !isRequest) || tenantId === undefined || tenant === undefined || resource === undefined)
    return undefined;
  const asked = isRequest ? [] : scopes;
  if (isRequest && (method === undefined || path === undefined)) return undefined;
  if ((record.query ?? record.bodyNames ?? record.bodySha256 ?? record.cmdlet) !== undefined) return undefined;
  const { tags = [], defaultDomain = '' } = tenant;
  const named = [tenantId, defaultDomain].filter((name) => name !== '');
  if (![resource, ...named, ...asked, ...tags, ...(isRequest ? [path ?? ''] : [])].every(isPlain)) return undefined;
  const usual = isRequest ? 'Requests.Send' : 'Tokens.Request';
  return [
    `ptb policy test --caller ${caller.applicationId} --tenant ${named.join(' ')} --resource ${resource}`,
    caller.kind === 'application' ? undefined : `--kind ${caller.kind} --object ${caller.objectId}`,
    caller.blueprint && `--blueprint ${caller.blueprint}`,
    tags.length === 0 ? undefined : `--tag ${tags.join(' ')}`,
    isRequest ? `--request '${method} ${path}'` : grant && `--grant ${grant}`,
    asked.length === 0 ? undefined : `--scope ${asked.join(' ')}`,
    // It takes the usual one if it is told none.
    roles.length === 0 || roles.some((role) => role === usual) ? undefined : `--role ${roles.join(' ')}`,
  ]
    .filter((part) => part)
    .join(' ');
}

/** Permissions that stand with what is said first. A token of a job has dozens. */
const scopesShown = 4;

/** What a record is of, each by its name, and who is behind it. */
function About({ record, filter, names, onClose }: Pick<DrawerProps, 'record' | 'filter' | 'names' | 'onClose'>) {
  const { caller, rule = '', approvalId, tenantId, run, scopes } = record;
  const { kind, name } = names.whoIn(record);
  const approval = names.approvals.get(approvalId ?? '');
  const decisions = approval?.deciders ?? [];
  // Who approved and revoked it is one person.
  const deciders = new Map(decisions.map((party) => [party.objectId, party]));
  // The page does not know when each of several decisions was made, nor an approval that was not the last one needed.
  const decidedAt = approval?.approvedAt ?? (approval?.status === 'denied' ? approval.closedAt : undefined);
  const tenant = tenantOf(record, names);
  const job = rule.startsWith('job:') ? rule.slice(4) : undefined;
  const plan = approval && factIn(approval, 'Plan');
  const isStep = record.kind === 'approval';
  return (
    <>
      <Fact name={kindWords[record.kind ?? 'token']}>{isStep ? undefined : <code>{subjectOf(record)}</code>}</Fact>
      {/* What became of an approval is its title. */}
      <Fact name="Result">{isStep && record.code === undefined ? undefined : <Outcome record={record} />}</Fact>
      <Fact name="Caller">
        {isStep || caller.applicationId === nilUuid ? undefined : kind === 'person' ? (
          // All people use the same few applications.
          name
        ) : (
          <a href={auditLink({ ...filter, caller: caller.applicationId })} onClick={onClose}>
            {name}
          </a>
        )}
      </Fact>
      <Fact name="Asked by">{approval && <By party={approval.asker} at={approval.askedAt} />}</Fact>
      <Fact name="Decided by">
        {deciders.size === 0
          ? undefined
          : [...deciders.values()].map((party) => (
              <div key={party.objectId}>
                <By party={party} at={decisions.length === 1 ? decidedAt : undefined} />
              </div>
            ))}
      </Fact>
      <Fact name="Reason">{record.reason}</Fact>
      <Fact name="Job">{job && <a href={jobLink(job)}>{names.jobOf(job)}</a>}</Fact>
      <Fact name="Plan">{plan && <a href={planLink(plan)}>{names.jobOf(plan)}</a>}</Fact>
      <Fact name="Run">{run && plan === undefined && <a href={runLink(run)}>{names.jobOf(run)}</a>}</Fact>
      <Fact name="Approval">
        {approvalId && (
          <a href={approvalLink(approvalId)}>
            {isStep || plan !== undefined || approval === undefined ? 'Show the approval' : titleInWords(approval)}
          </a>
        )}
      </Fact>
      <Fact name={tenantId === nilUuid ? 'Tenants' : 'Tenant'}>
        {tenantId === undefined || tenantId === nilUuid ? tenant : <a href={tenantLink(tenantId)}>{tenant}</a>}
      </Fact>
      <Fact name="Rule">{job === undefined ? rule : undefined}</Fact>
      <Fact name={scopesName(record)}>
        {scopes.length > scopesShown ? count(scopes.length, 'permission') : scopes.join(', ')}
      </Fact>
    </>
  );
}

const By = ({
  party,
  at,
}: {
  readonly party: Parameters<typeof PartyName>[0]['party'];
  readonly at?: string | undefined;
}) => (
  <>
    <PartyName party={party} />
    {at === undefined ? null : (
      <>
        , <Time iso={at} short />
      </>
    )}
  </>
);

const minuteMs = 60_000;
/** As long as the names of a page. */
const healthFreshMs = minuteMs;

/** That no checkpoint can cover a record that is newer than the last one. Of an older one, the command below tells. */
function Unsigned({ at }: { readonly at: string }) {
  const health = usePolling((api) => api.health(), 'health', undefined, healthFreshMs).value;
  if (health === undefined || !('applications' in health)) return null;
  const { lastAt, state } = health.auditCheckpoints;
  if (state === undefined || (lastAt !== undefined && Date.parse(at) < Date.parse(lastAt))) return null;
  return (
    <Fact name="Proof">
      {state === 'off' ? 'not signed: the timer is disabled' : 'not signed yet: a later checkpoint signs it'}
    </Fact>
  );
}

/** Long enough for the checkpoint of a record, and the one before. */
const aroundMs = 15 * minuteMs;

function verifyAround(at: string): string {
  const [from, to] = [-aroundMs, aroundMs].map((ms) => new Date(Date.parse(at) + ms).toISOString());
  return `ptb audit verify --from ${from} --to ${to}`;
}

const scopesName = (record: AuditRecord): string => (isUnserved(record) ? 'Asked for' : 'Permissions');

function Details({ record }: { readonly record: ShownRecord }) {
  const { caller, scopes, excessScopes, expiresAt, both } = record;
  return (
    <dl class="long">
      <Fact name="Sent">{both && <Time iso={both[1].at} exact />}</Fact>
      <Fact name="Code">{record.code && <code>{record.code}</code>}</Fact>
      <Fact name="Grant">{record.grant}</Fact>
      <Fact name="From cache">{record.fromCache === undefined ? undefined : record.fromCache ? 'yes' : 'no'}</Fact>
      <Fact name="Refused request">{record.route && <code>{record.route}</code>}</Fact>
      {record.kind === 'tags' || record.kind === 'tool' ? (
        <Fact name={record.kind === 'tags' ? 'Tags' : 'Client, as it names itself'}>
          {record.kind === 'tags' ? subjectOf(record) : record.client}
        </Fact>
      ) : (
        <Fact name={scopesName(record)}>{scopes.length > scopesShown ? <Scopes scopes={scopes} /> : undefined}</Fact>
      )}
      <Fact name="Excess scopes">{excessScopes?.length ? <Scopes scopes={excessScopes} /> : undefined}</Fact>
      <Fact name="Caller">
        <code>{caller.applicationId}</code> {caller.kind}, object <code>{caller.objectId}</code>
      </Fact>
      <Fact name="Blueprint of the agent">{caller.blueprint && <code>{caller.blueprint}</code>}</Fact>
      <Fact name="The agent acts for the person">{caller.actsFor && <code>{caller.actsFor}</code>}</Fact>
      <Fact name="Tenant id">{record.tenantId && <code>{record.tenantId}</code>}</Fact>
      <Fact name="Approval id">{record.approvalId && <code>{record.approvalId}</code>}</Fact>
      <Fact name="Requested as">{record.tenantAsked && <code>{record.tenantAsked}</code>}</Fact>
      <Fact name="Redeemed by">{record.application && `application ${record.application}`}</Fact>
      <Fact name="Token expires">{expiresAt && <Time iso={expiresAt} exact />}</Fact>
      <Fact name="Token id">{record.kind === 'approval' ? undefined : <code>{record.tokenId}</code>}</Fact>
      <Fact name="Id of the token in the customer's logs">{record.uti && <code>{record.uti}</code>}</Fact>
      <Fact name="Request id of the resource">{record.requestId && <code>{record.requestId}</code>}</Fact>
      <Fact name="Size of the answer">{record.bytes === undefined ? undefined : count(record.bytes, 'byte')}</Fact>
      <Fact name="SHA-256 of the body">{record.bodySha256 && <code>{record.bodySha256}</code>}</Fact>
      <Fact name="SHA-256 of the change in its plan">{record.changeSha256 && <code>{record.changeSha256}</code>}</Fact>
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
