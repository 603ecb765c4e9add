import type { ApprovalAnswer } from '../../src/lib/api/answers/approvals.ts';
import type { ApprovalSummary } from './waiting.tsx';
import { count, relative } from './format.ts';
import { Fact, Time, ToneBadge } from './pieces.tsx';
import type { DecisionKind } from '../../src/lib/approvals/approval.ts';
import { useOwnName } from './context.ts';
import type { Session } from './session.ts';
import { isGuid } from './result-columns.ts';
import { inWords, waveWord } from './plan-words.ts';
import { planLink } from './route.ts';

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

const verbs: Readonly<Record<string, string>> = { GET: 'reads', PUT: 'changes', PATCH: 'changes', DELETE: 'deletes' };

/**
 * What an approval lets happen, in words: "Portal reads users in Contoso". Its own title if its path ends with an action or
 * names nothing that people know.
 */
export function titleInWords({ title, asker }: Pick<ApprovalSummary, 'title' | 'asker'>): string {
  const [, method = '', path = '', tenant] = /^([A-Z]+) (\/\S+) at \S+ in (.+)$/.exec(title) ?? [];
  const [last = '', before = ''] = path.split('/').toReversed();
  const [noun, one] = isNoun.test(last) ? [last, ''] : [before, 'one of the '];
  const verb = verbs[method];
  if (verb === undefined || !isNoun.test(noun)) return title;
  return `${shortName(asker.name, asker.kind)} ${verb} ${one}${inWords(noun)} in ${tenant}`;
}

/** A collection, such as `users`, and no id, version or function. */
const isNoun = /^[a-z]{3,}[A-Za-z]*s$/;

/** A caller without a name has its application id in place of it. */
export const shortName = (name: string, kind = 'application'): string =>
  isGuid(name) ? `${kind} ${name.slice(0, 8)}…` : name;

export function StatusBadge({ status }: Pick<ApprovalSummary, 'status'>) {
  return <ToneBadge tone={statuses[status][0]}>{statusWord(status)}</ToneBadge>;
}

/** How far an approval is, and until when that holds. */
export function Standing({ approval }: { readonly approval: ApprovalSummary }) {
  const { status, approvalsGiven, approvalsNeeded, expiresAt, validUntil, servedOnce, use, closedAt } = approval;
  const [words, iso] =
    status === 'pending'
      ? [`${approvalsGiven} of ${count(approvalsNeeded, 'approval')}, lapses`, expiresAt]
      : status === 'approved'
        ? [servedOnce ? 'served once until' : 'served until', validUntil]
        : use?.answered === false
          ? ['no answer is known, sent', use.at]
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

/** Facts in the words of the page of a plan, and a query with its commas. */
const texts: Readonly<Record<string, (value: string) => string>> = {
  Waves: (value) =>
    value
      .split(', ')
      .map((entry, at) => waveWord(entry, at === 0))
      .join(', '),
  Query: (value) => value.replaceAll('%2C', ','),
};

/** A fact as it is: what looks like an id at the end of a name may be part of a name that the customer chose. */
const factOf = ({ name, value }: NamedText) => (
  <Fact key={name} name={name}>
    {name === 'Plan' ? (
      <a href={planLink(value)} title={value}>
        Show the plan
      </a>
    ) : (
      (texts[name]?.(value) ?? value)
    )}
  </Fact>
);

/** A text as a whole. */
const textOf = ({ name, value }: NamedText) => (
  <figure key={name} class="patch">
    <figcaption>{name}</figcaption>
    <pre tabIndex={0}>{texts[name]?.(value) ?? value}</pre>
  </figure>
);

/**
 * What is decided on: what is sent, why, for whom and as whom, and then its body or differences, which may be long.
 * @param props.saysWho Default: true. Whether it says who asked and why, as the history does, and not for how long, as a decision does.
 */
export function ApprovalFacts(props: { readonly approval: ApprovalAnswer; readonly saysWho?: boolean }) {
  const { approval, saysWho = true } = props;
  const { asker, facts, details, rule, reason, kind, status, from, validMinutes, servedOnce } = approval;
  const {
    request = [],
    shown = [],
    hashes = [],
  } = Object.groupBy(facts, ({ name, value }) =>
    name === 'Request' ? 'request' : folded.has(name) || value === 'default' ? 'hashes' : 'shown',
  );
  const isGone = details.length === 0 && kind === 'request' && status !== 'pending' && status !== 'approved';
  return (
    <>
      {request.map(textOf)}
      <dl>
        <Fact name="Why">{saysWho ? (reason ?? <span class="quiet">no reason given</span>) : undefined}</Fact>
        <Fact name="Asked by">{saysWho ? <PartyName party={asker} /> : undefined}</Fact>
        {shown.map(factOf)}
        <Fact name="Is served for">
          {saysWho ? undefined : `${count(validMinutes, 'minute')} from the last approval${servedOnce ? ', once' : ''}`}
        </Fact>
      </dl>
      {details.map(textOf)}
      {isGone ? <p class="quiet">Query, headers and body were removed when the approval was closed.</p> : null}
      <details>
        <summary class="quiet">Rule, deciders, ids and hashes</summary>
        <dl>
          <Fact name="Rule">{rule}</Fact>
          <Fact name="Approval id">
            <code>{approval.id}</code>
          </Fact>
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

/** Tone and word of each status. */
const statuses: Readonly<Record<ApprovalSummary['status'], readonly ['good' | 'warn' | 'bad' | 'idle', string]>> = {
  pending: ['warn', 'waits'],
  approved: ['good', 'approved'],
  denied: ['bad', 'denied'],
  revoked: ['bad', 'revoked'],
  expired: ['idle', 'expired'],
  used: ['good', 'approved and used'],
  ended: ['idle', 'no longer valid'],
};

export const statusWord = (status: ApprovalSummary['status']): string => statuses[status][1];

export const isOwn = ({ asker }: Pick<ApprovalSummary, 'asker'>, { objectId }: Session): boolean =>
  objectId !== undefined && asker.objectId === objectId;

/** What a decision does, in one sentence. The person reads it again before the decision is sent. */
export function consequence(approval: ApprovalAnswer, decision: DecisionKind): string {
  const { approvalsGiven, approvalsNeeded, validMinutes, servedOnce } = approval;
  if (decision === 'deny') return 'It is refused, also if others have approved it.';
  if (decision === 'revoke') return 'From now on it is refused.';
  const missing = approvalsNeeded - approvalsGiven - 1;
  return missing > 0
    ? `After your approval, ${count(missing, 'more person')} must approve it.`.replace('persons', 'people')
    : `It is served ${servedOnce ? 'once, within' : 'for'} ${count(validMinutes, 'minute')} from now${servedOnce ? '' : ', as often as it is sent'}.`;
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
