import { useState } from 'preact/hooks';
import { isEnded } from '../../src/lib/runs/store/run.ts';
import { Notice, Sentence } from '../shared/text.tsx';
import type { ApprovalAnswer } from '../../src/lib/api/answers/approvals.ts';
import type { PlanAnswer } from '../../src/lib/api/answers/plans.ts';
import {
  ApprovalFacts,
  decisionWords,
  factIn,
  isOwn,
  missingRoles,
  PartyName,
  Person,
  RequestLine,
  Standing,
  StatusBadge,
  titleInWords,
  whyNotApprove,
} from './approval-facts.tsx';
import type { Api } from './api.ts';
import { finalAnswer } from './api-failure.ts';
import { Difference } from './plan-difference.tsx';
import { gateWords, headlineOf, outcomesText } from './plan-words.ts';
import { isClosed } from './waiting.tsx';
import { auditLink } from './view-filter.ts';
import { useRole, useSignedIn } from './context.ts';
import { DecisionButtons, useDeciding } from './decision-buttons.tsx';
import { Head, Loaded, Panel, Time } from './pieces.tsx';
import { usePolling } from './polling.ts';
import { planLink } from './route.ts';
import { HowToGetRole } from './role-needed.tsx';

const intervalMs = 5_000;

/** The page of one approval. Whoever may not see it gets the answer of the API. */
export function ApprovalView({ approvalId }: { readonly approvalId: string }) {
  const polled = usePolling((api) => api.approval(approvalId), `approval ${approvalId}`, intervalMs);
  return (
    <article>
      {polled.failure !== undefined && polled.value === undefined ? (
        <Head title="Approval" in={['#/approvals', 'Approvals']} />
      ) : null}
      <Loaded polled={polled}>{(approval) => <OneApproval approval={approval} onChange={polled.reload} />}</Loaded>
    </article>
  );
}

/** After the use of an approval, its apply is waited for this long. */
const mostComingMs = 300_000;

interface ApprovalProps {
  readonly approval: ApprovalAnswer;
}

function OneApproval({ approval, onChange }: ApprovalProps & { readonly onChange: () => void }) {
  const { id, status, possibleDecisions, use, asker, askedAt } = approval;
  const isPending = status === 'pending';
  const planId = factIn(approval, 'Plan');
  const decides = !isClosed(approval) || possibleDecisions.length > 0;
  const { begin, dialog } = useDeciding(onChange);
  const [showsAudit, readsPlans] = [useRole('Audit.Read'), useRole('Runs.Read')];
  // A closed approval does not have what the plan changes any more.
  const isRead = planId !== undefined && readsPlans && approval.details.length === 0;
  const [pauseMs, setPauseMs] = useState<number>();
  const load = async (api: Api) => {
    const read = isRead ? (await finalAnswer(api.plan(planId))).answer : undefined;
    // The approval is closed before the apply is there, which the reader may not be allowed to see.
    const isUsedNow = use !== undefined && Date.now() - Date.parse(use.at) < mostComingMs;
    const isComing = read?.apply === undefined ? read !== undefined && isUsedNow : !isEnded(read.apply.status);
    setPauseMs(isComing ? intervalMs : undefined);
    return read;
  };
  const plan = usePolling(load, `plan of an approval ${planId} ${isRead}`, pauseMs).value;
  const applied = plan?.apply?.approvalId === id ? plan : undefined;
  const facts = (
    <div class="stack">
      <Panel title={isClosed(approval) ? 'What was decided on' : 'What is decided on'}>
        <ApprovalFacts approval={approval} saysWho={false} />
      </Panel>
      {plan === undefined ? null : <Difference plan={plan} />}
    </div>
  );
  return (
    <>
      <Head
        title={titleInWords(approval)}
        in={['#/approvals', 'Approvals']}
        lede={applied?.apply && outcomesText(applied.changes, applied.apply)}
        about={
          <>
            {isPending ? null : <StatusBadge approval={approval} />}
            <span>
              asked by <PartyName party={asker} />, <Time iso={askedAt} short />
            </span>
            {/* Where a decision is possible, its notice says until when. */}
            {decides ? null : <Standing approval={approval} />}
            <RequestLine approval={approval} />
          </>
        }
      >
        {showsAudit ? (
          <a class="btn" href={auditLink({ approval: id })}>
            Audit records of this approval
          </a>
        ) : null}
      </Head>
      {dialog}
      {decides ? <Decision approval={approval} onDecide={begin} /> : null}
      <div class={isPending ? 'cols' : 'cols decided'}>
        {facts}
        <History approval={approval} plan={applied} />
      </div>
    </>
  );
}

