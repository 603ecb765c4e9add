import type { VNode } from 'preact';
import { useContext, useEffect, useRef, useState } from 'preact/hooks';
import type { ApprovalAnswer } from '../../src/lib/api/answers/approvals.ts';
import type { DecisionKind } from '../../src/lib/approvals/approval.ts';
import { Sentence } from '../shared/text.tsx';
import { useToast } from './announcer.tsx';
import { type ApprovalSummary, WaitingContext } from './waiting.tsx';
import {
  ApprovalFacts,
  consequence,
  decisionWords,
  Standing,
  statusWord,
  titleInWords,
  whyNotApprove,
} from './approval-facts.tsx';
import { localClock } from './format.ts';
import { useAction } from './action.tsx';
import { useReason } from './choice.tsx';
import type { ApiFailure } from './api-failure.ts';
import type { Api } from './api.ts';
import { useSignedIn } from './context.ts';
import { Dialog } from './dialog.tsx';
import { Failure, Loaded } from './pieces.tsx';
import { usePolling } from './polling.ts';
import { approvalLink, goTo } from './route.ts';

/** A button for each decision that the person may make now. */
export function DecisionButtons(props: { readonly approval: ApprovalSummary; readonly onDecide: Deciding['begin'] }) {
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

/** Of two decisions that end a pending request, one is enough. The main button is the last one. */
function offers({ possibleDecisions }: ApprovalSummary): readonly DecisionKind[] {
  return possibleDecisions
    .filter((decision) => decision !== 'revoke' || !possibleDecisions.includes('deny'))
    .toSorted((one, other) => Number(one === 'approve') - Number(other === 'approve'));
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
  const isGone = useRef(false);
  useEffect(() => () => void (isGone.current = true), []);
  /** The button of a toast may be pressed after the view was left. */
  const begin: Deciding['begin'] = (approvalId, decision) =>
    isGone.current ? goTo(approvalLink(approvalId)) : setOrder({ approvalId, decision });
  if (order === undefined) return { begin, dialog: null };
  const { approvalId, decision } = order;
  const decided = (approval: ApprovalAnswer): void => {
    const { possibleDecisions, validUntil, title } = approval;
    // By now the dialog may be that of another request.
    setOrder((current) => (current?.approvalId === approvalId ? undefined : current));
    const until =
      decision === 'approve' && validUntil !== undefined ? ` It holds until ${localClock(validUntil, false)}.` : '';
    const mayRevoke = decision === 'approve' && possibleDecisions.includes('revoke');
    toast({
      text: `You have ${decisionWords[decision].done} it: ${title}.${until}`,
      ...(mayRevoke ? { action: { label: 'Revoke…', run: () => begin(approvalId, 'revoke') } } : {}),
    });
  };
  const change = (): void => {
    waiting?.polled.reload();
    onChange();
  };
  const failed = ({ title, message }: ApiFailure, request: string): void =>
    toast({
      tone: 'bad',
      text: `The decision on ${request} was not confirmed. ${title}. ${message}`,
      action: { label: 'Review…', run: () => begin(approvalId, decision) },
    });
  const events = { onBegin: begin, onClose: () => setOrder(undefined), onChange: change, onDecided: decided };
  return {
    begin,
    dialog: <DecisionDialog key={approvalId} {...order} {...events} onFailedLater={failed} />,
  };
}

/**
 * Closed, the dialog has given the focus back to the button that opened it, which goes with its row: the next row gets it, or the
 * one before, or without another row the heading.
 */
function leaveRow(): void {
  const row = document.activeElement?.closest('li');
  const rows = [row?.nextElementSibling, row?.previousElementSibling];
  const [link] = rows.flatMap((other) => other?.querySelector<HTMLElement>('a') ?? []);
  const heading = document.querySelector<HTMLElement>('#content h1');
  if (heading !== null) heading.tabIndex = -1;
  (link ?? heading)?.focus({ preventScroll: link === undefined });
}

interface DialogProps {
  readonly approvalId: string;
  readonly decision: DecisionKind;
  /** The person decides otherwise. */
  readonly onBegin: Deciding['begin'];
  readonly onClose: () => void;
  /** The decision was made, or refused because the approval has changed. */
  readonly onChange: () => void;
  readonly onDecided: (approval: ApprovalAnswer) => void;
  /** The decision failed when the dialog had been closed. */
  readonly onFailedLater: (failure: ApiFailure, title: string) => void;
}

/** Reasons that were sent in a session, by what they are for: the dialog may be closed before its decision is answered. */
const sentReasons = new WeakMap<Api, Map<string, string>>();

/** Shows again everything that is decided on, says what the decision does, and asks for a reason. */
function DecisionDialog(props: DialogProps) {
  const { approvalId, decision, onBegin, onClose, onChange, onDecided, onFailedLater } = props;
  const { api, session } = useSignedIn();
  // What was known before may have changed, and is not shown.
  const [openedAtMs] = useState(Date.now);
  const polled = usePolling(() => api.approval(approvalId), `decide ${approvalId} ${openedAtMs}`);
  const reasons = sentReasons.get(api) ?? new Map<string, string>();
  sentReasons.set(api, reasons);
  const reasonFor = `${decision} ${approvalId}`;
  const { reason, area, isFit, element } = useReason({
    id: 'decision-reason',
    label: 'Reason (shown to the asker and to auditors)',
    first: reasons.get(reasonFor),
    isNeeded: true,
    describedBy: 'decision-consequence',
  });
  const [failure, setFailure] = useState<ApiFailure>();
  const { busy, run } = useAction(setFailure);
  const isClosed = useRef(false);
  useEffect(() => () => void (isClosed.current = true), []);
  const { title = 'this request', possibleDecisions = [] } = polled.value ?? {};
  const isPossible = possibleDecisions.includes(decision);
  const { verb } = decisionWords[decision];
  // The field is there once the approval is read. The button to deny instead does not stay.
  useEffect(() => area.current?.focus(), [decision, isPossible]);
  const denyInstead = (): void => {
    // What is being sent is an approval.
    if (busy) return;
    setFailure(undefined);
    onBegin(approvalId, 'deny');
  };
  const send = async (): Promise<void> => {
    reasons.set(reasonFor, reason);
    try {
      const approval = await api.decide(approvalId, { decision, reason });
      reasons.delete(reasonFor);
      // The person may have closed it, and be elsewhere by now.
      const dialog = area.current?.closest('dialog');
      dialog?.close();
      if (dialog) leaveRow();
      onDecided(approval);
    } catch (thrown) {
      if (isClosed.current) onFailedLater(thrown as ApiFailure, title);
      // It has changed since it was shown, or the person's roles have.
      polled.reload();
      throw thrown;
    } finally {
      onChange();
    }
  };
  const submit = (event: Event): void => {
    event.preventDefault();
    if (isFit()) void run(send);
  };
  return (
    <Dialog
      title={polled.value === undefined ? `${verb} ${title}?` : `${verb} “${titleInWords(polled.value)}”?`}
      about={polled.value && <Standing approval={polled.value} />}
      kind="wide"
      onClose={onClose}
      form={{
        onSubmit: submit,
        send: isPossible ? `${verb} ${decision === 'revoke' ? 'the approval' : 'the request'}` : undefined,
        isStop: decision !== 'approve',
        busy,
        cancel: isPossible || polled.value === undefined ? 'Cancel' : 'Close',
      }}
      actions={
        decision === 'approve' && possibleDecisions.includes('deny') ? (
          <button type="button" class="stop" aria-disabled={busy} onClick={denyInstead}>
            Deny instead…
          </button>
        ) : null
      }
    >
      <Loaded polled={polled}>
        {(approval) => (
          <>
            <ApprovalFacts approval={approval} />
            {isPossible ? (
              <>
                <p class="consequence" id="decision-consequence">
                  {consequence(approval, decision)}
                </p>
                {element}
              </>
            ) : null}
            <Failure failure={failure}>
              <p>The request is now shown as it is: {statusWord(approval)}.</p>
            </Failure>
            {isPossible || failure !== undefined ? null : (
              <p role="status">
                <Sentence
                  text={
                    whyNotApprove(approval, session) ??
                    `This decision is not possible any more: ${statusWord(approval)}.`
                  }
                />
              </p>
            )}
          </>
        )}
      </Loaded>
    </Dialog>
  );
}
