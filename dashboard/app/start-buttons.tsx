import type { ComponentChildren } from 'preact';
import { useId, useState } from 'preact/hooks';
import type { JobsAnswer } from '../../src/lib/api/answers/jobs.ts';
import type { Concerned } from '../../src/lib/api/next-step.ts';
import type { RunAnswer } from '../../src/lib/api/answers/runs.ts';
import { titleOf } from '../../src/lib/api/trouble.ts';
import { byTopic, topicTitle } from '../../src/lib/core/topics.ts';
import { AskDialog } from './ask-dialog.tsx';
import { Search } from './choice.tsx';
import { useMayStart, useRole } from './context.ts';
import { Dialog, DialogButton } from './dialog.tsx';
import { Folded } from './folded.tsx';
import { count } from './format.ts';
import { Icon } from './icon.tsx';
import { StartDialog } from './start-dialog.tsx';

type Job = JobsAnswer['jobs'][number];

interface StartButtonsProps {
  /** Undefined: they are not loaded. */
  readonly jobs: readonly Job[] | undefined;
  /** Tenants to begin with, as ids. */
  readonly tenants?: readonly string[];
  /** Whether something else on the page comes first. */
  readonly isSecond?: boolean;
  /** Other buttons of less weight. */
  readonly children?: ComponentChildren;
}

/** Query many tenants, and run a job: whatever of it the roles allow. */
export function StartButtons({ jobs = [], tenants, isSecond = false, children }: StartButtonsProps) {
  const mayAsk = useRole('Requests.Send');
  const startable = jobs.filter(useMayStart());
  return (
    <>
      {mayAsk || children ? (
        <Folded name="More actions" isEmpty={!children && tenants !== undefined}>
          {children}
          <DialogButton
            isOffered={mayAsk && tenants === undefined}
            dialog={(onClose) => <AskDialog onClose={onClose} />}
          >
            Query many tenants…
          </DialogButton>
        </Folded>
      ) : null}
      {startable.length > 0 ? (
        <DialogButton
          class={isSecond ? undefined : 'primary'}
          dialog={(onClose) => <ChooseJob jobs={startable} tenantsOf={() => tenants} onClose={onClose} />}
        >
          <Icon name="play" /> Run a job{(tenants?.length ?? 0) > 1 ? ` over these ${tenants?.length}` : ''}…
        </DialogButton>
      ) : null}
    </>
  );
}

/** Tenants that one run is started for from a list. More of them are started as a group, or all. */
export const mostToStart = 500;

/**
 * A button that opens the start form of a job with the tenants filled in in which it failed for a cause. Nothing if the person
 * may start none of the jobs that failed. A change is planned again from its plan, which knows its parameters.
 * @param props.onOpen shows the form, where the button is in a grid, whose keys are not those of a form.
 */
export function TryAgain(props: {
  readonly jobs: readonly Job[] | undefined;
  readonly cause: Concerned;
  /** Of the run that they failed in. */
  readonly parameters?: RunAnswer['parameters'];
  readonly onOpen?: ((failed: readonly Failed[]) => void) | undefined;
  readonly class?: string;
}) {
  const { jobs = [], cause, parameters, onOpen, class: look } = props;
  const mayStart = useMayStart();
  const tenantsOf = ({ name }: Job): readonly string[] =>
    cause.tenants.flatMap(({ tenant, results }) => (results.some(({ job }) => job === name) ? tenant.tenantId : []));
  const failed = jobs.flatMap((job) => {
    const tenants = tenantsOf(job);
    const isOffered = job.changes !== true && tenants.length > 0 && tenants.length <= mostToStart && mayStart(job);
    return isOffered ? { job, tenants, parameters } : [];
  });
  const n = new Set(failed.flatMap(({ tenants }) => tenants)).size;
  const words = (
    <>
      Try again in {n === 1 ? 'this tenant' : `these ${n} tenants`}…
      <span class="visually-hidden"> {titleOf(cause.cause)}</span>
    </>
  );
  if (onOpen !== undefined)
    return n === 0 ? null : (
      <button type="button" class="s" aria-haspopup="dialog" tabIndex={-1} onClick={() => onOpen(failed)}>
        {words}
      </button>
    );
  return (
    <DialogButton
      isOffered={n > 0}
      class={look}
      dialog={(onClose) => <TryAgainDialog failed={failed} onClose={onClose} />}
    >
      {words}
    </DialogButton>
  );
}

/** A job, and the tenants in which it failed. */
export interface Failed {
  readonly job: Job;
  readonly tenants: readonly string[];
  readonly parameters?: RunAnswer['parameters'];
}

/** For what failed when it was opened: the page goes on to change. */
export function TryAgainDialog(props: { readonly failed: readonly Failed[]; readonly onClose: () => void }) {
  const [failed] = useState(props.failed);
  const { onClose } = props;
  const [only, ...others] = failed;
  if (only !== undefined && others.length === 0) return <StartDialog {...only} onClose={onClose} />;
  const tenantsOf = (job: Job) => failed.find((one) => one.job === job)?.tenants;
  return <ChooseJob title="Try again" jobs={failed.map(({ job }) => job)} tenantsOf={tenantsOf} onClose={onClose} />;
}

export function ChooseJob(props: {
  readonly title?: string;
  readonly jobs: readonly Job[];
  /** Tenants to begin with, as ids. */
  readonly tenantsOf?: (job: Job) => readonly string[] | undefined;
  readonly onClose: () => void;
}) {
  const { title = 'Run a job', jobs, tenantsOf, onClose } = props;
  const [job, setJob] = useState<Job>();
  const [search, setSearch] = useState('');
  const id = useId();
  const found = jobs.filter((one) => `${one.title} ${one.name}`.toLowerCase().includes(search.trim().toLowerCase()));
  const reports = byTopic(found.filter(({ changes }) => changes !== true));
  const plans = found.filter(({ changes }) => changes === true);
  const groups = [
    ...reports.map(([topic, some]) => [topicTitle(topic), some] as const),
    ...(plans.length === 0 ? [] : [['Plan a change', plans] as const]),
  ];
  if (job !== undefined) return <StartDialog job={job} tenants={tenantsOf?.(job)} onClose={onClose} />;
  return (
    <Dialog title={title} onClose={onClose}>
      <Search value={search} placeholder="Name of a job" onInput={setSearch} />
      <p class={groups.length > 0 ? 'visually-hidden' : 'quiet'} role="status">
        {groups.length > 0 ? count(found.length, 'job') : 'No job has such a name.'}
      </p>
      {groups.map(([name, some], at) => (
        <div key={name} class="choose" role="group" aria-labelledby={`${id}-${at}`}>
          <h3 id={`${id}-${at}`}>{name}</h3>
          {some.map((one) => (
            <button key={one.name} type="button" class="bare" title={one.description} onClick={() => setJob(one)}>
              {one.title}
            </button>
          ))}
        </div>
      ))}
    </Dialog>
  );
}
