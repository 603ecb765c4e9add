import { Fragment } from 'preact';
import { useState } from 'preact/hooks';
import type { PlanAnswer } from '../../src/lib/api/answers/plans.ts';
import type { ResultsAnswer, RunAnswer, RunTenant } from '../../src/lib/api/answers/runs.ts';
import { outcomeWord } from '../../src/lib/core/outcomes.ts';
import { stopFacts } from '../../src/lib/changes/judge-wave.ts';
import { isEnded } from '../../src/lib/runs/store/run.ts';
import { Notice, Sentence } from '../shared/text.tsx';
import { ActionButton, useAction } from './action.tsx';
import type { Api } from './api.ts';
import { useProgressAnnouncement } from './announcer.tsx';
import { type ApiFailure, finalAnswer } from './api-failure.ts';
import { Person } from './approval-facts.tsx';
import { History } from './approval-view.tsx';
import { deniedCause, isDenied, WhyAndAdvice } from './causes.tsx';
import { StackedBar } from './charts.tsx';
import { useRole, useSignedIn } from './context.ts';
import { Dialog, DialogButton } from './dialog.tsx';
import { count } from './format.ts';
import { Icon } from './icon.tsx';
import { Connection, Fact, Failure, Head, Loaded, Metrics, Panel, Some, Time } from './pieces.tsx';
import {
  type Apply,
  canApply,
  doneOf,
  gateWords,
  headlineOf,
  endOf,
  endWords,
  othersOf,
  outcomeTones,
  restWord,
  undoableOf,
  waveWord,
} from './plan-words.ts';
import { Difference } from './plan-difference.tsx';
import { usePolling, useTenants } from './polling.ts';
import { forRole } from './role-needed.tsx';
import { approvalLink, goTo, jobLink, planLink, runLink, tenantLink } from './route.ts';
import { StartedBy } from './run-table.tsx';
import { RunSummary } from './run-summary.tsx';
import type { PendingApprovalAnswer } from '../../src/lib/api/answers/approvals.ts';
import { Check, TextField, useReason } from './choice.tsx';
import { CopyButton, StepFor } from './copy.tsx';
import { entriesIn } from './view-filter.ts';
import { adviceOf, titleOf } from '../../src/lib/api/trouble.ts';
import { useJobs } from './nights.ts';

/** While something happens, and while somebody may apply the plan. */
const [busyMs, idleMs] = [2_000, 15_000];
/** The waves, whose tenants may be thousands. */
const wavesMs = 5_000;
const namesShown = 10;
/** Of the wave to come. */
const nextShown = 2;

export const PlanView = forRole(['Runs.Read'], 'Plan', OnePlan);

interface Shown {
  readonly plan: PlanAnswer;
  /** The run that applies it. */
  readonly run?: RunAnswer;
}

function OnePlan({ planId }: { readonly planId: string }) {
  const [pauseMs, setPauseMs] = useState<number | undefined>(busyMs);
  const load = async (api: Api) => {
    const found = await finalAnswer(api.plan(planId));
    const apply = found.answer?.apply;
    const isOver = found.answer === undefined || (apply !== undefined && isEnded(apply.status));
    setPauseMs(isOver ? undefined : apply === undefined && isEnded(found.answer.status) ? idleMs : busyMs);
    return { ...found, ...(apply === undefined ? {} : { run: await api.run(apply.runId) }) };
  };
  const polled = usePolling(load, `plan ${planId}`, pauseMs);
  return (
    <Loaded polled={polled}>
      {({ answer, refusal, run }) =>
        answer === undefined ? (
          <>
            <Head title="There is no such plan" name="Plan" in={['#/plans', 'Plans']} about={<code>{planId}</code>} />
            <Failure failure={refusal} />
          </>
        ) : (
          <PlanPage plan={answer} {...(run === undefined ? {} : { run })} reload={polled.reload} />
        )
      }
    </Loaded>
  );
}

