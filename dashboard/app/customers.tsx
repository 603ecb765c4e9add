import { useState } from 'preact/hooks';
import type { TenantsAnswer } from '../../src/lib/api/answers/tenants.ts';
import { Sentence } from '../shared/text.tsx';
import { Command } from './copy.tsx';
import { count } from './format.ts';
import { stepFor } from '../../src/lib/api/next-step.ts';
import { tenantLink } from './route.ts';
import { tenantsLink } from './tenant-filter.ts';
import { adviceOf, areResultsKnown, causesOf, type Cause, titleOf } from '../../src/lib/api/trouble.ts';

/** Causes before the reader asks for all, so that the runs below stay in reach. */
const causesShown = 4;
/** Names per cause. The link shows the others. */
const namesShown = 6;

/** Also true for a reader whom the policy limits to some tenants: the answer does not tell. */
export const noTenant = 'There is no customer tenant that you may see.';

/** Tenants that need somebody to act, by cause. */
export function Customers({ answer: { tenants, warnings } }: { readonly answer: TenantsAnswer }) {
  const [isAll, setAll] = useState(false);
  const causes = causesOf(tenants);
  if (tenants.length === 0) return <p class="empty">{noTenant}</p>;
  if (!areResultsKnown(tenants) && causes.length === 0)
    return <p class="empty">It is not known whether jobs failed in {count(tenants.length, 'tenant')}.</p>;
  if (causes.length === 0) return <NoneNeedsYou total={tenants.length} isComplete={warnings.length === 0} />;
  return (
    <>
      <ul class="causes">
        {(isAll ? causes : causes.slice(0, causesShown)).map((cause) => (
          <CauseCard key={cause.cause} cause={cause} />
        ))}
      </ul>
      {areResultsKnown(tenants) ? null : (
        <p class="quiet">It is not known whether jobs failed in the tenants that the broker can reach.</p>
      )}
      {causes.length <= causesShown ? null : (
        <button type="button" class="start" aria-expanded={isAll} onClick={() => setAll(!isAll)}>
          {isAll ? 'Show fewer causes' : `Show ${count(causes.length - causesShown, 'more cause')}`}
        </button>
      )}
    </>
  );
}

function NoneNeedsYou({ total, isComplete }: { readonly total: number; readonly isComplete: boolean }) {
  const text = `None of ${count(total, 'tenant')} needs you.`;
  // The list may lack the tenant that does.
  if (!isComplete) return <p class="empty">{text}</p>;
  return (
    <p class="empty good">
      <span aria-hidden="true">✓</span> {text}
    </p>
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
