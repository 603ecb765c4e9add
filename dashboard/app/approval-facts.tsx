import type { ApprovalAnswer } from '../../src/lib/api/answers/approvals.ts';
import type { ApprovalSummary } from './waiting.tsx';
import { count, relative } from './format.ts';
import { Fact, Time, ToneBadge } from './pieces.tsx';
import type { DecisionKind } from '../../src/lib/approvals/approval.ts';
import type { Session } from './session.ts';
import { isGuid } from './result-columns.ts';

type Party = ApprovalSummary['asker'];

const kindWords: Readonly<Record<Party['kind'], string>> = {
  application: 'an application',
  user: 'a person',
  agent: 'an agent',
};

/** A person, application or agent. Its ids are in the title, and in what the page of the approval has for support. */
export function PartyName({ party }: { readonly party: Party }) {
  const { name, kind } = party;
  return (
    <span title={idsOf(party)}>
      <strong>{shortName(name)}</strong> <span class="quiet">{kindWords[kind]}</span>
    </span>
  );
}

export const idsOf = ({ applicationId, objectId, blueprint }: Party): string =>
  `Application id ${applicationId}, object id ${objectId}${blueprint ? `, blueprint ${blueprint}` : ''}`;

/** A caller without a name has its application id in place of it. */
export const shortName = (name: string): string => (isGuid(name) ? `application ${name.slice(0, 8)}…` : name);

export function StatusBadge({ status }: Pick<ApprovalSummary, 'status'>) {
  return <ToneBadge tone={statusTone[status]}>{statusWord[status]}</ToneBadge>;
}

/** A time and how far it is from now. */
function When({ iso }: { readonly iso: string }) {
  return (
    <>
      <Time iso={iso} short /> <span class="quiet">{relative(iso, Date.now())}</span>
    </>
  );
}

/** When the change left, and whether anybody knows what became of it. */
function UseTime({ use: { at, answered } }: { readonly use: NonNullable<ApprovalSummary['use']> }) {
  return (
    <>
      <Time iso={at} short /> {answered ? null : <span class="quiet">no answer is known</span>}
    </>
  );
}

/** What is decided on: who asks for what, why, by which rule, and until when. */
export function ApprovalFacts({ approval }: { readonly approval: ApprovalSummary }) {
  const { asker, facts, rule, reason, status, expiresAt, validUntil, servedOnce, use, closedAt } = approval;
  return (
    <dl class="long">
      <Fact name="Asked by">
        <PartyName party={asker} />
      </Fact>
      <Fact name="Reason">{reason === undefined ? <span class="quiet">none given</span> : reason}</Fact>
      {facts.map(({ name, value }) => (
        <Fact key={name} name={name}>
          {value}
        </Fact>
      ))}
      <Fact name="Rule">{rule}</Fact>
      <Fact name="Decisions">{approvalsText(approval)}</Fact>
      <Fact name="Lapses">{status === 'pending' ? <When iso={expiresAt} /> : undefined}</Fact>
      <Fact name={servedOnce ? 'Served once until' : 'Served until'}>
        {status === 'approved' && validUntil ? <When iso={validUntil} /> : undefined}
      </Fact>
      <Fact name="Sent">{use && <UseTime use={use} />}</Fact>
      <Fact name="Closed">{closedAt && <Time iso={closedAt} short />}</Fact>
    </dl>
  );
}

/** Query, headers and body of a request. */
export function ApprovalDetails({ approval }: { readonly approval: ApprovalAnswer }) {
  const { details, kind, status } = approval;
  if (details.length === 0)
    return kind === 'request' && status !== 'pending' && status !== 'approved' ? (
      <p class="quiet">Query, headers and body were removed when the approval was closed.</p>
    ) : null;
  return (
    <>
      {details.map(({ name, value }) => (
        <figure key={name} class="patch">
          <figcaption>{name}</figcaption>
          <pre tabIndex={0}>{value}</pre>
        </figure>
      ))}
    </>
  );
}

/** What each decision is called on its button, and once it is made. */
export const decisionWords: Readonly<Record<DecisionKind, { readonly verb: string; readonly done: string }>> = {
  approve: { verb: 'Approve', done: 'approved' },
  deny: { verb: 'Deny', done: 'denied' },
  revoke: { verb: 'Revoke', done: 'revoked' },
};

const statusTone: Readonly<Record<ApprovalSummary['status'], 'good' | 'warn' | 'bad' | 'idle'>> = {
  pending: 'warn',
  approved: 'good',
  denied: 'bad',
  revoked: 'bad',
  expired: 'idle',
  used: 'idle',
  ended: 'idle',
};

export const statusWord: Readonly<Record<ApprovalSummary['status'], string>> = {
  pending: 'waits',
  approved: 'approved',
  denied: 'denied',
  revoked: 'revoked',
  expired: 'expired',
  used: 'used',
  ended: 'no longer valid',
};

/** `1 of 2 approvals`. */
const approvalsText = ({ approvalsGiven, approvalsNeeded }: ApprovalSummary): string =>
  `${approvalsGiven} of ${count(approvalsNeeded, 'approval')}`;

export const isOwn = ({ asker }: Pick<ApprovalSummary, 'asker'>, { objectId }: Session): boolean =>
  objectId !== undefined && asker.objectId === objectId;

/** What a decision does, in one sentence. The person reads it again before the decision is sent. */
export function consequence(approval: ApprovalAnswer, decision: DecisionKind): string {
  const { asker, title, approvalsGiven, approvalsNeeded, validMinutes, servedOnce } = approval;
  const what = `${asker.name} asks for: ${title}`;
  if (decision === 'deny') return `${what}. It is refused, also if others have approved it.`;
  if (decision === 'revoke') return `${what}. From now on it is refused.`;
  const missing = approvalsNeeded - approvalsGiven - 1;
  return missing > 0
    ? `${what}. After your approval, ${count(missing, 'more person')} must approve it.`.replace('persons', 'people')
    : `${what}. It is served ${servedOnce ? 'once, within' : 'for'} ${count(validMinutes, 'minute')} from now${servedOnce ? '' : ', as often as it is sent'}.`;
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