function PlanPage({ plan, run, reload }: Shown & { readonly reload: () => void }) {
  const { planId, apply, tenants, status } = plan;
  const mayApply = useRole('Changes.Apply');
  const [failure, setFailure] = useState<ApiFailure>();
  const applied = useApplied(apply);
  const failed =
    applied.value?.filter((tenant) => tenant.outcome === 'failed' && endOf(tenant, apply ?? {}) !== 'left') ?? [];
  const wrong = useWrong(apply, failed);
  const headline = headlineOf(plan, mayApply);
  useProgressAnnouncement(headline, apply === undefined ? isEnded(status) : isEnded(apply.status) || apply.waits);
  const pending = apply === undefined ? pendingOf(planId) : undefined;
  const why = (
    <a class="btn" href={runLink(planId, 'tenants')}>
      Show why
    </a>
  );
  return (
    <article>
      <Head
        title={plan.title}
        in={['#/plans', 'Plans']}
        lede={apply?.waits === true || (apply !== undefined && isEnded(apply.status)) ? undefined : headline}
        about={<About plan={plan} run={run} />}
      >
        <Actions plan={plan} reload={reload} onFailure={setFailure} />
      </Head>
      <Failure failure={failure} />
      {pending === undefined ? null : <WaitsForApproval pending={pending} />}
      {isEnded(status) && status !== 'completed' ? (
        <Notice kind="bad" actions={why}>
          The run that made the plan was {outcomeWord(status)}.
        </Notice>
      ) : null}
      {apply?.waits === true ? (
        <Decision
          key={apply.waitsFor}
          plan={plan}
          apply={apply}
          tenants={applied.value}
          headline={headline}
          reload={reload}
          onFailure={setFailure}
        />
      ) : null}
      {run !== undefined && (isEnded(run.status) || run.cancelRequested === true) ? <RunSummary run={run} /> : null}
      {tenants.failed > 0 && isEnded(status) ? (
        <Notice kind="warn" actions={why}>
          {count(tenants.failed, 'tenant')} could not be read and will not be changed.
        </Notice>
      ) : null}
      {apply === undefined ? null : <Numbers plan={plan} apply={apply} />}
      {apply === undefined ? (
        <Difference plan={plan} />
      ) : (
        <div class="cols of-plan">
          {failed.length === 0 ? null : <WentWrong plan={plan} apply={apply} failed={failed} rows={wrong} />}
          <div class="stack">
            <Connection of={[applied]} />
            {apply.waves.length === 0 ? null : <Waves apply={apply} tenants={applied.value} />}
            <Difference plan={plan} tenants={applied.value} wrong={wrong} />
          </div>
          {apply.approvalId === undefined ? null : <Approved approvalId={apply.approvalId} />}
          <Limits apply={apply} />
        </div>
      )}
    </article>
  );
}

/** Who made it, who applied it, and until when it can be applied. */
function About({ plan, run }: Shown | { readonly plan: PlanAnswer; readonly run: undefined }) {
  const { job, madeAt, madeBy, expiresAt, digest, undoes, apply } = plan;
  return (
    <>
      <a href={jobLink(job)}>{job}</a>
      <span>
        made by{' '}
        <b>
          <Person name={madeBy} />
        </b>
        , <Time iso={madeAt} short />
      </span>
      {run === undefined ? null : (
        <span>
          applied by{' '}
          <b>
            <StartedBy run={run} />
          </b>
          , <Time iso={run.startedAt} short />
        </span>
      )}
      {expiresAt === undefined || (apply !== undefined && (apply.waits || isEnded(apply.status))) ? null : (
        <span>
          expires <Time iso={expiresAt} short />
        </span>
      )}
      {undoes === undefined ? null : <a href={runLink(undoes, 'rows')}>takes back an apply</a>}
      {digest === undefined ? null : (
        <span title={`SHA-256 of the changes: ${digest}`}>
          digest <code>{digest.slice(0, 12)}…</code> <CopyButton text={digest} what="digest" />
        </span>
      )}
    </>
  );
}

