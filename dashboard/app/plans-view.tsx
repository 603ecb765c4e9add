import { useMayStart } from './context.ts';
import { DialogButton } from './dialog.tsx';
import { byDay, count } from './format.ts';
import { useJobs } from './nights.ts';
import { Clock, Empty, Head, Loaded, Table, ToneBadge } from './pieces.tsx';
import { type PlanSummary, stateOf } from './plan-words.ts';
import { usePolling } from './polling.ts';
import { forRole } from './role-needed.tsx';
import { planLink } from './route.ts';
import { ChooseJob } from './start-buttons.tsx';

const intervalMs = 5_000;

export const PlansView = forRole(['Runs.Read'], 'Plans', PlanList);

/** The newest plans by day, each with the state of its apply. */
function PlanList() {
  const polled = usePolling((api) => api.plans(), 'plans', intervalMs);
  const mayStart = useMayStart();
  const plannable = (useJobs().jobs ?? []).filter((job) => job.changes === true && mayStart(job));
  const plans = polled.value?.plans ?? [];
  return (
    <>
      <Head
        title={headline(plans)}
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
                groupsOf={(items) => byDay(items, ({ madeAt }) => madeAt)}
                columns={[
                  ['Plan', undefined, ({ planId, title }) => <a href={planLink(planId)}>{title}</a>, ({ job }) => job],
                  ['State', 'w-c', (plan) => <StateBadge plan={plan} />],
                  ['Tenants', 'w-s end p2', ({ tenants }) => tenants.total.toLocaleString('en')],
                  ['Made', 'w-s end', ({ madeAt }) => <Clock iso={madeAt} />],
                  ['By', 'w-l p3 quiet', ({ madeBy }) => madeBy, ({ madeBy }) => madeBy],
                ]}
              />
            </div>
          )
        }
      </Loaded>
    </>
  );
}

/** How many wait for a person. */
function headline(plans: readonly PlanSummary[]): string {
  const waiting = plans.filter(({ apply }) => apply?.waits === true).length;
  if (plans.length === 0) return 'Plans';
  return waiting === 0
    ? `${count(plans.length, 'plan')}, and no apply waits for a person`
    : `${count(waiting, 'apply').replace('applys', 'applies')} ${waiting === 1 ? 'waits' : 'wait'} for a person`;
}

/** Where a plan or its apply is. */
export function StateBadge({ plan }: { readonly plan: PlanSummary }) {
  const [tone, text] = stateOf(plan);
  return (
    <ToneBadge tone={tone} title={text}>
      {text}
    </ToneBadge>
  );
}
