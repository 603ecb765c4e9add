import type { ComponentChildren } from 'preact';
import { useContext, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { JobsAnswer } from '../../src/lib/api/answers/jobs.ts';
import { useToast } from './announcer.tsx';
import { titleInWords } from './approval-facts.tsx';
import { AskDialog } from './ask-dialog.tsx';
import { auditLink } from './view-filter.ts';
import { useCombobox } from './combobox.ts';
import { runReaders, useMayStart, useRole } from './context.ts';
import { count, shortLocalTime } from './format.ts';
import { Icon, type IconName } from './icon.tsx';
import { stepFor } from '../../src/lib/api/next-step.ts';
import { OutcomeBadge, ToneBadge } from './pieces.tsx';
import { usePolling, useTenants } from './polling.ts';
import { approvalLink, goTo, jobLink, planLink, recentTenants, runLink, tenantLink, views } from './route.ts';
import { ChooseJob } from './start-buttons.tsx';
import { StartDialog } from './start-dialog.tsx';
import { having, Marked, tenantsHaving } from './tenant-search.tsx';
import { causesOf, endsSoon, type Tenant, titleOf, troublesOf } from '../../src/lib/api/trouble.ts';
import { useJobs } from './nights.ts';
import { tenantsLink } from './tenant-filter.ts';
import { HeldPlansContext, WaitingContext } from './waiting.tsx';

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
/** Without a job, one is chosen. */
type Doing = { readonly job?: Job; readonly tenants?: readonly string[] } | 'ask';

/** Results of each group, so that every group stays in sight. */
const mostOfGroup = 6;
/** Actions before somebody types: one types the name of a job. */
const mostActions = 3;
const runsRead = 60;
/** The group of what waits for the reader, and of tenants seen lately. */
const [waits, lately] = ['Needs you', 'Seen lately'];

/** Finds tenants, runs, jobs, callers, pages and actions, by keyboard alone. */
export function Palette({ onClose }: { readonly onClose: () => void }) {
  const [doing, setDoing] = useState<Doing>();
  const { jobs = [] } = useJobs();
  const startable = jobs.filter(useMayStart());
  if (doing === 'ask') return <AskDialog onClose={onClose} />;
  if (doing?.job !== undefined) return <StartDialog job={doing.job} tenants={doing.tenants} onClose={onClose} />;
  if (doing !== undefined) return <ChooseJob jobs={startable} tenantsOf={() => doing.tenants} onClose={onClose} />;
  return <Finder onClose={onClose} onDo={setDoing} />;
}

interface FinderProps {
  readonly onClose: () => void;
  readonly onDo: (doing: Doing) => void;
}

function Finder({ onClose, onDo }: FinderProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [text, setText] = useState('');
  // Before painting, so that no letter that is typed in between is lost.
  useLayoutEffect(() => dialog.current?.showModal(), []);
  const known = useKnown(onDo);
  const found = useMemo(() => find(known, text), [known, text]);
  const press = (item: Item): void => {
    if (item.stays !== true) onClose();
    item.act();
  };
  const combobox = useCombobox(found, press);
  return (
    <dialog
      ref={dialog}
      class="palette"
      aria-label="Search or run"
      onClose={onClose}
      onClick={(event) => {
        if (event.target === dialog.current) onClose();
      }}
    >
      <label class="q">
        <Icon name="search" />
        <span class="visually-hidden">Search or run</span>
        <input
          {...combobox.field}
          placeholder="Tenant, run, job, caller or page"
          value={text}
          onInput={(event) => {
            setText(event.currentTarget.value);
            combobox.reset();
          }}
          onKeyDown={combobox.handles}
        />
        <kbd>Esc</kbd>
      </label>
      <div {...combobox.list} tabIndex={-1}>
        {found.map((item, index) => (
          <>
            {found[index - 1]?.group === item.group ? null : (
              <h3 key={item.group} role="presentation">
                {item.group}
              </h3>
            )}
            <div key={item.key} {...combobox.propsOf(item, index)}>
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

interface Known {
  /** Everything but tenants. */
  readonly items: readonly Item[];
  readonly tenants: readonly Tenant[];
  /** What can be done with a tenant. */
  readonly ofTenant: (tenant: Tenant) => readonly Item[];
}

const doOf = ({ changes }: Job): string => (changes === true ? 'Plan' : 'Run');

/** Everything that can be found. An item of a tenant is made when it is found: there may be thousands. */
function useKnown(onDo: (doing: Doing) => void): Known {
  const mayStart = useMayStart();
  const [readsRuns, mayAsk, readsAudit] = [
    runReaders.map((role) => useRole(role)).includes(true),
    useRole('Requests.Send'),
    useRole('Audit.Read'),
  ];
  const tenants = useTenants();
  const runs = usePolling(async (api) => (readsRuns ? api.runs(runsRead) : undefined), 'palette runs').value;
  const { jobs, titleOf: titleOfJob } = useJobs();
  const toast = useToast();
  const approvals = useContext(WaitingContext)?.requests;
  const held = useContext(HeldPlansContext);
  return useMemo(() => {
    const callers = new Map(
      runs?.runs.flatMap((run) => (run.starter?.name === undefined ? [] : [[run.starter.name, run]])),
    );
    const startable = (jobs ?? []).filter(mayStart);
    const shown = views.filter(([view]) => view !== 'plans' || jobs?.some(({ changes }) => changes));
    const items: readonly Item[] = [
      ...(approvals ?? []).map((approval) => ({
        ...item(waits, 'approvals', titleInWords(approval), () => goTo(approvalLink(approval.id))),
        key: approval.id,
        aside: <span class="small">approve or deny</span>,
      })),
      ...held.map(({ planId, job }) => ({
        ...item(waits, 'plans', titleOfJob(job), () => goTo(planLink(planId))),
        key: planId,
        aside: <span class="small">waits to go on</span>,
      })),
      ...causesOf(tenants?.tenants ?? []).map(({ cause, tone, tenants: some }) => ({
        ...item(waits, 'tenants', titleOf(cause), () => goTo(tenantsLink({ cause }))),
        aside: <ToneBadge tone={tone}>{count(some.length, 'tenant')}</ToneBadge>,
      })),
      ...(mayAsk
        ? [{ ...item('Actions', 'search', 'Query many tenants…', () => onDo('ask')), stays: true } as const]
        : []),
      ...startable.map((job) => ({
        ...item('Actions', 'play', `${doOf(job)} ${job.title}…`, () => onDo({ job })),
        also: `run a job ${job.name}`,
        stays: true as const,
      })),
      ...shown.map(([view, title]) => item('Pages', view, title, () => goTo(`#/${view}`))),
      item('Pages', 'api', 'API reference', () => location.assign('docs')),
      ...(jobs ?? []).map(({ name, title }) => ({
        ...item('Jobs', 'jobs', title, () => goTo(jobLink(name))),
        also: name,
      })),
      ...(runs?.runs ?? []).map(({ runId, job, outcome, startedAt }) => ({
        ...item('Runs', 'runs', `${titleOfJob(job)}, ${shortLocalTime(startedAt)}`, () => goTo(runLink(runId))),
        key: runId,
        also: runId.toLowerCase(),
        aside: <OutcomeBadge outcome={outcome} />,
      })),
      ...[...callers].map(([name, { runId, job }]) => ({
        ...item('Callers', 'runs', name, () => goTo(runLink(runId))),
        aside: <span class="small">last run: {titleOfJob(job)}</span>,
      })),
    ];
    const ofTenant = (tenant: Tenant): readonly Item[] => {
      const { tenantId, name } = tenant;
      const command = causesOf([tenant]).flatMap((cause) => stepFor(cause) ?? [])[0]?.command;
      const copy = (text: string): void =>
        void navigator.clipboard?.writeText(text).then(() => toast({ text: `Copied: ${text}` }));
      return [
        ...(command === undefined ? [] : [item('Actions', 'copy', `Copy ${command}`, () => copy(command))]),
        ...(startable.length === 0
          ? []
          : [
              {
                ...item('Actions', 'play', `Run a job over ${name}…`, () => onDo({ tenants: [tenantId] })),
                stays: true as const,
              },
            ]),
        ...(readsAudit
          ? [item('Actions', 'audit', `Audit of ${name}`, () => goTo(auditLink({ tenant: tenantId })))]
          : []),
      ];
    };
    return { items, tenants: tenants?.tenants ?? [], ofTenant };
  }, [tenants, runs, jobs, mayAsk, readsAudit, approvals, held]);
}

const item = (group: string, icon: IconName, text: string, act: () => void): Item => ({
  key: `${group} ${text}`,
  group,
  icon,
  text,
  act,
});

function tenantItem(tenant: Tenant): Item {
  const { tenantId, name } = tenant;
  const [trouble] = troublesOf(tenant);
  return {
    ...item('Tenants', 'tenants', name, () => goTo(tenantLink(tenantId))),
    key: tenantId,
    aside:
      trouble !== undefined ? (
        <ToneBadge tone={trouble.tone}>{titleOf(trouble.cause)}</ToneBadge>
      ) : endsSoon(tenant) ? (
        <ToneBadge tone="warn">Ends soon</ToneBadge>
      ) : undefined,
  };
}

/**
 * What the text finds: names that begin with it first, some of each group. Without a text: what waits for the reader, the tenants
 * seen lately, some actions, and all pages.
 */
function find({ items, tenants, ofTenant }: Known, text: string): readonly Item[] {
  const wanted = text.trim().toLowerCase();
  if (wanted === '') {
    const recent = recentTenants().slice(0, mostOfGroup);
    return [
      ...items.filter(({ group }) => group === waits).slice(0, mostOfGroup),
      ...recent.flatMap((id) => {
        const tenant = tenants.find(({ tenantId }) => tenantId === id);
        return tenant === undefined ? [] : { ...tenantItem(tenant), group: lately };
      }),
      ...items.filter(({ group }) => group === 'Actions').slice(0, mostActions),
      ...items.filter(({ group }) => group === 'Pages'),
    ];
  }
  const found = tenantsHaving(tenants, wanted).slice(0, mostOfGroup);
  const groups = Map.groupBy(
    having(items, wanted, (one) => [one.text.toLowerCase(), one.also]),
    ({ group }) => group,
  );
  return [
    ...found.map(tenantItem),
    ...['Actions', 'Jobs', 'Runs', 'Callers', 'Pages'].flatMap((group) => [
      ...(groups.get(group) ?? []).slice(0, mostOfGroup),
      ...(group === 'Actions' ? found.slice(0, 1).flatMap(ofTenant) : []),
    ]),
  ];
}
