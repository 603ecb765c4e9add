import { Notice, Paragraphs } from '../shared/text.tsx';
import type { ApprovalAnswer } from '../../src/lib/api/answers/approvals.ts';
import {
  ApprovalDetails,
  ApprovalFacts,
  decisionWords,
  idsOf,
  missingRoles,
  PartyName,
  StatusBadge,
  whyNotApprove,
} from './approval-facts.tsx';
import { isClosed } from './waiting.tsx';
import { auditLink } from './view-filter.ts';
import { useRole, useSignedIn } from './context.ts';
import { DecisionButtons, useDeciding } from './decision-buttons.tsx';
import { count } from './format.ts';
import { Fact, Head, Loaded, Panel, Time } from './pieces.tsx';
import { usePolling } from './polling.ts';
import { HowToGetRole } from './role-needed.tsx';

const intervalMs = 5_000;

/** The page of one approval. Whoever may not see it gets the answer of the API. */
export function ApprovalView({ approvalId }: { readonly approvalId: string }) {
  const { api } = useSignedIn();
  const polled = usePolling(() => api.approval(approvalId), `approval ${approvalId}`, intervalMs);
  return (
    <article>
      {polled.failure !== undefined && polled.value === undefined ? (
        <Head title="Approval" in={['#/approvals', 'Approvals']} />
      ) : null}
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
      <Head
        title={title}
        in={['#/approvals', 'Approvals']}
        about={
          <>
            <StatusBadge status={status} />
            <code>{id}</code>
          </>
        }
      >
        {showsAudit ? (
          <a class="btn" href={auditLink({ approval: id })}>
            Audit records of this approval
          </a>
        ) : null}
        <DecisionButtons approval={approval} onDecide={begin} />
      </Head>
      {dialog}
      <WhyNot approval={approval} />
      <div class="cols">
        <div class="stack">
          <Panel title="What is decided on">
            <ApprovalFacts approval={approval} />
            <ApprovalDetails approval={approval} />
          </Panel>
          <Panel title="For support">
            <dl class="long">
              <Fact name="Asked by">{idsOf(approval.asker)}</Fact>
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
          </Panel>
        </div>
        <History approval={approval} />
      </div>
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
      <Paragraphs text={why} />
      {missing === undefined || own ? null : <HowToGetRole role={missing} />}
    </Notice>
  );
}

/** What happened to it, the oldest first. */
export function History({ approval, title = 'History' }: ApprovalProps & { readonly title?: string }) {
  const { asker, reason, askedAt, decisions, approvedAt, validUntil, status, closedAt, expiresAt, use } = approval;
  const endedByTime = status === 'expired' || status === 'ended';
  return (
    <Panel title={title}>
      <ol class="timeline">
        <li>
          <Time iso={askedAt} exact /> <PartyName party={asker} /> asked.
          {reason === undefined ? null : <q>{reason}</q>}
        </li>
        {decisions.map(({ decision, decider, reason: why, at }) => (
          <li key={`${at} ${decider.objectId} ${decision}`} class={decision === 'approve' ? 'good' : 'bad'}>
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
    </Panel>
  );
}
