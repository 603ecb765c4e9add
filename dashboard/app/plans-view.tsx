import { useMayStart, useRole } from './context.ts';
import { DialogButton } from './dialog.tsx';
import { byDay, count } from './format.ts';
import { useJobs } from './nights.ts';
import { Person } from './approval-facts.tsx';
import { Empty, Head, Loaded, Table, Time, ToneBadge } from './pieces.tsx';
import { type PlanSummary, stateOf } from './plan-words.ts';
import { usePolling } from './polling.ts';
import { forRole } from './role-needed.tsx';
import { planLink } from './route.ts';
import { Waits } from './run-table.tsx';
import { ChooseJob } from './start-buttons.tsx';

const intervalMs = 5_000;

export const PlansView = forRole(['Runs.Read'], 'Plans', PlanList);

/** The newest plans by day, each with the state of its apply. */
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
                items={plans}
                keyOf={({ planId }) => planId}
                groupsOf={byNeed}
                columns={[
                  [
                    'Plan',
                    'wrap',
                    ({ planId, title, madeBy, madeAt }) => (
                      <>
                        <a href={planLink(planId)}>{title}</a>
                        <span class="sub">
                          <Person name={madeBy} />, <Time iso={madeAt} short />
                        </span>
                      </>
                    ),
                    ({ job }) => job,
                  ],
                  ['State', 'w-c', (plan) => <StateBadge plan={plan} />],
                  ['Tenants', 'w-m p2', tenantsOf],
                  ['Made', 'w-m p2', ({ madeAt }) => <Time iso={madeAt} short />],
                  ['By', 'w-l p3 quiet', ({ madeBy }) => <Person name={madeBy} />],
                ]}
              />
            </div>
          )
        }
      </Loaded>
    </>
  );
}

/** How many tenants it changes; of an apply, in how many it went well so far, and in how many not. */
function tenantsOf({ tenants, apply }: PlanSummary): string {
  if (apply === undefined) return tenants.total.toLocaleString('en');
  const { succeeded, failed, total } = apply.tenants;
  const made = `${succeeded.toLocaleString('en')} of ${total.toLocaleString('en')}`;
  return failed === 0 ? made : `${made}, ${failed.toLocaleString('en')} failed`;
}

/** Those that wait for a person, then the others by day. */
function byNeed(plans: readonly PlanSummary[]) {
  const waits = ({ apply }: PlanSummary): boolean => apply?.waits === true;
  const waiting = plans.filter(waits);
  const days = byDay(
    plans.filter((plan) => !waits(plan)),
    ({ madeAt }) => madeAt,
  );
  return waiting.length === 0 ? days : [{ title: 'Waiting', items: waiting }, ...days];
}

/** How many wait for the reader, or for somebody who may let them go on. */
function headline(plans: readonly PlanSummary[], mayApply: boolean): string {
  const waiting = plans.filter(({ apply }) => apply?.waits === true).length;
  const whom = mayApply ? 'you' : 'a person';
  if (plans.length === 0) return 'Plans';
  return waiting === 0
    ? `${count(plans.length, 'plan')}, and none waits for ${whom}`
    : `${count(waiting, 'plan')} ${waiting === 1 ? 'waits' : 'wait'} for ${whom}`;
}

/** Where a plan or its apply is. */
export function StateBadge({ plan }: { readonly plan: PlanSummary }) {
  const [tone, text] = stateOf(plan);
  if (tone === 'waits') return <Waits>{text}</Waits>;
  return (
    <ToneBadge tone={tone} title={text}>
      {text}
    </ToneBadge>
  );
}
