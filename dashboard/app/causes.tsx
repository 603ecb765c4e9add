import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import type { TenantsAnswer } from '../../src/lib/api/answers/tenants.ts';
import { listed } from '../../src/lib/core/text.ts';
import { Paragraphs, Sentence } from '../shared/text.tsx';
import { Spark } from './charts.tsx';
import { CopyButton, StepFor } from './copy.tsx';
import { count, localTime } from './format.ts';
import { Icon } from './icon.tsx';
import { type Concerned, stepFor } from '../../src/lib/api/next-step.ts';
import type { useTrends } from './nights.ts';
import { Empty } from './pieces.tsx';
import { tenantLink } from './route.ts';
import { TryAgain } from './start-buttons.tsx';
import { tenantsLink } from './tenant-filter.ts';
import {
  adviceOf,
  areResultsKnown,
  causesOf,
  type Cause,
  isForPartnerCenter,
  lastAnswerOf,
  type Tenant,
  titleOf,
} from '../../src/lib/api/trouble.ts';

/** Names per cause. The link shows the others. */
const namesShown = 12;

/** Also true for a reader whom the policy limits to some tenants: the answer does not tell. */
export const noTenant = 'There is no customer tenant that you may see.';

interface CausesProps {
  readonly answer: TenantsAnswer;
  /** Those that can be started again in the tenants of a cause. */
  readonly jobs: Parameters<typeof TryAgain>[0]['jobs'];
  readonly trendOf: ReturnType<typeof useTrends>;
}

/** Tenants that need somebody to act, by cause. */
export function Causes({ answer: { tenants, warnings }, jobs, trendOf }: CausesProps) {
  const causes = causesOf(tenants);
  if (tenants.length === 0) return <Empty title={noTenant} />;
  if (!areResultsKnown(tenants) && causes.length === 0)
    return <Empty title={`It is not known whether jobs failed in ${count(tenants.length, 'tenant')}.`} />;
  if (causes.length === 0) {
    const text = `None of ${count(tenants.length, 'tenant')} needs you.`;
    // The list may lack the tenant that does.
    return <Empty title={warnings.length > 0 ? text : `✓ ${text}`} />;
  }
  return (
    <>
      {causes.map((cause, index) => (
        <CauseRow key={cause.cause} cause={cause} jobs={jobs} trendOf={trendOf} isOpen={index === 0} />
      ))}
      {areResultsKnown(tenants) ? null : (
        <footer>It is not known whether jobs failed in the tenants that the broker can reach.</footer>
      )}
    </>
  );
}

interface RowProps extends Pick<CausesProps, 'jobs' | 'trendOf'> {
  readonly cause: Cause;
  readonly isOpen: boolean;
}

/** Whom a cause concerns, since when, and what helps. */
export function CauseRow({ cause, jobs, trendOf, isOpen }: RowProps) {
  const { tone, tenants } = cause;
  // What a person opened stays open when the order changes.
  const [beginsOpen] = useState(isOpen);
  const trend = trendOf(cause);
  const [title, advice] = [titleOf(cause.cause), adviceOf(cause.cause)];
  return (
    <details class={`cause ${tone}`} name="cause" open={beginsOpen}>
      <CauseHead
        count={tenants.length}
        title={title}
        about={
          <div class="whom quiet cut">
            {tenants
              .slice(0, namesShown)
              .map(({ tenant }) => tenant.name)
              .join(', ')}
          </div>
        }
        trend={trend}
        since={trend?.since}
      />
      <div>
        <Names cause={cause} later={trend?.later} />
        <Paragraphs text={advice} />
        <StepFor cause={cause} />
        <InPartnerCenter cause={cause.cause} />
        {jobs === undefined ? null : <TryAgain jobs={jobs} cause={cause} />}
      </div>
    </details>
  );
}