interface ActProps {
  readonly plan: PlanAnswer;
  readonly reload: () => void;
  readonly onFailure: (failure: ApiFailure | undefined) => void;
}

function Actions({ plan, reload, onFailure }: ActProps) {
  const { planId, apply, groups } = plan;
  const { api } = useSignedIn();
  const [mayApply, mayPlan] = [useRole('Changes.Apply'), useRole('Changes.Plan')];
  const [isApplying, setApplying] = useState(false);
  const isUnderWay = apply !== undefined && !isEnded(apply.status);
  const undo = async (): Promise<void> => goTo(planLink((await api.undo(planId)).runId));
  return (
    <>
      {groups.length > 0 ? null : (
        <a class="btn" href={runLink(planId, 'rows')}>
          Show the run
        </a>
      )}
      {mayApply && isUnderWay && !apply.waits ? (
        <EndButton plan={plan} reload={reload} onFailure={onFailure} label="End…" />
      ) : null}
      {mayPlan && apply !== undefined && !isUnderWay && (apply.outcomes?.['applied'] ?? 0) > 0 ? (
        <ActionButton work={undo} onFailure={onFailure}>
          Plan to undo
        </ActionButton>
      ) : null}
      {mayApply && canApply(plan) ? (
        <button type="button" class="primary" onClick={() => setApplying(true)}>
          <Icon name="play" /> Apply…
        </button>
      ) : null}
      {isApplying ? <ApplyDialog plan={plan} onDone={reload} onClose={() => setApplying(false)} /> : null}
    </>
  );
}

/** Ends an apply, after a question: what is left then needs another plan, and what was applied can be taken back. */
function EndButton({ plan, reload, onFailure, label }: ActProps & { readonly label: string }) {
  const { api } = useSignedIn();
  const undoes = useRole('Changes.Plan') && undoableOf(plan) > 0;
  const dialog = (onClose: () => void) => (
    <Dialog
      title="End this apply?"
      onClose={onClose}
      actions={
        <>
          <button type="button" onClick={onClose}>
            Cancel
          </button>
          <ActionButton
            work={() => api.endApply(plan.planId).finally(onClose).then(reload)}
            onFailure={onFailure}
            primary
          >
            End it
          </ActionButton>
        </>
      }
    >
      <p>Nothing more is sent. What was sent is checked once more. The remaining tenants need a new plan.</p>
      {undoes ? <p>Afterwards, “Plan to undo” makes a plan that undoes what was applied.</p> : null}
    </Dialog>
  );
  return <DialogButton dialog={dialog}>{label}</DialogButton>;
}

interface DecisionProps extends ActProps {
  readonly apply: Apply;
  /** Undefined until they are read. */
  readonly tenants: readonly RunTenant[] | undefined;
  readonly headline: string;
}

