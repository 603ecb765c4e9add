import type { ComponentChildren } from 'preact';
import type { HealthReportAnswer } from '../../src/lib/api/answers/health.ts';
import { Notice, Sentence } from '../shared/text.tsx';
import { useRole, useSignedIn } from './context.ts';
import { count, daysWords } from './format.ts';
import { Badge, Card, Failure, Loading, Time } from './pieces.tsx';
import { usePolling } from './polling.ts';
import { RunTable } from './runs-view.tsx';

const healthEveryMs = 30_000;
const runsEveryMs = 5_000;

export function OverviewView() {
  const { api } = useSignedIn();
  const { value, failure } = usePolling(api.health, 'health', healthEveryMs);
  return (
    <>
      <h2>Health {value === undefined ? null : <Badge state={value.status} />}</h2>
      <Failure failure={failure} />
      {value === undefined ? failure === undefined ? <Loading /> : null : <Health report={value} />}
      {useRole('Runs.Read') ? <LatestRuns /> : null}
    </>
  );
}

function LatestRuns() {
  const { api } = useSignedIn();
  const { value, failure } = usePolling(() => api.runs(8), 'latest', runsEveryMs);
  return (
    <section>
      <div class="title-row">
        <h2>Latest runs</h2>
        <a href="#/runs">All runs</a>
      </div>
      <Failure failure={failure} />
      {value === undefined ? null : <RunTable runs={value.runs} />}
    </section>
  );
}

function Health({ report }: { readonly report: HealthReportAnswer }) {
  const { applications, policy, storage, keyVault, notifications, tokens } = report;
  const findings = applications.flatMap(({ application, findings }) =>
    findings.map((finding) => ({ application, ...finding })),
  );
  const problems = [policy, storage, keyVault, notifications].flatMap(({ problem }) => problem ?? []);
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
      <div class="cards">
        {applications.map((health) => (
          <CredentialCard key={health.application} health={health} />
        ))}
        <Card title="Parts">
          <dl>
            <dt>Access policy</dt>
            <dd>
              <Badge state={policy.status}>{policy.state}</Badge> {count(policy.rules, 'rule')}
            </dd>
            <dt>Storage</dt>
            <dd>
              <Badge state={storage.status} />
            </dd>
            <dt>Key Vault</dt>
            <dd>
              <Badge state={keyVault.status} />{' '}
              {keyVault.lastReadAt === undefined ? null : (
                <span class="quiet">
                  read <Time iso={keyVault.lastReadAt} />
                </span>
              )}
            </dd>
            <dt>Notices</dt>
            <dd>
              <Badge state={notifications.status} />
            </dd>
          </dl>
        </Card>
        <Card title="Tokens from this instance">
          <p class="figure">{tokens.issued.toLocaleString('en')}</p>
          <p class="quiet">{tokens.fromCache.toLocaleString('en')} of them from memory</p>
        </Card>
      </div>
    </>
  );
}

function CredentialCard({ health }: { readonly health: HealthReportAnswer['applications'][number] }) {
  const { application, state, account, mfa, daysLeft, expiresAt, clientCredential, lastRotation, lastFailure } = health;
  return (
    <Card title={`Credential: ${application}`}>
      <p>
        <Badge state={state.status} />
      </p>
      {daysLeft === undefined ? (
        <p class="quiet">No refresh token.</p>
      ) : (
        <p class="figure">
          {Math.abs(daysLeft)} <small>{daysWords(daysLeft)} of the refresh token</small>
        </p>
      )}
      <dl>
        {account === undefined ? null : <Fact name="Account">{account}</Fact>}
        {mfa === undefined ? null : <Fact name="MFA">{mfa ? 'yes' : <Badge state="degraded">not known</Badge>}</Fact>}
        {expiresAt === undefined ? null : (
          <Fact name="Ends">
            <Time iso={expiresAt} />
          </Fact>
        )}
        {clientCredential === undefined ? null : (
          <Fact name={`Client ${clientCredential.kind}`}>
            {clientCredential.daysLeft === undefined
              ? 'no end'
              : `${Math.abs(clientCredential.daysLeft)} ${daysWords(clientCredential.daysLeft)}`}
          </Fact>
        )}
        {lastRotation === undefined ? null : (
          <Fact name="Last rotation">
            <Time iso={lastRotation} />
          </Fact>
        )}
        {lastFailure === undefined ? null : (
          <Fact name="Last failure">
            <Time iso={lastFailure.at} /> <Sentence text={lastFailure.meaning} />
          </Fact>
        )}
      </dl>
    </Card>
  );
}

function Fact({ name, children }: { readonly name: string; readonly children: ComponentChildren }) {
  return (
    <>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </>
  );
}