/** What is seen of a folded cause or group: how many tenants, what, whom or what of it, and since when. */
export function CauseHead(props: {
  readonly count: number;
  readonly title: string;
  /** The whole of a title that may be cut. */
  readonly whole?: string;
  readonly about: ComponentChildren;
  readonly trend?: ReturnType<CausesProps['trendOf']>;
  /** In place of a trend. */
  readonly bar?: ComponentChildren;
  readonly since: string | undefined;
}) {
  const { count: n, title, whole = title, about, trend, bar, since } = props;
  return (
    <summary>
      <span class="n">{n.toLocaleString('en')}</span>
      <div class="cut">
        <h3 class="cut" title={whole}>
          {title}
        </h3>
        {about}
      </div>
      {trend === undefined ? (
        <span class="spark">{bar}</span>
      ) : (
        <Spark values={trend.values} label={`Tenants with this cause, night by night: ${trend.values.join(', ')}`} />
      )}
      <span class="since">{since}</span>
      <Icon name="turn" turns />
    </summary>
  );
}

const jobsText = (jobs: readonly string[]): string =>
  jobs.length > 2 ? `in ${count(jobs.length, 'job')}` : jobs.length === 0 ? '' : `in ${jobs.join(' and ')}`;

/**
 * Partner Center's list of granular admin relationships, as Microsoft's "Set up Microsoft Defender multitenant management" gives it.
 * A customer has no address of its own there.
 */
const relationshipList = 'https://partner.microsoft.com/commerce/granularadminaccess/list';

/** The way to Partner Center for a cause that is mended there. @param props.look a button, a small one, which in a grid has `tabIndex={-1}`, or a link. */
export const InPartnerCenter = (props: {
  readonly cause: string;
  readonly look?: 'btn' | 'btn primary' | 'btn s' | 'link';
  readonly tabIndex?: number;
}) => {
  const { cause, look = 'btn', tabIndex } = props;
  return isForPartnerCenter(cause) ? (
    <a class={look} href={relationshipList} target="_blank" rel="noreferrer" tabIndex={tabIndex}>
      Open Partner Center<span class="visually-hidden"> in a new tab: {titleOf(cause)}</span>
    </a>
  ) : null;
};

/** `last answered 2 Dec, 07:00; runs no longer visit it`, or nothing unless the relationship is over. */
export function lastAnswerText(tenant: Tenant): string | undefined {
  const at = lastAnswerOf(tenant);
  return at && `last answered ${localTime(at)}; runs no longer visit it`;
}

/** Microsoft's code for too few rights: a consent or a role. `ptb doctor` finds out which. */
export const isDenied = (reason: string | undefined): boolean =>
  reason?.includes('Authorization_RequestDenied') === true;

/** The cause whose command finds the missing right. */
export const deniedCause = 'access_denied';

/**
 * Why something failed, and what to do. A refusal for too few rights is said in words, and Microsoft's own are behind a summary:
 * people cannot act on them.
 */
export function WhyAndAdvice(props: {
  readonly reason: string | undefined;
  readonly advice: string | undefined;
  /** Of the job. */
  readonly permissions: readonly string[] | undefined;
}) {
  const { reason, advice, permissions = [] } = props;
  if (!isDenied(reason))
    return (
      <>
        <Paragraphs text={reason} />
        <Paragraphs text={advice} />
      </>
    );
  return (
    <>
      <p>Find and add the missing role or consent, then plan again.</p>
      <details>
        <summary class="small">
          What Microsoft said
          <Icon name="turn" turns />
        </summary>
        <p class="small any">{reason}</p>
        {permissions.length === 0 ? null : <p class="small">The job asks for {listed(permissions)}.</p>}
      </details>
    </>
  );
}

interface GroupHeadProps extends Omit<WaysProps, 'cause'> {
  readonly count: number;
  /** With what leads on from it. */
  readonly cause?: Concerned | undefined;
  /** Undefined: nothing is wrong. */
  readonly tone?: string | undefined;
  readonly advice?: string | undefined;
  readonly since?: ComponentChildren;
}

