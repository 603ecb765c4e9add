import { useMayStart, useRole } from './context.ts';
import { DialogButton } from './dialog.tsx';
import { CountsBar } from './charts.tsx';
import { count, relative } from './format.ts';
import { useJobs } from './nights.ts';
import { Person } from './approval-facts.tsx';
import { Empty, Head, Loaded, Table, Time, ToneBadge } from './pieces.tsx';
import { isExpired, type PlanSummary, stateOf } from './plan-words.ts';
import { usePolling } from './polling.ts';
import { forRole } from './role-needed.tsx';
import { planLink } from './route.ts';
import { Waits } from './run-table.tsx';
import { ChooseJob } from './start-buttons.tsx';

const intervalMs = 5_000;

export const PlansView = forRole(['Runs.Read'], 'Plans', PlanList);

/** The newest plans by what is to be done about them, each with the state of its apply. */
function PlanList() {
  const polled = usePolling((api) => api.plans(), 'plans', intervalMs);
  const [mayStart, mayApply] = [useMayStart(), useRole('Changes.Apply')];
  const plannable = (useJobs().jobs ?? []).filter((job) => job.changes === true && mayStart(job));
  const plans = polled.value?.plans ?? [];
  return (
    <>
      <Head
        title={headline(plans, mayApply)}
        name="Plans"
        lede="A plan reads the tenants and shows what it would change. Nothing changes until it is applied, in waves."
      >
        {plannable.length === 0 ? null : (
          <DialogButton
            class="primary"
            dialog={(onClose) => <ChooseJob title="Plan a change" jobs={plannable} onClose={onClose} />}
          >
            Plan a change…
          </DialogButton>
        )}
      </Head>
      <Loaded polled={polled}>
        {() =>
          plans.length === 0 ? (
            <Empty title="There are no plans." />
          ) : (
            <div class="panel">
              <Table<PlanSummary>
                class="plans"
                items={plans}
                keyOf={({ planId }) => planId}
                groupsOf={byState}
                columns={[
                  [
                    'Plan',
                    'plan wrap',
                    (plan) => (
                      <>
                        <a href={planLink(plan.planId)}>{plan.title}</a>
                        <div class="small quiet">
                          <Person name={plan.madeBy} />, <Time iso={plan.madeAt} short />
                        </div>
                        <div class="sub">
                          <State plan={plan} />
                          <Tenants plan={plan} />
                        </div>
                      </>
                    ),
                    ({ job }) => job,
                  ],
                  ['State', 'w-l wrap p2', (plan) => <State plan={plan} />],
                  ['Tenants', 'wrap p2', (plan) => <Tenants plan={plan} />],
                  [
                    'Next step',
                    'w-s end',
                    (plan) => {
                      const step = plan.apply?.waits === true && mayApply ? 'Decide' : isToApply(plan) ? 'Review' : '';
                      return step === '' ? null : (
                        <a class="btn s" href={planLink(plan.planId)}>
                          {step}
                          <span class="visually-hidden"> {plan.title}</span>
                        </a>
                      );
                    },
                  ],
                ]}
              />
            </div>
          )
        }
      </Loaded>
    </>
  );
}

/** How many tenants it is of; of an apply, in how many it went well so far, and in how many not. */
function Tenants({ plan: { tenants, apply } }: { readonly plan: PlanSummary }) {
  if (apply === undefined) return <div>{count(tenants.total, 'tenant')} read</div>;
  const { succeeded, failed, total } = apply.tenants;
  return (
    <div>
      {succeeded.toLocaleString('en')} of {count(total, 'tenant')}
      {failed === 0 ? null : <span class="problem">, {failed.toLocaleString('en')} failed</span>}
      <CountsBar counts={apply.tenants} />
    </div>
  );
}

const isToApply = (plan: PlanSummary): boolean =>
  plan.status === 'completed' && plan.apply === undefined && !isExpired(plan);

const groups = ['Waiting for a person', 'Under way', 'Not applied', 'Closed'] as const;

/** Those that wait for a person, those under way, those not applied, of which some may have nothing to change, and the closed ones. */
const byState = (plans: readonly PlanSummary[]) => {
  const found = Map.groupBy(plans, (plan): (typeof groups)[number] => {
    if (plan.apply?.waits === true) return 'Waiting for a person';
    if (stateOf(plan)[0] === 'active') return 'Under way';
    return isToApply(plan) ? 'Not applied' : 'Closed';
  });
  return groups.flatMap((title) => {
    const items = found.get(title) ?? [];
    const head = (
      <>
        <span class="quiet">{items.length}</span> <b>{title}</b>
      </>
    );
    return items.length === 0 ? [] : [{ title, head, items }];
  });
};

/** How many wait for the reader, or for somebody who may let them go on. */
function headline(plans: readonly PlanSummary[], mayApply: boolean): string {
  const waiting = plans.filter(({ apply }) => apply?.waits === true).length;
  const whom = mayApply ? 'you' : 'a person';
  if (plans.length === 0) return 'Plans';
  return waiting === 0
    ? `${count(plans.length, 'plan')}, and none waits for ${whom}`
    : `${count(waiting, 'plan')} ${waiting === 1 ? 'waits' : 'wait'} for ${whom}`;
}

/** Where a plan or its apply is, and until when somebody may decide on it. */
function State({ plan }: { readonly plan: PlanSummary }) {
  const [tone, text] = stateOf(plan);
  const isOpen = plan.apply?.waits === true || isToApply(plan);
  return (
    <>
      {tone === 'waits' ? (
        <Waits text={text} />
      ) : (
        <ToneBadge tone={tone} title={text}>
          {text}
        </ToneBadge>
      )}
      {isOpen && plan.expiresAt !== undefined ? (
        <div class="small quiet">
          {plan.apply === undefined ? 'expires' : 'ends'} {relative(plan.expiresAt)}
        </div>
      ) : null}
    </>
  );
}
