import type { VNode } from 'preact';
import { useContext, useState } from 'preact/hooks';
import type { ApprovalAnswer } from '../../src/lib/api/answers/approvals.ts';
import type { DecisionKind } from '../../src/lib/approvals/approval.ts';
import { useToast } from './announcer.tsx';
import type { ApprovalSummary } from './approval-pages.ts';
import { decisionWords } from './approval-words.ts';
import { DecisionDialog } from './decision-dialog.tsx';
import { localClock } from './format.ts';
import { WaitingContext } from './waiting.tsx';

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