/** Over tenants: how many, what they have in common, since when, and below it what helps, with the same ways on everywhere. */
export function GroupHead(props: GroupHeadProps) {
  const { count: n, title, tone, advice, since, cause } = props;
  return (
    <>
      <span class={tone === undefined ? '' : `n ${tone}`}>{n.toLocaleString('en')}</span>
      <b class="cut">{title}</b>
      {since === undefined ? null : <span class="since"> {since}</span>}
      {advice === undefined ? null : (
        <span class="cut help">
          {' '}
          <Sentence text={[advice, (cause && stepFor(cause)?.about) ?? []].flat().join(' ')} />
        </span>
      )}
      {cause && <Ways {...props} cause={cause} />}
    </>
  );
}

interface WaysProps {
  readonly title: string;
  readonly cause: Concerned;
  /** Those that can be started again in the tenants of the cause. */
  readonly jobs?: Parameters<typeof TryAgain>[0]['jobs'];
  readonly parameters?: Parameters<typeof TryAgain>[0]['parameters'];
  /** In a grid: shows the form that starts a job, whose keys are not those of the grid. */
  readonly onTry?: Parameters<typeof TryAgain>[0]['onOpen'];
  /** A last way on. In a grid, a button has `tabIndex={-1}`. */
  readonly children?: ComponentChildren;
}

/** What an operator can do about a cause: Partner Center, the command, another try. The order is the same everywhere. */
function Ways({ title, cause, jobs, parameters, onTry, children }: WaysProps) {
  const step = stepFor(cause);
  const stop = onTry === undefined ? {} : { tabIndex: -1 };
  return (
    <span class="copy ways">
      <InPartnerCenter cause={cause.cause} look="btn s" {...stop} />
      {step && <CopyButton text={step.command} what="command" whatFor={title} {...stop} isAlone />}
      {jobs && <TryAgain jobs={jobs} cause={cause} parameters={parameters} onOpen={onTry} class="s" />}
      {children}
    </span>
  );
}

/** Causes on a page without a grid: the same headings, each over the names of its tenants. */
export const CauseList = (props: CausesOf) => (
  <ul class="list causes">
    {props.causes.map((cause) => {
      const trend = props.trendOf(cause);
      return (
        <li key={cause.cause}>
          <GroupHead
            count={cause.tenants.length}
            title={titleOf(cause.cause)}
            tone={cause.tone}
            advice={adviceOf(cause.cause)}
            since={trend?.since}
            cause={cause}
            jobs={props.jobs}
          />
          <Names cause={cause} later={trend?.later} isOfJob />
        </li>
      );
    })}
  </ul>
);

interface CausesOf extends Pick<CausesProps, 'jobs' | 'trendOf'> {
  /** The worst first. */
  readonly causes: readonly Cause[];
}

/** The tenants of a cause, with what tells one from another. */
function Names(
  props: Pick<RowProps, 'cause'> & {
    readonly later: Later | undefined;
    /** Whether the page is that of one job, which it need not name. */
    readonly isOfJob?: boolean;
  },
) {
  const {
    cause: { cause, tenants },
    later,
    isOfJob = false,
  } = props;
  const shown = tenants.slice(0, namesShown);
  const more = tenants.length - namesShown;
  const jobsOf = shown.map(({ results }) => jobsText(results.map(({ job }) => job)));
  // What all have in common tells none from another.
  const areAlike = isOfJob || (shown.length > 1 && new Set(jobsOf).size === 1);
  const aboutOf = (tenant: Tenant, at: number): string => {
    const jobsAndSince = [areAlike ? [] : (jobsOf[at] ?? []), later?.get(tenant.tenantId) ?? []].flat().join(' ');
    return [jobsAndSince, lastAnswerText(tenant)].filter(Boolean).join(', ');
  };
  return (
    <ul class="names">
      {shown.map(({ tenant }, at) => (
        <li key={tenant.tenantId}>
          <a href={tenantLink(tenant.tenantId)}>{tenant.name}</a>
          <span class="small"> {aboutOf(tenant, at)}</span>
        </li>
      ))}
      {more <= 0 ? null : (
        <li>
          <a href={tenantsLink({ cause })}>and {count(more, 'other')}</a>
        </li>
      )}
    </ul>
  );
}

type Later = NonNullable<ReturnType<CausesProps['trendOf']>>['later'];
