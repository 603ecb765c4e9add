import { useState } from 'preact/hooks';
import type { ApprovalAnswer } from '../../src/lib/api/answers/approvals.ts';
import type { DecisionKind } from '../../src/lib/approvals/approval.ts';
import { reasonLength } from '../../src/lib/core/caller.ts';
import { useAction } from './action.tsx';
import type { ApiFailure } from './api-failure.ts';
import { ApprovalDetails, ApprovalFacts } from './approval-facts.tsx';
import { consequence, decisionWords, statusWord } from './approval-words.ts';
import { useSignedIn } from './context.ts';
import { Dialog } from './dialog.tsx';
import { Failure, Loaded } from './pieces.tsx';
import { usePolling } from './polling.ts';

interface DialogProps {
  readonly approvalId: string;
  readonly decision: DecisionKind;
  readonly onClose: () => void;
  /** The decision was made, or refused because the approval has changed. */
  readonly onChange: () => void;
  readonly onDecided: (approval: ApprovalAnswer) => void;
}

/** Shows again everything that is decided on, says what the decision does, and asks for a reason. */
export function DecisionDialog(props: DialogProps) {
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
