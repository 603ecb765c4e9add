import type { VNode } from 'preact';
import { useContext, useState } from 'preact/hooks';
import type { ApprovalAnswer } from '../../src/lib/api/answers/approvals.ts';
import type { DecisionKind } from '../../src/lib/approvals/approval.ts';
import { useToast } from './announcer.tsx';
import { type ApprovalSummary, WaitingContext } from './waiting.tsx';
import { ApprovalDetails, ApprovalFacts, consequence, decisionWords, statusWord } from './approval-facts.tsx';
import { localClock } from './format.ts';
import { reasonLength } from '../../src/lib/core/text.ts';
import { useAction } from './action.tsx';
import type { ApiFailure } from './api-failure.ts';
import { useSignedIn } from './context.ts';
import { Dialog } from './dialog.tsx';
import { Failure, Loaded } from './pieces.tsx';
import { usePolling } from './polling.ts';

/** A button for each decision that the person may make now. */
export function DecisionButtons(props: {
  readonly approval: ApprovalSummary;
  readonly onDecide: (approvalId: string, decision: DecisionKind) => void;
}) {
  const { approval, onDecide } = props;
  const offered = offers(approval);
  if (offered.length === 0) return null;
  return (
    <div class="actions">
      {offered.map((decision) => (
        <button
          key={decision}
          type="button"
          class={decision === 'approve' ? 'primary' : 'stop'}
          onClick={() => onDecide(approval.id, decision)}
        >
          {decisionWords[decision].verb}…<span class="visually-hidden"> {approval.title}</span>
        </button>
      ))}
    </div>
  );
}

/** Of two decisions that end a pending request, one is enough. */
function offers({ possibleDecisions }: ApprovalSummary): readonly DecisionKind[] {
  return possibleDecisions.filter((decision) => decision !== 'revoke' || !possibleDecisions.includes('deny'));
}

interface Deciding {
  readonly begin: (approvalId: string, decision: DecisionKind) => void;
  /**
   * The dialog, if it is open. It belongs to the view and not to an entry: a refused decision is explained although the entry
   * has left the list.
   */
  readonly dialog: VNode | null;
}

/** @param onChange reads again what the view shows. */
export function useDeciding(onChange: () => void): Deciding {
  const [order, setOrder] = useState<{ readonly approvalId: string; readonly decision: DecisionKind }>();
  const waiting = useContext(WaitingContext);
  const toast = useToast();
  const begin: Deciding['begin'] = (approvalId, decision) => setOrder({ approvalId, decision });
  if (order === undefined) return { begin, dialog: null };
  const { approvalId, decision } = order;
  const decided = (approval: ApprovalAnswer): void => {
    const { possibleDecisions, validUntil, title } = approval;
    const until =
      decision === 'approve' && validUntil !== undefined ? ` It holds until ${localClock(validUntil, false)}.` : '';
    const mayRevoke = decision === 'approve' && possibleDecisions.includes('revoke');
    toast({
      text: `You have ${decisionWords[decision].done} it: ${title}.${until}`,
      ...(mayRevoke ? { action: { label: 'Revoke…', run: () => begin(approvalId, 'revoke') } } : {}),
    });
    // The button that opened the dialog may be gone.
    const heading = document.querySelector<HTMLElement>('#content h1');
    if (heading !== null) heading.tabIndex = -1;
    heading?.focus();
  };
  const change = (): void => {
    waiting?.polled.reload();
    onChange();
  };
  const dialog = (
    <DecisionDialog
      approvalId={approvalId}
      decision={decision}
      onClose={() => setOrder(undefined)}
      onChange={change}
      onDecided={decided}
    />
  );
  return { begin, dialog };
}

interface DialogProps {
  readonly approvalId: string;
  readonly decision: DecisionKind;
  readonly onClose: () => void;
  /** The decision was made, or refused because the approval has changed. */
  readonly onChange: () => void;
  readonly onDecided: (approval: ApprovalAnswer) => void;
}

/** Shows again everything that is decided on, says what the decision does, and asks for a reason. */
function DecisionDialog(props: DialogProps) {
  const { approvalId, decision, onClose } = props;
  const { api } = useSignedIn();
  // What was known before may have changed, and is not shown.
  const [openedAtMs] = useState(Date.now);
  const polled = usePolling(() => api.approval(approvalId), `decide ${approvalId} ${openedAtMs}`, undefined);
  const form = useDecision({ ...props, onRefused: polled.reload });
  const isPossible = polled.value?.possibleDecisions.includes(decision) === true;
  return (
    <Dialog
      title={`${decisionWords[decision].verb} this request`}
      kind="wide"
      onClose={onClose}
      form={{
        onSubmit: form.submit,
        send: isPossible ? decisionWords[decision].verb : undefined,
        busy: form.busy,
        cancel: isPossible || polled.value === undefined ? 'Cancel' : 'Close',
      }}
    >
      <Loaded polled={polled}>
        {(approval) => (
          <>
            <ApprovalFacts approval={approval} />
            <ApprovalDetails approval={approval} />
            {isPossible ? <Reason form={form} consequenceText={consequence(approval, decision)} /> : null}
            <Failure failure={form.failure}>
              <p>The request is now shown as it is: {statusWord[approval.status]}.</p>
            </Failure>
            {isPossible || form.failure !== undefined ? null : (
              <p role="status">This decision is not possible any more: {statusWord[approval.status]}.</p>
            )}
          </>
        )}
      </Loaded>
    </Dialog>
  );
}

function Reason({
  form,
  consequenceText,
}: {
  readonly form: ReturnType<typeof useDecision>;
  readonly consequenceText: string;
}) {
  const { problem } = form;
  return (
    <>
      <p class="consequence" id="decision-consequence">
        {consequenceText}
      </p>
      <label for="decision-reason">Reason, which the asker and auditors read</label>
      <textarea
        id="decision-reason"
        rows={2}
        maxLength={reasonLength.most}
        value={form.reason}
        aria-invalid={problem !== undefined}
        aria-describedby={`decision-consequence${problem === undefined ? '' : ' decision-problem'}`}
        onInput={(event) => form.setReason(event.currentTarget.value)}
      />
      {problem === undefined ? null : (
        <p class="problem" id="decision-problem">
          {problem}
        </p>
      )}
    </>
  );
}

function useDecision(props: DialogProps & { readonly onRefused: () => void }) {
  const { approvalId, decision, onRefused, onChange, onDecided, onClose } = props;
  const { api } = useSignedIn();
  const [reason, setReason] = useState('');
  const [problem, setProblem] = useState<string>();
  const [failure, setFailure] = useState<ApiFailure>();
  const { busy, run } = useAction(setFailure);
  const send = async (): Promise<void> => {
    try {
      const decided = await api.decide(approvalId, { decision, reason: reason.trim() });
      onClose();
      onDecided(decided);
    } catch (thrown) {
      // It has changed since it was shown, or the person's roles have.
      onRefused();
      throw thrown;
    } finally {
      onChange();
    }
  };
  const submit = (event: Event): void => {
    event.preventDefault();
    const isShort = reason.trim().length < reasonLength.least;
    setProblem(isShort ? `Write at least ${reasonLength.least} characters.` : undefined);
    if (isShort) document.getElementById('decision-reason')?.focus();
    else void run(send);
  };
  const type = (text: string): void => {
    setReason(text);
    setProblem(undefined);
  };
  return { reason, setReason: type, problem, failure, busy, submit };
}
