import type { HealthReportAnswer } from '../../src/lib/api/answers/health.ts';
import { Notice, Sentence } from '../shared/text.tsx';
import { useRole, useSignedIn } from './context.ts';
import { CredentialCard } from './credential-card.tsx';
import { count } from './format.ts';
import { Badge, Card, Fact, Failure, Loaded, Time } from './pieces.tsx';
import { usePolling } from './polling.ts';
import { RunTable } from './run-table.tsx';
import { byDay } from './runs-filter.ts';

const healthIntervalMs = 30_000;
const runsIntervalMs = 5_000;

export function OverviewView() {
  const { api } = useSignedIn();
  const polled = usePolling(api.health, 'health', healthIntervalMs);
  return (
    <>
      <h2>Health {polled.value === undefined ? null : <Badge state={polled.value.status} />}</h2>
      <Loaded polled={polled}>
        {(report) =>
          'applications' in report ? (
            <Health report={report} />
          ) : (
            <Notice kind="plain">The token has no app role of the broker, so the broker shows only its status.</Notice>
          )
        }
      </Loaded>
      {useRole('Runs.Read') ? <LatestRuns /> : null}
    </>
  );
}

function LatestRuns() {
  const { api } = useSignedIn();
  const { value, failure } = usePolling(() => api.runs(8), 'latest', runsIntervalMs);
  return (
    <section>
      <div class="title-row">
        <h2>Latest runs</h2>
        <a href="#/runs">All runs</a>
      </div>
      <Failure failure={failure} />
      {value === undefined ? null : <RunTable days={byDay(value.runs, Date.now())} />}
    </section>
  );
}

interface ReportProps {
  readonly report: HealthReportAnswer;
}

function Health({ report }: ReportProps) {
  const { applications, tokens } = report;
  return (
    <>
      <Findings report={report} />
      <div class="cards">
        {applications.map((health) => (
          <CredentialCard key={health.application} health={health} />
        ))}
        <ComponentsCard report={report} />
        <Card title="Tokens from this instance">
          <p class="figure">{tokens.issued.toLocaleString('en')}</p>
          <p class="quiet">{tokens.fromCache.toLocaleString('en')} of them from the cache</p>
        </Card>
      </div>
    </>
  );
}

function Findings({ report }: ReportProps) {
  const { applications, policy, storage, keyVault, notifications, tenants } = report;
  const findings = applications.flatMap(({ application, findings }) =>
    findings.map((finding) => ({ application, ...finding })),
  );
  const problems = [policy, storage, keyVault, notifications, tenants].flatMap(({ problem }) => problem ?? []);
  return (
    <>
      {problems.map((problem) => (
        <Notice kind="warn" key={problem}>
          <Sentence text={problem} />
        </Notice>
      ))}
      {findings.map(({ application, severity, code, message, advice }) => (
        <Notice kind={severity === 'down' ? 'bad' : 'warn'} key={application + code + message}>
          <strong>{applications.length > 1 ? `${application}: ` : ''}</strong>
          <Sentence text={message} />
          <p>
            <Sentence text={advice} />
          </p>
        </Notice>
      ))}
    </>
  );
}

function ComponentsCard({ report: { policy, storage, keyVault, notifications } }: ReportProps) {
  return (
    <Card title="Components">
      <dl>
        <Fact name="Access policy">
          <Badge state={policy.status}>{policy.state}</Badge> {count(policy.rules, 'rule')}
        </Fact>
        <Fact name="Storage">
          <Badge state={storage.status} />
        </Fact>
        <Fact name="Key Vault">
          <Badge state={keyVault.status} />{' '}
          {keyVault.lastReadAt === undefined ? null : (
            <span class="quiet">
              read <Time iso={keyVault.lastReadAt} />
            </span>
          )}
        </Fact>
        <Fact name="Notifications">
          <Badge state={notifications.status} />
        </Fact>
      </dl>
    </Card>
  );
}
