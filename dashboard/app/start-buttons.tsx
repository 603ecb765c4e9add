import { useId, useState } from 'preact/hooks';
import type { JobsAnswer } from '../../src/lib/api/answers/jobs.ts';
import type { Cause } from '../../src/lib/api/trouble.ts';
import { byTopic, topicTitle } from '../../src/lib/core/topics.ts';
import { AskDialog } from './ask-dialog.tsx';
import { Search } from './choice.tsx';
import { useMayStart, useRole } from './context.ts';
import { Dialog, DialogButton } from './dialog.tsx';
import { count } from './format.ts';
import { Icon } from './icon.tsx';
import { StartDialog } from './start-dialog.tsx';

type Job = JobsAnswer['jobs'][number];

interface StartButtonsProps {
  /** Undefined: they are not loaded. */
  readonly jobs: readonly Job[] | undefined;
  /** Tenants to begin with, as ids. */
  readonly tenants?: readonly string[];
}

/** Ask many tenants, and run a job: whatever of it the roles allow. */
export function StartButtons({ jobs = [], tenants }: StartButtonsProps) {
  const mayAsk = useRole('Requests.Send');
  const startable = jobs.filter(useMayStart());
  return (
    <>
      <DialogButton isOffered={mayAsk && tenants === undefined} dialog={(onClose) => <AskDialog onClose={onClose} />}>
        Ask many tenants
      </DialogButton>
      {startable.length > 0 ? (
        <DialogButton
          class="primary"
          dialog={(onClose) => <ChooseJob jobs={startable} tenants={tenants} onClose={onClose} />}
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
 * A button that opens the start form for tenants in which jobs failed, with these tenants filled in. A change is planned again.
 * Nothing if there is no access to them, or if the person may start none of the jobs.
 */
export function TryAgain(props: {
  readonly jobs: readonly Job[] | undefined;
  readonly cause: Pick<Cause, 'cause' | 'tenants'>;
  /** In a grid, whose keys a dialog in it would press: shows the dialog elsewhere. A tab stop, because the grid gives the focus to one button of a cell. */
  readonly onOpen?: () => void;
}) {
  const { jobs, cause, onOpen } = props;
  const startable = useStartable(jobs, cause);
  const n = cause.tenants.length;
  if (startable.length === 0) return null;
  const label = `${startable.every(({ changes }) => changes === true) ? 'Plan again for' : 'Try again in'} ${n === 1 ? 'this tenant' : `these ${n} tenants`}…`;
  return onOpen === undefined ? (
    <DialogButton dialog={(onClose) => <TryAgainDialog jobs={startable} cause={cause} onClose={onClose} />}>
      {label}
    </DialogButton>
  ) : (
    <button type="button" class="s" aria-haspopup="dialog" onClick={onOpen}>
      {label}
    </button>
  );
}

/** Those of the jobs that failed for a cause which the person may start. */
function useStartable(jobs: readonly Job[] = [], { tenants }: Pick<Cause, 'tenants'>): readonly Job[] {
  const mayStart = useMayStart();
  const failed = new Set(tenants.flatMap(({ results }) => results.map(({ job }) => job)));
  return tenants.length > mostToStart ? [] : jobs.filter((job) => failed.has(job.name) && mayStart(job));
}

/** The form of the job, or first a list of the jobs if several failed. */
export function TryAgainDialog(props: {
  readonly jobs: readonly Job[] | undefined;
  readonly cause: Pick<Cause, 'tenants'>;
  readonly onClose: () => void;
}) {
  const { jobs, cause, onClose } = props;
  const startable = useStartable(jobs, cause);
  const form = { tenants: cause.tenants.map(({ tenant }) => tenant.tenantId), onClose };
  const [only, ...others] = startable;
  return only !== undefined && others.length === 0 ? (
    <StartDialog job={only} {...form} />
  ) : (
    <ChooseJob title="Try again" jobs={startable} {...form} />
  );
}

export function ChooseJob(props: {
  readonly title?: string;
  readonly jobs: readonly Job[];
  readonly tenants?: readonly string[] | undefined;
  readonly onClose: () => void;
}) {
  const { title = 'Run a job', jobs, tenants, onClose } = props;
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
  if (job !== undefined) return <StartDialog job={job} tenants={tenants} onClose={onClose} />;
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
