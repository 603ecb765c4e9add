import { Sentence, Notice } from '../shared/text.tsx';
import type { ApprovalAnswer } from '../../src/lib/api/answers/approvals.ts';
import { ApprovalDetails, ApprovalFacts, PartyName, StatusBadge } from './approval-facts.tsx';
import { isClosed } from './approval-pages.ts';
import { decisionWords, missingRoles, whyNotApprove } from './approval-words.ts';
import { auditLink } from './audit-filter.ts';
import { useRole, useSignedIn } from './context.ts';
import { DecisionButtons, useDeciding } from './decision-buttons.tsx';
import { count } from './format.ts';
import { Fact, Loaded, Time } from './pieces.tsx';
import { usePolling } from './polling.ts';
import { HowToGetRole } from './role-needed.tsx';

const intervalMs = 5_000;

/** The page of one approval. Whoever may not see it gets the answer of the API. */
export function ApprovalView({ approvalId }: { readonly approvalId: string }) {
  const { api } = useSignedIn();
  const polled = usePolling(() => api.approval(approvalId), `approval ${approvalId}`, intervalMs);
  return (
    <article class="run">
      <p>
        <a href="#/approvals">Approvals</a> / <code>{approvalId}</code>
      </p>
      <Loaded polled={polled}>{(approval) => <OneApproval approval={approval} onChange={polled.reload} />}</Loaded>
    </article>
  );
}

interface ApprovalProps {
  readonly approval: ApprovalAnswer;
}

function OneApproval({ approval, onChange }: ApprovalProps & { readonly onChange: () => void }) {
  const { id, title, status, from, validMinutes, digest, correlationId } = approval;
  const { begin, dialog } = useDeciding(onChange);
  const showsAudit = useRole('Audit.Read');
  return (
    <>
      <div class="title-row">
        <h2>
          {title} <StatusBadge status={status} />
        </h2>
        <DecisionButtons approval={approval} onDecide={begin} />
      </div>
      {dialog}
      <WhyNot approval={approval} />
      <section class="card" aria-label="What is decided on">
        <ApprovalFacts approval={approval} />
        <ApprovalDetails approval={approval} />
      </section>
      <History approval={approval} />
      <dl class="approval-facts">
        <Fact name="Deciders need">{from.join(' and ')}</Fact>
        <Fact name="Served for">
          {count(validMinutes, 'minute')} after the last approval{approval.servedOnce ? ', once' : ''}
        </Fact>
        <Fact name="SHA-256 of all that it is bound to">
          <code>{digest}</code>
        </Fact>
        <Fact name="Correlation id">
          <code>{correlationId}</code>
        </Fact>
      </dl>
      {showsAudit ? <a href={auditLink({ approval: id })}>Audit records of this approval</a> : null}
    </>
  );
}

function WhyNot({ approval }: ApprovalProps) {
  const { session } = useSignedIn();
  const why = whyNotApprove(approval, session);
  if (why === undefined) return null;
  const [missing] = missingRoles(approval, session);
  const own = approval.asker.objectId === session.objectId;
  return (
    <Notice kind="plain">
      <p>
        <Sentence text={why} />
      </p>
      {missing === undefined || own ? null : <HowToGetRole role={missing} />}
    </Notice>
  );
}

/** What happened to it, the oldest first. */
function History({ approval }: ApprovalProps) {
  const { asker, reason, askedAt, decisions, approvedAt, validUntil, status, closedAt, expiresAt, use } = approval;
  const endedByTime = status === 'expired' || status === 'ended';
  return (
    <section aria-labelledby="history-title" class="question">
      <h3 id="history-title">History</h3>
      <ol class="approval-history">
        <li>
          <Time iso={askedAt} exact /> <PartyName party={asker} /> asked.
          {reason === undefined ? null : <q>{reason}</q>}
        </li>
        {decisions.map(({ decision, decider, reason: why, at }) => (
          <li key={`${at} ${decider.objectId} ${decision}`}>
            <Time iso={at} exact /> <PartyName party={decider} /> {decisionWords[decision].done} it.
            <q>{why}</q>
          </li>
        ))}
        {approvedAt === undefined || validUntil === undefined ? null : (
          <li>
            <Time iso={approvedAt} exact /> It has all approvals, and is served{approval.servedOnce ? ' once' : ''}{' '}
            until <Time iso={validUntil} exact />.
          </li>
        )}
        {use === undefined ? null : (
          <li>
            <Time iso={use.at} exact />{' '}
            {use.answered
              ? 'It was sent and answered.'
              : 'It left, and no answer is known: the change may have been made or not.'}
          </li>
        )}
        {isClosed(approval) && endedByTime ? (
          <li>
            <Time iso={(status === 'ended' ? validUntil : closedAt) ?? expiresAt} exact />{' '}
            {status === 'expired' ? 'It expired without enough approvals.' : 'Its validity ended.'}
          </li>
        ) : null}
      </ol>
    </section>
  );
}