/** Why an apply waits, what is to come, and the two ways on. */
function Decision({ plan, apply, tenants = [], headline, reload, onFailure }: DecisionProps) {
  const { api } = useSignedIn();
  const mayApply = useRole('Changes.Apply');
  const { hold, wave = 1, waves } = apply;
  const { reason, isFit, element } = useReason({
    id: 'go-on-reason',
    label: 'Reason (optional, shown on the plan)',
  });
  const next = tenants.filter((tenant) => tenant.wave === wave + 1).map(({ name }) => name);
  const left = apply.tenants.total - doneOf(apply);
  const ofWave = tenants.filter((tenant) => tenant.wave === wave);
  const goOn = async (): Promise<void> => {
    if (!isFit()) return;
    await api.goOn(plan.planId, apply.waitsFor, reason || undefined);
    reload();
  };
  return (
    <Notice kind={hold === undefined ? 'you' : 'bad'}>
      <strong>
        {hold !== undefined || ofWave.length === 0
          ? headline
          : `Wave ${wave} of ${waves.length} is done: ${endsText(ofWave, apply)}`}
        .
      </strong>
      <p>
        {hold === undefined ? (
          <>
            Wave {wave + 1} changes {count(waves[wave] ?? 0, 'tenant')}
            {next.length === 0 ? null : (
              <>
                : <Some names={next} most={nextShown} />
              </>
            )}
            .
          </>
        ) : (
          <>
            {hold.detail} {count(left, 'tenant')} {left === 1 ? 'has' : 'have'} waited since{' '}
            <Time iso={hold.at} short />.
          </>
        )}
        {plan.expiresAt === undefined ? null : (
          <>
            {' '}
            Without a decision, it ends on <Time iso={plan.expiresAt} short />.
          </>
        )}
      </p>
      {mayApply ? (
        <div class="decide">
          <div>{element}</div>
          <div class="actions">
            <ActionButton work={goOn} onFailure={onFailure} primary>
              <Icon name="play" /> {hold === undefined ? `Go on with wave ${wave + 1}` : 'Go on'}
            </ActionButton>
            <EndButton plan={plan} reload={reload} onFailure={onFailure} label="End here…" />
          </div>
        </div>
      ) : (
        <p class="quiet">
          To decide, you need the app role <code>Changes.Apply</code>.
        </p>
      )}
    </Notice>
  );
}

/**
 * Tenants of the apply with their outcomes. While it waits, for hours maybe, nothing happens to them: they are read again when
 * it goes on, ends or waits for something else.
 */
function useApplied(apply: Apply | undefined) {
  const load = async (api: Api) => apply && (await api.runTenants(apply.runId)).tenants;
  const changes = apply !== undefined && !isEnded(apply.status) && !apply.waits;
  const key = `tenants of ${apply?.runId} ${apply?.status} ${apply?.waits === true ? apply.waitsFor : ''}`;
  return usePolling(load, key, changes ? wavesMs : undefined);
}

interface WavesProps {
  readonly apply: Apply;
  /** Undefined until they are read. */
  readonly tenants: readonly RunTenant[] | undefined;
}

/** How far each wave is, and how it ended. The tenants of a wave are visited after those of the waves before. */
function Waves({ apply, tenants }: WavesProps) {
  const { waves, waveNames, wave: current = 1, status, waits, hold, gates = [] } = apply;
  const byWave = Map.groupBy(tenants ?? [], ({ wave }) => wave);
  const rest = restWord(apply);
  const parts = waves.map((size, index) => {
    const counts = countsOf(byWave.get(index + 1) ?? [], apply);
    const left = size - counts.reduce((sum, [, , n]) => sum + n, 0);
    return [...counts, ...(left > 0 ? [['rest', rest, left] as const] : [])];
  });
  return (
    <Panel title="Waves" bare>
      <ol>
        {waves.map((size, index) => {
          const some = byWave.get(index + 1) ?? [];
          // After a wave it waits for a person, as the notice says. A hold stops it within one.
          const isNow = index + 1 === current && !isEnded(status) && (!waits || hold !== undefined);
          const passed = gates.filter(({ wave }) => wave === index + 1);
          const ofWave = parts[index] ?? [];
          const end = some
            .flatMap(({ finishedAt }) => finishedAt ?? [])
            .toSorted()
            .at(-1);
          return (
            <Fragment key={index}>
              <li class={isNow ? 'wave now' : 'wave'}>
                <span class={index + 1 <= current ? 'no begun' : 'no'}>{index + 1}</span>
                <div>
                  <b>{waveWord(waveNames?.[index], index === 0, some)}</b>
                  <div class="small">{count(size, 'tenant')}</div>
                </div>
                <div>
                  <StackedBar parts={ofWave.map(([tone, , n]) => [tone, n])} total={size} />
                  <div class="small">
                    {tenants === undefined
                      ? ''
                      : ofWave.map(([, word, n]) => `${n.toLocaleString('en')} ${word}`).join(', ')}
                  </div>
                </div>
                <div class="small">
                  {end === undefined || isNow || ofWave.some(([, word]) => word === rest) ? null : (
                    <>
                      done <Time iso={end} short />
                    </>
                  )}
                </div>
              </li>
              {passed.map((gate) => (
                <li key={gate.at} class="gate">
                  <Icon name="good" />
                  <span>
                    <b>
                      <Person name={gate.by} />
                    </b>{' '}
                    {gateWords(gate)} {gate.reason === undefined ? null : <q>{gate.reason}</q>}
                  </span>
                  <span class="small">
                    <Time iso={gate.at} short />
                  </span>
                </li>
              ))}
            </Fragment>
          );
        })}
      </ol>
    </Panel>
  );
}

