import type { ApprovalAnswer } from '../../src/lib/api/answers/approvals.ts';
import type { ApprovalSummary } from './waiting.tsx';
import { count, relative } from './format.ts';
import { Fact, Time, ToneBadge } from './pieces.tsx';
import type { DecisionKind } from '../../src/lib/approvals/approval.ts';
import { useOwnName } from './context.ts';
import type { Session } from './session.ts';
import { isGuid } from './result-columns.ts';
import { Icon } from './icon.tsx';
import { inWords, waveWord } from './plan-words.ts';
import { useTenants } from './polling.ts';
import { planLink } from './route.ts';
import { nilUuid } from '../../src/lib/core/identifiers.ts';

type Party = ApprovalSummary['asker'];

/** A person, application or agent. What it is stands beside a name that does not say it. The ids are in the title. */
export function PartyName({ party }: { readonly party: Party }) {
  const { kind, objectId, name: given } = party;
  // A person without a name has that of the application, which others use, too.
  const name = kind === 'user' && isGuid(given) ? shortName(objectId, 'person') : shortName(given, kind);
  const ids = idsOf(party);
  return (
    <span title={ids}>
      <strong>
        <Person name={name} title={ids} />
      </strong>
      {kind === 'user' || name.startsWith(`${kind} `) ? null : <span class="quiet"> {kind}</span>}
    </span>
  );
}

/**
 * A name. That of a person in the partner's own tenant, who has the domain of the reader, is without the domain.
 * @param props.title instead of the whole name, such as its ids.
 */
export function Person({ name, title = name }: { readonly name: string; readonly title?: string }) {
  const own = useOwnName();
  return <span title={title}>{own(name)}</span>;
}

const idsOf = ({ applicationId, objectId, blueprint }: Party): string =>
  `Application id ${applicationId}, object id ${objectId}${blueprint ? `, blueprint ${blueprint}` : ''}`;

/** Collections of Microsoft Graph whose objects have a GUID as their key. */
const collections: ReadonlySet<string> = new Set([
  'applications',
  'contacts',
  'devices',
  'directoryRoles',
  'groups',
  'servicePrincipals',
  'users',
]);

/** What a method does with a collection, and with one of its objects. */
const verbs: Readonly<Record<string, readonly [collection: string | undefined, object: string | undefined]>> = {
  GET: ['Reads', 'Reads'],
  POST: ['Creates', undefined],
  PATCH: [undefined, 'Changes'],
  DELETE: [undefined, 'Deletes'],
};

