import type { HealthReportAnswer, HealthWord } from '../../src/lib/api/answers/health.ts';
import type { TenantsAnswer } from '../../src/lib/api/answers/tenants.ts';
import { Notice, Sentence } from '../shared/text.tsx';
import { Answers } from './answers.tsx';
import { BrokerHealth, Findings } from './broker-health.tsx';
import { useRole, useSignedIn } from './context.ts';
import { CredentialCard } from './credential-card.tsx';
import { Customers } from './customers.tsx';
import { EndingRelationships } from './ending-relationships.tsx';
import { type JobRuns, JobStrips } from './job-strips.tsx';
import { Badge, Connection, Loading } from './pieces.tsx';
import { type Polled, usePolling } from './polling.ts';

const healthIntervalMs = 30_000;
const runsIntervalMs = 10_000;
const tenantsIntervalMs = 60_000;
/** Runs of each job in its strip: two weeks of a daily job. */
const runsPerJob = 14;

/** Answers three questions: is the credential healthy, which customers need me, what did the last runs bring? */
export function OverviewView() {
  const { api } = useSignedIn();
  const showsTenants = useRole('Tenants.Read');
  const showsRuns = useRole('Runs.Read');
  const health = usePolling(api.health, 'health', healthIntervalMs);
  const tenants = usePolling(async () => (showsTenants ? api.tenants() : undefined), 'tenants', tenantsIntervalMs);
  const loadJobs = async (): Promise<readonly JobRuns[] | undefined> => {
    if (!showsRuns) return undefined;
    const { jobs } = await api.jobs();
    // One request per job: in one list of all jobs, the runs of a frequent job would displace the run of a daily job.
    return Promise.all(jobs.map(async (job) => ({ job, runs: (await api.runs(runsPerJob, job.name)).runs })));
  };
  const jobs = usePolling(loadJobs, 'job runs', runsIntervalMs);
  const nowMs = Date.now();
  const report = health.value !== undefined && 'applications' in health.value ? health.value : undefined;
  return (
    <div class="overview">
      <h2>Health {health.value === undefined ? null : <Badge state={health.value.status} />}</h2>
      <Connection of={[health, tenants, jobs]} />
      {health.value !== undefined && report === undefined ? (
        <Notice kind="plain">The token has no app role of the broker, so the broker shows only its status.</Notice>
      ) : null}
      <Answers report={report} tenants={tenants.value?.tenants} jobs={jobs.value} />
      {report === undefined ? null : <Findings report={report} />}
      <div class="overview-body">
        {showsTenants || showsRuns ? (
          <div class="overview-main">
            {showsTenants ? <CustomersSection polled={tenants} /> : null}
            {showsRuns ? <RunsSection polled={jobs} nowMs={nowMs} /> : null}
          </div>
        ) : null}
        <div class="overview-aside">
          <Credentials polled={health} report={report} nowMs={nowMs} />
          {tenants.value === undefined ? null : <EndingRelationships tenants={tenants.value.tenants} nowMs={nowMs} />}
          {report === undefined ? null : <BrokerHealth report={report} />}
        </div>
      </div>
    </div>
  );
}

interface CredentialsProps {
  readonly polled: Polled<HealthReportAnswer | HealthWord>;
  readonly report: HealthReportAnswer | undefined;
  readonly nowMs: number;
}

function Credentials({ polled: { value, failure }, report, nowMs }: CredentialsProps) {
  if (value === undefined) return failure === undefined ? <Loading /> : null;
  return (
    <>
      {report?.applications.map((health) => (
        <CredentialCard key={health.application} health={health} nowMs={nowMs} />
      ))}
    </>
  );
}

function CustomersSection(props: { readonly polled: Polled<TenantsAnswer | undefined> }) {
  const { value, failure } = props.polled;
  return (
    <section class="question" aria-labelledby="customers-title">
      <div class="title-row">
        <h2 id="customers-title">Customers that need you</h2>
        <a href="#/tenants">All tenants</a>
      </div>
      {value === undefined && failure === undefined ? <Loading /> : null}
      {value === undefined ? null : (
        <>
          {value.warnings.map((warning) => (
            <Notice kind="warn" key={warning}>
              <Sentence text={warning} />
            </Notice>
          ))}
          <Customers answer={value} />
        </>
      )}
    </section>
  );
}

interface RunsProps {
  readonly polled: Polled<readonly JobRuns[] | undefined>;
  readonly nowMs: number;
}

function RunsSection({ polled: { value, failure }, nowMs }: RunsProps) {
  return (
    <section class="question" aria-labelledby="runs-title">
      <div class="title-row">
        <h2 id="runs-title">Latest runs</h2>
        <a href="#/runs">All runs</a>
      </div>
      {value === undefined && failure === undefined ? <Loading /> : null}
      {value === undefined ? null : <JobStrips jobs={value} nowMs={nowMs} />}
    </section>
  );
}