/** Tenants of a wave by what became of them: tone, word and number. */
const countsOf = (tenants: readonly RunTenant[], apply: Apply) =>
  [...endWords].flatMap(([end, [tone, word]]) => {
    const some = tenants.filter((tenant) => endOf(tenant, apply) === end);
    return some.length === 0 ? [] : [[tone, word, some.length] as const];
  });

/** `applied in 2 of 3 tenants, 1 refused`. */
const endsText = (tenants: readonly RunTenant[], apply: Apply): string =>
  countsOf(tenants, apply)
    .map(([, word, n]) =>
      word === 'applied'
        ? `applied in ${n.toLocaleString('en')} of ${count(tenants.length, 'tenant')}`
        : `${n.toLocaleString('en')} ${word}`,
    )
    .join(', ');

/** What became of the changes, in numbers. */
function Numbers({ plan, apply }: Pick<DecisionProps, 'plan' | 'apply'>) {
  const { changes } = plan;
  const undoable = undoableOf(plan);
  const all: Parameters<typeof Metrics>[0]['of'] = [
    [apply.outcomes?.['applied'] ?? 0, 'applied', `of ${count(changes, 'change')}`] as const,
    ...othersOf(changes, apply),
    ...(undoable === 0
      ? []
      : [[undoable, 'can be undone', isEnded(apply.status) ? '' : 'once the apply has ended'] as const]),
  ].map(([n, name, about = '']) => [name, n.toLocaleString('en'), about, outcomeTones.get(name)]);
  return <Metrics class="panel" of={all} />;
}

/** What stops the apply. */
const Limits = ({ apply: { stop, waves } }: { readonly apply: Apply }) =>
  stop === undefined ? null : (
    <Panel title="Limits">
      <dl>
        {stopFacts(stop, waves.length).map(({ name, value }) => (
          <Fact key={name} name={name}>
            {value}
          </Fact>
        ))}
      </dl>
    </Panel>
  );

/** The changes of tenants that failed, as far as the first page of rows has them. */
function useWrong(apply: Apply | undefined, failed: readonly RunTenant[]): ResultsAnswer['rows'] {
  const load = async (api: Api) =>
    apply === undefined || failed.length === 0
      ? undefined
      : api.rows(apply.runId, undefined, new AbortController().signal);
  return usePolling(load, `rows of ${apply?.runId}, ${failed.length} failed`).value?.rows ?? [];
}

interface WrongProps {
  readonly plan: PlanAnswer;
  readonly apply: Apply;
  readonly failed: readonly RunTenant[];
  readonly rows: ResultsAnswer['rows'];
}