const userName = /^[\w.'-]+@[\w-]+(?:\.[\w-]+)+$/;

/**
 * What an approval lets happen, in words: "Reads users in Contoso". Only for a whole collection of Microsoft Graph and one object
 * of it: what functions, actions and other resources do, a path does not tell for certain. Those keep their own title.
 */
export function titleInWords({ title }: Pick<ApprovalSummary, 'title'>): string {
  const [, method = '', collection = '', key, tenant] =
    /^([A-Z]+) \/(?:v1\.0|beta)\/(\w+)(?:\/([^/\s]+))? at graph in (.+)$/.exec(title) ?? [];
  const verb = verbs[method]?.[key === undefined ? 0 : 1];
  const isKey = key === undefined || isGuid(key) || (collection === 'users' && userName.test(key));
  if (verb === undefined || !isKey || !collections.has(collection)) return title;
  const many = inWords(collection);
  return `${verb} ${key === undefined && method === 'GET' ? many : `one ${many.slice(0, -1)}`} in ${tenant}`;
}

export const factIn = ({ facts }: Pick<ApprovalSummary, 'facts'>, name: string): string | undefined =>
  facts.find((fact) => fact.name === name)?.value;

/** Method, path and resource of a request, beside a title that does not have them. */
export function RequestLine({ approval }: { readonly approval: ApprovalSummary }) {
  const [request, resource] = [factIn(approval, 'Request'), factIn(approval, 'Resource')];
  if (request === undefined || titleInWords(approval).startsWith(`${request} at `)) return null;
  return (
    <code class="small quiet request">
      {request}
      {resource === undefined ? '' : ` at ${resource}`}
    </code>
  );
}

/** A caller without a name has its application id in place of it. */
export const shortName = (name: string, kind = 'application'): string =>
  isGuid(name) ? `${kind} ${name.slice(0, 8)}…` : name;

export function StatusBadge({ approval }: { readonly approval: Stated }) {
  return <ToneBadge tone={statuses[approval.status][0]}>{statusWord(approval)}</ToneBadge>;
}

/** How far an approval is, and until when that holds. */
export function Standing({ approval }: { readonly approval: ApprovalSummary }) {
  const { status, approvalsGiven, approvalsNeeded, expiresAt, validUntil, servedOnce, use, closedAt } = approval;
  const [words, iso] =
    status === 'pending'
      ? [`${approvalsGiven} of ${count(approvalsNeeded, 'approval')} given, expires`, expiresAt]
      : status === 'approved'
        ? [servedOnce ? 'valid for one use until' : 'valid until', validUntil]
        : use?.answered === false
          ? ['answer unknown, sent', use.at]
          : ['closed', closedAt];
  return iso === undefined ? null : (
    <span>
      {words} <Time iso={iso} short />, {relative(iso)}
    </span>
  );
}

/** Nobody decides by hashes, and the title has the numbers. */
const folded: ReadonlySet<string> = new Set(['SHA-256 of the body', 'Digest', 'Tenants', 'Changes']);

type NamedText = ApprovalAnswer['facts'][number];

/** Facts that are the same in nearly every approval, so they stand with those that few people read. */
const isUsual = ({ name, value }: NamedText): boolean =>
  (name === "The broker's application" && value === 'default') || (name === 'Cannot be undone' && value === '0');

/** The waves of an apply in the words of the page of its plan. */
function Waves({ value }: { readonly value: string }) {
  const tenants = useTenants()?.tenants ?? [];
  const words = value.split(', ').map((entry, at) => waveWord(entry, at === 0, tenants));
  return <>{words.join(', ')}</>;
}

/** A tenant by its name alone: its id stands with the others. What else looks like an id may be part of a name that the customer chose. */
const withoutId = ({ name, value }: NamedText, tenantId: string): NamedText => ({
  name,
  value: name === 'Tenant' && value.endsWith(` (${tenantId})`) ? value.slice(0, -tenantId.length - 3) : value,
});

const factOf = ({ name, value }: NamedText) => (
  <Fact key={name} name={name}>
    {name === 'Plan' ? (
      <a href={planLink(value)} title={value}>
        Show the plan
      </a>
    ) : name === 'Waves' ? (
      <Waves value={value} />
    ) : (
      value
    )}
  </Fact>
);

/** A text as a whole, and a query with its commas. */
const textOf = ({ name, value }: NamedText) => (
  <figure key={name} class="patch">
    <figcaption>{name}</figcaption>
    <pre tabIndex={0}>{name === 'Query' ? value.replaceAll('%2C', ',') : value}</pre>
  </figure>
);

/**
 * What is decided on: what is sent, why, for whom and as whom, and then its body or differences, which may be long.
 * @param props.saysWho Default: true. Whether it says who asked and why, as the history does, and not for how long, as a decision does.
 */
export function ApprovalFacts(props: { readonly approval: ApprovalAnswer; readonly saysWho?: boolean }) {
  const { approval, saysWho = true } = props;
  const { asker, facts, details, rule, reason, kind, status, from } = approval;
  const {
    request = [],
    shown = [],
    hashes = [],
  } = Object.groupBy(facts, ({ name, value }) =>
    name === 'Request' ? 'request' : folded.has(name) || isUsual({ name, value }) ? 'hashes' : 'shown',
  );
  const isGone = details.length === 0 && kind === 'request' && status !== 'pending' && status !== 'approved';
  return (
    <>
      {request.map(textOf)}
      <dl>
        <Fact name="Why">{saysWho ? (reason ?? <span class="quiet">no reason given</span>) : undefined}</Fact>
        <Fact name="Asked by">{saysWho ? <PartyName party={asker} /> : undefined}</Fact>
        {shown.map((fact) => factOf(withoutId(fact, approval.tenantId)))}
        <Fact name="After approval">{saysWho ? undefined : servedWords(approval)}</Fact>
      </dl>
      {details.map(textOf)}
      {isGone ? <p class="quiet">Query, headers and body were removed when the approval was closed.</p> : null}
      <details>
        <summary class="quiet">
          <Icon name="turn" turns /> Rule, deciders, ids and hashes
        </summary>
        <dl>
          <Fact name="Rule">{rule}</Fact>
          <Fact name="Approval id">
            <code>{approval.id}</code>
          </Fact>
          <Fact name="Tenant id">{approval.tenantId === nilUuid ? undefined : <code>{approval.tenantId}</code>}</Fact>
          <Fact name="Deciders need">{from.join(' and ')}</Fact>
          {hashes.map(factOf)}
          <Fact name="Asker">{idsOf(asker)}</Fact>
          <Fact name="SHA-256 of what is approved">
            <code>{approval.digest}</code>
          </Fact>
          <Fact name="Correlation id">
            <code>{approval.correlationId}</code>
          </Fact>
        </dl>
      </details>
    </>
  );
}

/** What each decision is called on its button, and once it is made. */
export const decisionWords: Readonly<Record<DecisionKind, { readonly verb: string; readonly done: string }>> = {
  approve: { verb: 'Approve', done: 'approved' },
  deny: { verb: 'Deny', done: 'denied' },
  revoke: { verb: 'Revoke', done: 'revoked' },
};

/** Tone and word of each status. Nobody has to act on what a person refused. */
const statuses: Readonly<Record<ApprovalSummary['status'], readonly ['good' | 'warn' | 'idle', string]>> = {
  pending: ['warn', 'waits'],
  approved: ['good', 'approved'],
  denied: ['idle', 'denied'],
  revoked: ['idle', 'revoked'],
  expired: ['idle', 'expired without a decision'],
  used: ['good', 'approved and used'],
  ended: ['idle', 'approved, since expired'],
};

type Stated = Pick<ApprovalSummary, 'status' | 'servedOnce'>;

/** Of an approval for one use it is known that nobody used it. */
export const statusWord = ({ status, servedOnce }: Stated): string =>
  status === 'ended' && servedOnce ? 'approved, expired unused' : statuses[status][1];

export const isOwn = ({ asker }: Pick<ApprovalSummary, 'asker'>, { objectId }: Session): boolean =>
  objectId !== undefined && asker.objectId === objectId;

/** How long and how often an approved request is served. */
export const servedWords = ({
  servedOnce,
  validMinutes,
}: Pick<ApprovalSummary, 'servedOnce' | 'validMinutes'>): string =>
  servedOnce
    ? `valid for one use within ${count(validMinutes, 'minute')}`
    : `valid for ${count(validMinutes, 'minute')}, for any number of uses`;

/** What a decision does, in one sentence. The person reads it again before the decision is sent. */
export function consequence(approval: ApprovalAnswer, decision: DecisionKind): string {
  const { approvalsGiven, approvalsNeeded } = approval;
  if (decision === 'deny') return 'The request is refused, even if others have approved it.';
  if (decision === 'revoke') return 'The request is refused from now on.';
  const missing = approvalsNeeded - approvalsGiven - 1;
  return missing > 0
    ? `After your approval, ${count(missing, 'more person')} must approve it.`.replace('persons', 'people')
    : `The approval is then ${servedWords(approval)}.`;
}

/** Roles that the person lacks for a decision. */
export const missingRoles = ({ from }: Pick<ApprovalAnswer, 'from'>, { roles }: Session): readonly string[] =>
  from.filter((role) => !roles.includes(role));

/** Why the person cannot approve a pending request, with the next step. Undefined if he can, and for other statuses. */
export function whyNotApprove(approval: ApprovalAnswer, session: Session): string | undefined {
  const { status, possibleDecisions, decisions } = approval;
  if (status !== 'pending' || possibleDecisions.includes('approve')) return undefined;
  if (isOwn(approval, session)) {
    const who = approval.asker.kind === 'agent' ? 'An agent asked for it on your behalf' : 'You asked for it yourself';
    return `${who}, so another person must decide.`;
  }
  const missing = missingRoles(approval, session);
  if (missing.length > 0) return `Deciding needs the app role \`${missing.join('` and `')}\`, which you do not have.`;
  if (decisions.some(({ decider }) => decider.objectId === session.objectId))
    return 'You have approved it. Another person must approve it, too.';
  return possibleDecisions.includes('deny')
    ? 'Either your token is from another application than the one for signing in here, so sign out and sign in, or the rule asks for no approval any more.'
    : 'An application cannot decide. Sign in as a person.';
}
