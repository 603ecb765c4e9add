import type { ComponentChildren } from 'preact';
import { useEffect, useId, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { JobsAnswer } from '../../src/lib/api/answers/jobs.ts';
import { useToast } from './announcer.tsx';
import { AskDialog } from './ask-dialog.tsx';
import { auditLink } from './view-filter.ts';
import { runReaders, useMayStart, useRole, useSignedIn } from './context.ts';
import { shortLocalTime } from './format.ts';
import { Icon, type IconName } from './icon.tsx';
import { stepFor } from '../../src/lib/api/next-step.ts';
import { OutcomeBadge, ToneBadge } from './pieces.tsx';
import { usePolling } from './polling.ts';
import { goTo, jobLink, runLink, tenantLink, views } from './route.ts';
import { StartDialog } from './start-dialog.tsx';
import { causesOf, endsSoon, type Tenant, titleOf, troublesOf } from '../../src/lib/api/trouble.ts';
import { useJobs } from './nights.ts';

/** Something to go to or to do. */
interface Item {
  readonly key: string;
  readonly group: string;
  readonly icon: IconName;
  readonly text: string;
  /** What it is found by besides its text, in lower case. */
  readonly also?: string;
  readonly aside?: ComponentChildren;
  /** It opens a dialog in place of the palette. */
  readonly stays?: true;
  readonly act: () => void;
}

/** A dialog that an item opens in place of the palette. */
type Job = JobsAnswer['jobs'][number];
type Doing = { readonly job: Job; readonly tenants?: readonly string[] } | 'ask';

/** Results of each group, so that every group stays in sight. */
const mostOfGroup = 6;
const runsRead = 60;

/** Finds tenants, runs, jobs, people, pages and actions, by keyboard alone. */
export function Palette({ onClose }: { readonly onClose: () => void }) {
  const [doing, setDoing] = useState<Doing>();
  if (doing === 'ask') return <AskDialog onClose={onClose} />;
  if (doing !== undefined) return <StartDialog job={doing.job} tenants={doing.tenants} onClose={onClose} />;
  return <Finder onClose={onClose} onDo={setDoing} />;
}

interface FinderProps {
  readonly onClose: () => void;
  readonly onDo: (doing: Doing) => void;
}

function Finder({ onClose, onDo }: FinderProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [text, setText] = useState('');
  const [chosen, setChosen] = useState(0);
  const id = useId();
  // Before painting, so that no letter that is typed in between is lost.
  useLayoutEffect(() => dialog.current?.showModal(), []);
  const known = useKnown(onDo);
  const found = useMemo(() => find(known, text), [known, text]);
  const at = Math.min(chosen, found.length - 1);
  useEffect(() => document.getElementById(`${id}-${at}`)?.scrollIntoView({ block: 'nearest' }), [at, found]);
  const press = (item: Item | undefined): void => {
    if (item === undefined) return;
    if (item.stays !== true) onClose();
    item.act();
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (event.key === 'Enter') press(found[at]);
    else if (step !== undefined && found.length > 0) setChosen((at + step + found.length) % found.length);
    else return;
    event.preventDefault();
  };
  return (
    <dialog
      ref={dialog}
      class="palette"
      aria-label="Find or do"
      onClose={onClose}
      onClick={(event) => {
        if (event.target === dialog.current) onClose();
      }}
    >
      <label class="q">
        <Icon name="search" />
        <span class="visually-hidden">Find or do</span>
        <input
          role="combobox"
          aria-expanded="true"
          aria-controls={`${id}-list`}
          aria-activedescendant={found.length === 0 ? undefined : `${id}-${at}`}
          autocomplete="off"
          spellcheck={false}
          placeholder="Tenant, run, job, person or page"
          value={text}
          onInput={(event) => {
            setText(event.currentTarget.value);
            setChosen(0);
          }}
          onKeyDown={onKeyDown}
        />
        <kbd>Esc</kbd>
      </label>
      <div role="listbox" id={`${id}-list`} aria-label="Found" tabIndex={-1}>
        {found.map((item, index) => (
          <>
            {found[index - 1]?.group === item.group ? null : (
              <h3 key={item.group} role="presentation">
                {item.group}
              </h3>
            )}
            <div
              key={item.key}
              id={`${id}-${index}`}
              role="option"
              aria-selected={index === at}
              onClick={() => press(item)}
              onPointerMove={() => setChosen(index)}
            >
              <Icon name={item.icon} />
              <span class="cut">
                <Marked text={item.text} part={text.trim()} />
              </span>
              {item.aside}
            </div>
          </>
        ))}
      </div>
      {found.length === 0 ? <p class="empty">Nothing here has this name.</p> : null}
      <div class="foot">
        <span>
          <kbd>↑</kbd> <kbd>↓</kbd> choose
        </span>
        <span>
          <kbd>Enter</kbd> open
        </span>
      </div>
    </dialog>
  );
}

function Marked({ text, part }: { readonly text: string; readonly part: string }) {
  const at = part === '' ? -1 : text.toLowerCase().indexOf(part.toLowerCase());
  if (at === -1) return <>{text}</>;
  return (
    <>
      {text.slice(0, at)}
      <mark>{text.slice(at, at + part.length)}</mark>
      {text.slice(at + part.length)}
    </>
  );
}

interface Known {
  readonly items: readonly Item[];
  /** What can be done with a tenant. */
  readonly ofTenant: (item: Item) => readonly Item[];
}

const doOf = ({ changes }: Job): string => (changes === true ? 'Plan' : 'Run');

/** Everything that can be found: at most as many items as there are tenants, runs and jobs. */
function useKnown(onDo: (doing: Doing) => void): Known {
  const { api } = useSignedIn();
  const mayStart = useMayStart();
  const [readsTenants, readsRuns, mayAsk, readsAudit] = [
    useRole('Tenants.Read'),
    runReaders.map((role) => useRole(role)).includes(true),
    useRole('Requests.Send'),
    useRole('Audit.Read'),
  ];
  const tenants = usePolling(async () => (readsTenants ? api.tenants() : undefined), 'tenants', undefined).value;
  const runs = usePolling(async () => (readsRuns ? api.runs(runsRead) : undefined), 'palette runs', undefined).value;
  const { jobs, titleOf: titleOfJob } = useJobs();
  const toast = useToast();
  return useMemo(() => {
    const byKey = new Map(tenants?.tenants.map((tenant) => [tenant.tenantId, tenant]));
    const people = new Map(
      runs?.runs.flatMap((run) => (run.starter?.name === undefined ? [] : [[run.starter.name, run]])),
    );
    const doing = (job: Job, text: string, tenants?: readonly string[]): Item => ({
      ...item('Do', 'play', text, () => onDo({ job, ...(tenants === undefined ? {} : { tenants }) })),
      also: `run a job ${job.name}`,
      stays: true,
    });
    const startable = (jobs ?? []).filter(mayStart);
    const shown = views.filter(([view]) => view !== 'plans' || jobs?.some(({ changes }) => changes));
    const items: readonly Item[] = [
      ...[...byKey.values()].map(tenantItem),
      ...shown.map(([view, title]) => item('Pages', view, title, () => goTo(`#/${view}`))),
      item('Pages', 'api', 'API reference', () => location.assign('docs')),
      ...startable.map((job) => doing(job, `${doOf(job)} ${job.title}…`)),
      ...(mayAsk ? [{ ...item('Do', 'search', 'Ask many tenants…', () => onDo('ask')), stays: true } as const] : []),
      ...(jobs ?? []).map(({ name, title }) => ({
        ...item('Jobs', 'jobs', title, () => goTo(jobLink(name))),
        also: name,
      })),
      ...(runs?.runs ?? []).map(({ runId, job, outcome, startedAt }) => ({
        ...item('Runs', 'runs', `${titleOfJob(job)}, ${shortLocalTime(startedAt, Date.now())}`, () =>
          goTo(runLink(runId)),
        ),
        key: runId,
        also: runId.toLowerCase(),
        aside: <OutcomeBadge outcome={outcome} />,
      })),
      ...[...people].map(([name, { runId, job }]) => ({
        ...item('People', 'person', name, () => goTo(runLink(runId))),
        aside: <span class="small">last run: {titleOfJob(job)}</span>,
      })),
    ];
    const ofTenant = ({ key }: Item): readonly Item[] => {
      const tenant = byKey.get(key);
      if (tenant === undefined) return [];
      const command = causesOf([tenant]).flatMap((cause) => stepFor(cause) ?? [])[0]?.command;
      const copy = (text: string): void =>
        void navigator.clipboard?.writeText(text).then(() => toast({ text: `Copied: ${text}` }));
      return [
        ...(command === undefined ? [] : [item('Do', 'copy', `Copy ${command}`, () => copy(command))]),
        ...startable.slice(0, 3).map((job) => doing(job, `${doOf(job)} ${job.title} over ${tenant.name}…`, [key])),
        ...(readsAudit ? [item('Do', 'audit', `Audit of ${tenant.name}`, () => goTo(auditLink({ tenant: key })))] : []),
      ];
    };
    return { items, ofTenant };
  }, [tenants, runs, jobs, mayAsk, readsAudit]);
}

const item = (group: string, icon: IconName, text: string, act: () => void): Item => ({
  key: `${group} ${text}`,
  group,
  icon,
  text,
  act,
});

function tenantItem(tenant: Tenant): Item {
  const { tenantId, name, defaultDomain = '' } = tenant;
  return {
    ...item('Tenants', 'tenants', name, () => goTo(tenantLink(tenantId))),
    key: tenantId,
    also: `${defaultDomain} ${tenantId}`.toLowerCase(),
    get aside() {
      const [trouble] = troublesOf(tenant);
      if (trouble !== undefined) return <ToneBadge tone={trouble.tone}>{titleOf(trouble.cause)}</ToneBadge>;
      return endsSoon(tenant) ? <ToneBadge tone="warn">Ends soon</ToneBadge> : undefined;
    },
  };
}

/** What the text finds: names that begin with it first, some of each group. Without a text: pages and actions. */
function find({ items, ofTenant }: Known, text: string): readonly Item[] {
  const wanted = text.trim().toLowerCase();
  if (wanted === '') return items.filter(({ group }) => group === 'Pages' || group === 'Do');
  const begins: Item[] = [];
  const has: Item[] = [];
  for (const item of items) {
    const at = item.text.toLowerCase().indexOf(wanted);
    if (at === 0) begins.push(item);
    else if (at > 0 || item.also?.includes(wanted) === true) has.push(item);
  }
  const groups = Map.groupBy([...begins, ...has], ({ group }) => group);
  const first = groups.get('Tenants')?.[0];
  return ['Tenants', 'Do', 'Jobs', 'Runs', 'People', 'Pages'].flatMap((group) => [
    ...(groups.get(group) ?? []).slice(0, mostOfGroup),
    ...(group === 'Do' && first !== undefined ? ofTenant(first) : []),
  ]);
}