/** The tenants in which a change was not made, or not for certain, by cause, each with what helps. */
function WentWrong({ plan: { job }, apply, failed, rows }: WrongProps) {
  const { runId } = apply;
  const known = useTenants()?.tenants ?? [];
  const { jobs } = useJobs();
  const saidOf = (id: string): string | undefined => {
    const said = rows.find((row) => row.tenantId === id && row.outcome !== 'applied')?.['detail'];
    return typeof said === 'string' ? said : undefined;
  };
  const causes = Map.groupBy(failed, ({ tenantId, code, outcome }) =>
    isDenied(saidOf(tenantId)) ? deniedCause : (code ?? outcome),
  );
  return (
    <Panel
      title={countsOf(failed, apply)
        .map(([, word, n]) => `${n.toLocaleString('en')} ${word}`)
        .join(', ')}
      more={<a href={runLink(runId, 'rows')}>All changes</a>}
      bare
    >
      {[...causes].map(([cause, some]) => {
        const hasTooFewRights = cause === deniedCause;
        const own = hasTooFewRights ? 'change_failed' : cause;
        const shown = some.slice(0, namesShown);
        const saidIn = ({ tenantId, detail }: RunTenant) => saidOf(tenantId) ?? detail;
        const tenants = some.map(({ tenantId, name }) => ({
          tenant: known.find((one) => one.tenantId === tenantId) ?? { tenantId, name },
          results: [{ job, runId }],
        }));
        return (
          <section key={cause} class="pad wrong">
            {/* Below, each says that it was refused. */}
            {hasTooFewRights ? null : <h3>{titleOf(own)}</h3>}
            <ul>
              {shown.map((tenant) => (
                <li key={tenant.tenantId}>
                  <a href={tenantLink(tenant.tenantId)}>{tenant.name}</a>
                  {hasTooFewRights ? ': the broker has too few rights.' : ` ${saidIn(tenant) ?? ''}`}
                </li>
              ))}
              {some.length > namesShown ? <li>and {count(some.length - namesShown, 'other')}</li> : null}
            </ul>
            <WhyAndAdvice
              reason={hasTooFewRights ? shown.map(saidIn)[0] : undefined}
              advice={adviceOf(own)}
              permissions={jobs?.find(({ name }) => name === job)?.permissions}
            />
            <StepFor cause={{ cause, tenants }} />
          </section>
        );
      })}
    </Panel>
  );
}

/** Who approved it. Those who may not see the approval have its link. */
function Approved({ approvalId }: { readonly approvalId: string }) {
  const { value } = usePolling((api) => finalAnswer(api.approval(approvalId)), `approval of ${approvalId}`);
  if (value?.answer !== undefined) return <History approval={value.answer} isOfPlan />;
  return (
    <Panel title="Approved">
      <a href={approvalLink(approvalId)}>Show the approval</a>
    </Panel>
  );
}

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
const pendingOf = (planId: string): PendingApprovalAnswer | undefined => kept.get(planId)?.pending;

/** Asks for waves and limits before a plan is applied. @param props.onDone something was started or asked. */
function ApplyDialog(props: { readonly plan: PlanAnswer; readonly onDone: () => void; readonly onClose: () => void }) {
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
        label="Waves, in order: shares, group:NAME, tag:NAME or tenants"
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
      <Check
        label="Wait for a person after each wave"
        checked={form.confirm}
        onChange={(confirm) => set({ confirm })}
      />
      <TextField
        id="apply-reason"
        label="Reason (shown to the approvers)"
        placeholder=""
        value={form.reason}
        onText={(reason) => set({ reason })}
      />
      {form.pending === undefined ? (
        <p class="quiet small">
          If the policy requires an approval, that is requested first. Nothing is sent until it is given.
        </p>
      ) : (
        <WaitsForApproval pending={form.pending} />
      )}
      <Failure failure={failure} />
    </Dialog>
  );
}

const numberFields = [
  ['failed', 'Failed tenants allowed (none in wave 1)'],
  ['unclear', 'Tenants without a clear answer allowed'],
  ['pause', 'Minutes to wait between waves'],
] as const;

const first: Omit<ApplyForm, 'waves'> = { failed: '3', unclear: '1', pause: '60', confirm: true, reason: '' };

/** Says that an apply waits for other people, and where they decide. */
const WaitsForApproval = ({ pending }: { readonly pending: PendingApprovalAnswer }) => (
  <Notice
    kind="you"
    actions={
      <a class="btn" href={approvalLink(pending.approvalId)}>
        Show the approval
      </a>
    }
  >
    <strong>The rule “{pending.rule}” requires an approval.</strong> <Sentence text={pending.detail} />
  </Notice>
);