/** Who decides now, until when, and the buttons, or why there are none. */
function Decision({ approval, onDecide }: Parameters<typeof DecisionButtons>[0] & ApprovalProps) {
  const { session } = useSignedIn();
  const why = whyNotApprove(approval, session);
  const [missing] = isOwn(approval, session) ? [] : missingRoles(approval, session);
  const isMine = approval.status === 'pending' && why === undefined;
  return (
    <Notice kind={isMine ? 'you' : 'plain'}>
      <strong>
        {isMine ? (
          'It waits for you'
        ) : (
          <Sentence text={why ?? (isClosed(approval) ? 'It is being sent' : 'It is approved')} />
        )}
      </strong>
      <p>
        <Standing approval={approval} />
      </p>
      {why === undefined || missing === undefined ? null : <HowToGetRole role={missing} />}
      <DecisionButtons approval={approval} onDecide={onDecide} />
    </Notice>
  );
}

interface HistoryProps extends ApprovalProps {
  /** The plan that was applied with it. */
  readonly plan?: PlanAnswer | undefined;
  /** It is on the page of its plan, which says itself what it led to. */
  readonly isOfPlan?: true;
}

/** What happened to it, the oldest first. */
export function History({ approval, plan, isOfPlan }: HistoryProps) {
  const { asker, reason, askedAt, decisions, approvedAt, validUntil, status, closedAt, expiresAt, use } = approval;
  const endedByTime = status === 'expired' || status === 'ended';
  const gates = plan?.apply?.gates ?? [];
  const steps = [askedAt, ...[...decisions, ...(use === undefined ? [] : [use]), ...gates].map(({ at }) => at)];
  // Seconds tell steps of one minute apart.
  const exact = new Set(steps.map((iso) => iso.slice(0, 16))).size < steps.length;
  return (
    <Panel title={isOfPlan ? 'Approved' : 'What happened'}>
      <ol class="timeline">
        <li>
          <Time iso={askedAt} short exact={exact} /> <PartyName party={asker} /> asked.
          {reason === undefined ? <span class="quiet"> No reason given.</span> : <q>{reason}</q>}
        </li>
        {decisions.map(({ decision, decider, reason: why, at }) => (
          <li key={`${at} ${decider.objectId} ${decision}`} class={decision === 'approve' ? 'good' : 'bad'}>
            <Time iso={at} short exact={exact} /> <PartyName party={decider} /> {decisionWords[decision].done} it.
            <q>{why}</q>
            {at !== approvedAt || validUntil === undefined || use !== undefined || isOfPlan ? null : (
              <p>
                It can be used{approval.servedOnce ? ' once,' : ''} until <Time iso={validUntil} short exact={exact} />.
              </p>
            )}
          </li>
        ))}
        {use === undefined || (use.answered && isOfPlan) ? null : (
          <li>
            <Time iso={use.at} short exact={exact} />{' '}
            {plan !== undefined
              ? 'The apply began.'
              : use.answered
                ? 'It was sent and answered.'
                : 'It left, and no answer is known: the change may have been made or not.'}
          </li>
        )}
        {gates.map((gate) => (
          <li key={gate.at}>
            <Time iso={gate.at} short exact={exact} />{' '}
            <strong>
              <Person name={gate.by} />
            </strong>{' '}
            {gateWords(gate)}
            {gate.reason === undefined ? null : <q>{gate.reason}</q>}
          </li>
        ))}
        {plan?.apply === undefined ? null : (
          <li class={isEnded(plan.apply.status) ? undefined : 'next'}>
            <a href={planLink(plan.planId)}>
              {isEnded(plan.apply.status) ? 'The apply ended' : headlineOf(plan, false)}
            </a>
            .
          </li>
        )}
        {isClosed(approval) && endedByTime ? (
          <li>
            <Time iso={(status === 'ended' ? validUntil : closedAt) ?? expiresAt} short />{' '}
            {status === 'expired' ? 'It expired without enough approvals.' : 'Its validity ended.'}
          </li>
        ) : null}
      </ol>
    </Panel>
  );
}
