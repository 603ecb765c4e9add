import { useState } from 'preact/hooks';
import type { PendingApprovalAnswer } from '../../src/lib/api/answers/approvals.ts';
import type { PlanAnswer } from '../../src/lib/api/answers/plans.ts';
import { Notice, Sentence } from '../shared/text.tsx';
import { useAction } from './action.tsx';
import type { ApiFailure } from './api-failure.ts';
import { Check, TextField } from './choice.tsx';
import { useSignedIn } from './context.ts';
import { Dialog } from './dialog.tsx';
import { count } from './format.ts';
import { Failure } from './pieces.tsx';
import { approvalLink } from './route.ts';
import { entriesIn } from './view-filter.ts';

/** How a plan is to be applied, as the fields have it. */
interface ApplyForm {
  readonly waves: string;
  readonly failed: string;
  readonly unclear: string;
  readonly pause: string;
  readonly confirm: boolean;
  readonly reason: string;
  /** The approval that it waits for. */
  readonly pending?: PendingApprovalAnswer;
}

/** An approval holds for what was asked: the same is sent again once it is given. */
const kept = new Map<string, ApplyForm>();

/** The approval that the person asked for on this page, if one did. */
export const pendingOf = (planId: string): PendingApprovalAnswer | undefined => kept.get(planId)?.pending;

/** Asks for waves and limits before a plan is applied. @param props.onDone something was started or asked. */
export function ApplyDialog(props: {
  readonly plan: PlanAnswer;
  readonly onDone: () => void;
  readonly onClose: () => void;
}) {
  const { plan, onDone, onClose } = props;
  const { planId, changes, changedTenants, irreversible } = plan;
  const { api } = useSignedIn();
  const [form, setForm] = useState<ApplyForm>(
    () => kept.get(planId) ?? { ...first, waves: changedTenants > 1 ? '10%, 100%' : '100%' },
  );
  const [failure, setFailure] = useState<ApiFailure>();
  const { busy, run } = useAction(setFailure);
  const set = (change: Partial<ApplyForm>): void => setForm((current) => ({ ...current, ...change }));
  const send = async (): Promise<void> => {
    const { waves, failed, unclear, pause, confirm: confirmWaves, reason } = form;
    const answer = await api.apply(planId, {
      waves: entriesIn(waves),
      stop: { failed: Number(failed), unclear: Number(unclear) },
      pauseMinutes: Number(pause),
      confirmWaves,
      ...(reason.trim() === '' ? {} : { reason: reason.trim() }),
      ...(failure?.code === 'approval_ended' ? { askAgain: true } : {}),
    });
    if ('approvalId' in answer) {
      kept.set(planId, { ...form, pending: answer });
      set({ pending: answer });
    } else {
      kept.delete(planId);
      onClose();
    }
    onDone();
  };
  const submit = (event: Event): void => {
    event.preventDefault();
    void run(send);
  };
  const again = failure?.code === 'approval_ended' ? 'Ask for a new approval' : undefined;
  return (
    <Dialog
      title={`Apply ${count(changes, 'change')} to ${count(changedTenants, 'tenant')}`}
      about={plan.title}
      onClose={onClose}
      form={{ onSubmit: submit, send: again ?? 'Apply', busy }}
    >
      {irreversible === 0 ? null : (
        <Notice kind="bad">
          <strong>{count(irreversible, 'change')} cannot be undone.</strong>
        </Notice>
      )}
      <TextField
        id="apply-waves"
        label="Waves, one after another: shares, group:NAME, tag:NAME or tenants"
        placeholder="group:pilot, 10%, 100%"
        value={form.waves}
        onText={(waves) => set({ waves })}
      />
      {numberFields.map(([name, label]) => (
        <TextField
          key={name}
          id={`apply-${name}`}
          label={label}
          placeholder=""
          type="number"
          value={form[name]}
          onText={(text) => set({ [name]: text })}
        />
      ))}
      <p class="quiet small">In the first wave, one failure holds it.</p>
      <Check label="A person goes on after each wave" checked={form.confirm} onChange={(confirm) => set({ confirm })} />
      <TextField
        id="apply-reason"
        label="Reason, which the people read who approve it"
        placeholder=""
        value={form.reason}
        onText={(reason) => set({ reason })}
      />
      {form.pending === undefined ? (
        <p class="quiet small">
          If a rule of the policy wants an approval, it is asked for first, and nothing is sent yet.
        </p>
      ) : (
        <WaitsForApproval pending={form.pending} />
      )}
      <Failure failure={failure} />
    </Dialog>
  );
}

const numberFields = [
  ['failed', 'Hold when more tenants than this fail'],
  ['unclear', 'Hold when more tenants than this end unclear'],
  ['pause', 'Minutes to leave each wave alone before the next'],
] as const;

const first: Omit<ApplyForm, 'waves'> = { failed: '3', unclear: '1', pause: '60', confirm: true, reason: '' };

/** Says that an apply waits for other people, and where they decide. */
export const WaitsForApproval = ({ pending }: { readonly pending: PendingApprovalAnswer }) => (
  <Notice
    kind="you"
    actions={
      <a class="btn" href={approvalLink(pending.approvalId)}>
        Show the approval
      </a>
    }
  >
    <strong>The rule “{pending.rule}” wants an approval.</strong> <Sentence text={pending.detail} />
  </Notice>
);
