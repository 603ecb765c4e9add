import type { ApprovalAnswer } from '../../src/lib/api/answers/approvals.ts';
import type { ApprovalSummary } from './approval-pages.ts';
import { approvalsText, statusTone, statusWord } from './approval-words.ts';
import { relative } from './format.ts';
import { Fact, Time, ToneBadge } from './pieces.tsx';

type Party = ApprovalSummary['asker'];

const kindWords: Readonly<Record<Party['kind'], string>> = {
  application: 'application',
  user: 'a person, through application',
  agent: 'an agent, application',
};

/** A person, application or agent, with the application that it used. */
export function PartyName({ party }: { readonly party: Party }) {
  const { name, kind, applicationId, blueprint } = party;
  return (
    <>
      <strong>{name}</strong>{' '}
      <span class="quiet">
        {kindWords[kind]} <code>{applicationId}</code>
        {blueprint && (
          <>
            , blueprint <code>{blueprint}</code>
          </>
        )}
      </span>
    </>
  );
}

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
