import { useState } from 'preact/hooks';
import { Sentence } from '../shared/text.tsx';
import { Command } from './copy.tsx';
import { count } from './format.ts';
import { stepFor } from './next-step.ts';
import { tenantLink } from './route.ts';
import { tenantsLink } from './tenant-filter.ts';
import { adviceOf, type Cause, titleOf } from './trouble.ts';

/** Causes before the reader asks for all, so that the runs below stay in reach. */
const causesShown = 4;
/** Names per cause. The link shows the others. */
const namesShown = 6;

/** Tenants that need somebody to act, by cause. */
export function Customers({ causes, total }: { readonly causes: readonly Cause[]; readonly total: number }) {
  const [isAll, setAll] = useState(false);
  if (causes.length === 0)
    return (
      <p class="empty good">
        <span aria-hidden="true">✓</span>{' '}
        {total === 0 ? 'There are no customer tenants yet.' : `None of ${count(total, 'tenant')} needs you.`}
      </p>
    );
  return (
    <>
      <ul class="causes">
        {(isAll ? causes : causes.slice(0, causesShown)).map((cause) => (
          <CauseCard key={cause.cause} cause={cause} />
        ))}
      </ul>
      {causes.length <= causesShown ? null : (
        <button type="button" class="start" aria-expanded={isAll} onClick={() => setAll(!isAll)}>
          {isAll ? 'Show fewer causes' : `Show ${count(causes.length - causesShown, 'more cause')}`}
        </button>
      )}
    </>
  );
}

function CauseCard({ cause }: { readonly cause: Cause }) {
  const { tone, tenants } = cause;
  const step = stepFor(cause);
  const advice = adviceOf(cause.cause);
  return (
    <li class={`cause ${tone}`}>
      <h3>
        <span class={`badge ${tone}`}>{tenants.length.toLocaleString('en')}</span>
        <span>{titleOf(cause.cause)}</span>
      </h3>
      {advice === '' ? null : (
        <p>
          <Sentence text={advice} />
        </p>
      )}
      <Names cause={cause} />
      {step === undefined ? null : <Command text={step.command} only={step.only} />}
    </li>
  );
}

function Names({ cause: { cause, tenants } }: { readonly cause: Cause }) {
  const more = tenants.length - namesShown;
  return (
    <ul class="names">
      {tenants.slice(0, namesShown).map(({ tenant, results }) => (
        <li key={tenant.tenantId}>
          <a href={tenantLink(tenant.tenantId)}>{tenant.name}</a>
          {results.length === 0 ? null : <span class="quiet"> {jobsText(results.map(({ job }) => job))}</span>}
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

const jobsText = (jobs: readonly string[]): string =>
  jobs.length > 2 ? `in ${count(jobs.length, 'job')}` : `in ${jobs.join(' and ')}`;
