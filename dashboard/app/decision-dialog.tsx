import { useEffect, useRef, useState } from 'preact/hooks';
import type { ApprovalAnswer } from '../../src/lib/api/answers/approvals.ts';
import type { DecisionKind } from '../../src/lib/approvals/approval.ts';
import { reasonLength } from '../../src/lib/core/caller.ts';
import { useAction } from './action.tsx';
import type { ApiFailure } from './api-failure.ts';
import { ApprovalDetails, ApprovalFacts } from './approval-facts.tsx';
import { consequence, decisionWords, statusWord } from './approval-words.ts';
import { useSignedIn } from './context.ts';
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
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current?.showModal(), []);
  const polled = usePolling(() => api.approval(approvalId), `decide ${approvalId}`, undefined);
  return (
    <dialog ref={dialog} class="decision" onClose={onClose} aria-labelledby="decision-title">
      <h2 id="decision-title">{decisionWords[decision].verb} this request</h2>
      <Loaded polled={polled}>
        {(approval) => (
          <>
            <ApprovalFacts approval={approval} />
            <ApprovalDetails approval={approval} />
            <DecisionForm
              {...props}
              approval={approval}
              onRefused={polled.reload}
              close={() => dialog.current?.close()}
            />
          </>
        )}
      </Loaded>
      {polled.value === undefined ? (
        <div class="actions">
          <button type="button" onClick={() => dialog.current?.close()}>
            Cancel
          </button>
        </div>
      ) : null}
    </dialog>
  );
}

interface FormProps extends DialogProps {
  readonly approval: ApprovalAnswer;
  readonly onRefused: () => void;
  readonly close: () => void;
}

function DecisionForm(props: FormProps) {
  const { approval, decision, close } = props;
  const form = useDecision(props);
  const isPossible = approval.possibleDecisions.includes(decision);
  const { verb } = decisionWords[decision];
  return (
    <form onSubmit={form.submit} noValidate>
      {isPossible ? (
        <>
          <p class="consequence" id="decision-consequence">
            {consequence(approval, decision)}
          </p>
          <label for="decision-reason">Reason, which the asker and auditors read</label>
          <textarea
            id="decision-reason"
            rows={2}
            maxLength={reasonLength.most}
            value={form.reason}
            aria-invalid={form.problem !== undefined}
            aria-describedby={`decision-consequence${form.problem === undefined ? '' : ' decision-problem'}`}
            onInput={(event) => form.setReason(event.currentTarget.value)}
          />
          {form.problem === undefined ? null : (
            <p class="problem" id="decision-problem">
              {form.problem}
            </p>
          )}
        </>
      ) : null}
      <Failure failure={form.failure}>
        <p>The request is now shown as it is: {statusWord[approval.status]}.</p>
      </Failure>
      {isPossible || form.failure !== undefined ? null : (
        <p role="status">This decision is not possible any more: {statusWord[approval.status]}.</p>
      )}
      <div class="actions">
        <button type="button" onClick={close}>
          {isPossible ? 'Cancel' : 'Close'}
        </button>
        {isPossible ? (
          <button type="submit" class="primary" aria-disabled={form.busy}>
            {verb}
          </button>
        ) : null}
      </div>
    </form>
  );
}

function useDecision({ approvalId, decision, onRefused, onChange, onDecided, close }: FormProps) {
  const { api } = useSignedIn();
  const [reason, setReason] = useState('');
  const [problem, setProblem] = useState<string>();
  const [failure, setFailure] = useState<ApiFailure>();
  const { busy, run } = useAction(setFailure);
  const send = async (): Promise<void> => {
    try {
      const decided = await api.decide(approvalId, { decision, reason: reason.trim() });
      close();
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
