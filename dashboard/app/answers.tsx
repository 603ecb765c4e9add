import type { ComponentChildren } from 'preact';
import type { HealthReportAnswer } from '../../src/lib/api/answers/health.ts';
import { count, daysText } from './format.ts';
import type { JobRuns } from './job-strips.tsx';
import { Badge, OutcomeBadge } from './pieces.tsx';
import type { Tenant } from '../../src/lib/api/trouble.ts';
import { areResultsKnown, troublesOf } from '../../src/lib/api/trouble.ts';

/** A question of an operator with its answer in a few words. */
function Answer({ question, children }: { readonly question: string; readonly children: ComponentChildren }) {
  return (
    <li>
      <span class="quiet">{question}</span>
      <span class="answer">{children}</span>
    </li>
  );
}

/** The short answers. A question without data yet is left out. */
export function Answers(props: {
  readonly report: HealthReportAnswer | undefined;
  readonly tenants: readonly Tenant[] | undefined;
  readonly jobs: readonly JobRuns[] | undefined;
}) {
  const { report, tenants, jobs } = props;
  return (
    <ul class="answers">
      {report === undefined ? null : (
        <Answer question="Is the credential healthy?">
          <CredentialAnswer applications={report.applications} />
        </Answer>
      )}
      {tenants === undefined ? null : (
        <Answer question="Which customers need me?">
          <CustomersAnswer tenants={tenants} />
        </Answer>
      )}
      {jobs === undefined ? null : (
        <Answer question="What did the last runs bring?">
          <RunsAnswer jobs={jobs} />
        </Answer>
      )}
    </ul>
  );
}

const order = ['down', 'degraded', 'ok'];

/** The worst state of all applications, and what ends first. */
function CredentialAnswer({ applications }: Pick<HealthReportAnswer, 'applications'>) {
  const [worst] = applications.toSorted((a, b) => order.indexOf(a.state.status) - order.indexOf(b.state.status));
  const [first] = applications.flatMap(endsOf).toSorted((a, b) => a.daysLeft - b.daysLeft);
  return (
    <>
      {worst === undefined ? null : <Badge state={worst.state.status} />}
      {first === undefined ? (
        'no refresh token'
      ) : (
        <span>
          <strong>{Math.abs(first.daysLeft)}</strong> {daysText(first.daysLeft)} {first.daysLeft < 0 ? 'of' : 'on'}{' '}
          {first.of}
        </span>
      )}
    </>
  );
}

type Application = HealthReportAnswer['applications'][number];

function endsOf({ daysLeft, clientCredential }: Application): { readonly daysLeft: number; readonly of: string }[] {
  const client = clientCredential?.daysLeft;
  return [
    daysLeft === undefined ? [] : { daysLeft, of: 'a refresh token' },
    client === undefined ? [] : { daysLeft: client, of: `a client ${clientCredential?.kind}` },
  ].flat();
}

function CustomersAnswer({ tenants }: { readonly tenants: readonly Tenant[] }) {
  const troubled = tenants.filter((tenant) => troublesOf(tenant).length > 0).length;
  const isKnown = areResultsKnown(tenants);
  if (troubled === 0 && !isKnown) return <>not known</>;
  return (
    <>
      {isKnown ? null : 'at least '}
      <strong>{troubled === 0 ? 'none' : troubled.toLocaleString('en')}</strong> of {count(tenants.length, 'tenant')}
    </>
  );
}

function RunsAnswer({ jobs }: { readonly jobs: readonly JobRuns[] }) {
  const last = jobs.flatMap(({ runs }) => runs[0] ?? []);
  if (last.length === 0) return <>no run yet</>;
  const byOutcome = [...Map.groupBy(last, ({ outcome }) => outcome)];
  return (
    <>
      {byOutcome.map(([outcome, some]) => (
        <span key={outcome}>
          <strong>{some.length}</strong> <OutcomeBadge outcome={outcome} />
        </span>
      ))}
    </>
  );
}
